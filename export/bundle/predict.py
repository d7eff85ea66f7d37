"""What a bundle's model says of pictures: the very preparation, file and threshold that the app uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from export.bundle.bundle import Bundle
from pipeline.core import parallel
from pipeline.core.documents import Document
from pipeline.core.errors import DataError, PictureError
from pipeline.data import folders
from pipeline.images.views import plain_view
from pipeline.tflite import interpreter as litert

_TOP = 3


class _Guess(Document):
    """One of the model's likeliest labels."""

    label: str
    probability: float


class Prediction(Document):
    """The answer to one picture.

    `label` is None for "don't know": the probability is below the contract's threshold. `top` holds the
    likeliest labels, best first. A picture that cannot be read has a `problem` and nothing else.
    """

    path: str
    label: str | None = None
    top: tuple[_Guess, ...] = ()
    problem: str = ""


def predict(bundle: Bundle, paths: Iterable[Path]) -> Iterator[Prediction]:
    """The answers to picture files, in their order, on all cores."""
    contract = bundle.contract
    interpreters = litert.Interpreters(bundle.data)

    def answer(path: Path) -> Prediction:
        try:
            frame = plain_view(path, contract.input.frame)
        except PictureError as error:
            return Prediction(path=str(path), problem=error.reason)
        except OSError as error:
            return Prediction(path=str(path), problem=f"cannot be opened: {error.strerror}")
        with interpreters.one() as interpreter:
            row = litert.finite(interpreter.answer(frame))
        best = np.argsort(-row, kind="stable")[:_TOP]
        top = tuple(_Guess(label=contract.labels[at], probability=float(row[at])) for at in best)
        sure = top[0].probability >= contract.threshold
        return Prediction(path=str(path), label=top[0].label if sure else None, top=top)

    yield from parallel.ordered(answer, paths)


def listed(given: Iterable[Path]) -> list[Path]:
    """The files to predict: those given, and every picture below the folders given, by its ending.

    Raises:
        DataError: A folder cannot be listed, or there is no picture in it.
    """
    files: list[Path] = []
    for path in given:
        if not path.is_dir():
            files.append(path)
            continue
        found = folders.anything(path).candidates
        if not found:
            raise DataError(
                f"{path}: no picture in this folder", "give pictures, or a folder that holds some"
            )
        files += [path / picture.path for picture in found]
    return files
