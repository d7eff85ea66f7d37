"""One side of a comparison: any model, with its labels and its preprocessing.

A run means its Keras model or one flavour, a bundle its file and contract. Any other .tflite is described
by its metadata or by `by_hand`, a .keras file by `by_hand`. What is missing is reported as an error, never
guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np

from export import artifacts
from export.bundle import bundle as bundles
from export.conversion import convert, own_model
from export.model_file import file_kind, keras_archive, metadata
from export.parity.models import foreign
from export.parity.models.by_hand import FITS, ByHand
from pipeline.core import filetypes, parallel, runs, stages
from pipeline.core.errors import ConversionError, DataError, UsageError
from pipeline.core.quiet import quiet
from pipeline.core.remote_cache import Place
from pipeline.core.sections import FLAVOURS, Gate
from pipeline.core.size import Size
from pipeline.evaluation.predictions import KERAS
from pipeline.images import decode
from pipeline.images.letterbox import letterbox
from pipeline.tflite import interpreter as litert
from pipeline.training import experiment as experiments

# A softmax sums to one, up to rounding.
_SUM_SLACK = 0.1
_MODELS = (".h5", ".hdf5", ".keras", ".onnx", ".pb", ".pt", ".pth", ".task", ".zip")

_Advance = Callable[[int], object]
T = TypeVar("T")


@dataclass(frozen=True)
class Side:
    """A model that can answer pictures.

    Attributes:
        name: For people.
        labels: In output order.
        prepared: Its preprocessing, in words.
        answer: Returns probabilities, float32, shape (files, labels).
        threshold: Below it the answer is "I don't know"; None if unknown.
        gate: The limits of its run, if it has one.
        trained_on: sha256 of the pictures it was trained on, as far as is known.
    """

    name: str
    labels: tuple[str, ...]
    prepared: str
    answer: Callable[[Sequence[Place], _Advance], np.ndarray]
    threshold: float | None = None
    gate: Gate | None = None
    trained_on: frozenset[str] = field(default=frozenset(), repr=False)


def side(name: str, flavour: str | None, hand: ByHand) -> Side:
    """The model that the command line names.

    Args:
        name: A run's name or folder, a bundle's folder, a .tflite or a .keras file.
        flavour: Of a run: this .tflite instead of its Keras model.
        hand: For a file that does not describe its input.

    Raises:
        UsageError: Something is missing, or contradicts the file's metadata.
        DataError, RunError, ConversionError: It cannot be read.
    """
    path = Path(name)
    if path.suffix == ".tflite":
        if (path.parent / bundles.CONTRACT).is_file() and _is_of_bundle(path):
            return _of_bundle(path.parent)
        return _foreign(path, hand)
    if (path / bundles.CONTRACT).is_file():
        return _of_bundle(path)
    if path.is_file() and (archive := keras_archive.read(path)) and not archive.damage:
        return _of_keras(path, hand)
    _check_kind(path)
    run = runs.find(name)
    return _of_run(run, flavour)


def _check_kind(path: Path) -> None:
    """Refuses models of kinds that cannot be compared, before they are taken for a run's name."""
    if path.suffix.lower() in _MODELS and not path.exists():
        raise DataError(f"{path}: no such file", "give a .tflite, a bundle's folder or a run")
    what = "a SavedModel of TensorFlow" if (path / "saved_model.pb").is_file() else ""
    if path.is_file():
        what = file_kind.describe(path)
    if what:
        raise DataError(f"{path} is {what}; models are compared as .tflite or .keras", file_kind.TO_TFLITE)


def _of_run(run: runs.Run, flavour: str | None) -> Side:
    experiment = experiments.open_trained(run)
    known = {
        "gate": experiment.config.gate,
        "trained_on": frozenset(picture.sha256 for picture in experiment.split.train),
    }
    if flavour is not None:
        if flavour not in FLAVOURS:
            raise UsageError(
                f"--flavour {flavour}: expected {', '.join(FLAVOURS)}", "use a flavour of that run"
            )
        convert.require(experiment, flavour)
        made = _of_bundle(run.path(artifacts.EXPORT, flavour))
        return Side(
            f"{run.name}, {flavour}", made.labels, made.prepared, made.answer, made.threshold, **known
        )

    def answer(files: Sequence[Place], advance: _Advance) -> np.ndarray:
        with quiet():
            from pipeline.training import classifier

            model = classifier.load(run.path(stages.MODEL))
        frames = parallel.ordered(lambda file: letterbox(decode.read(file), experiment.frame), files)
        return classifier.predict(model, frames, advance)

    threshold = experiment.threshold
    prepared = _prepared(experiment.frame, "letterbox", "0 to 255", "the run")
    return Side(f"{run.name}, {KERAS}", experiment.labels, prepared, answer, threshold, **known)


def _of_bundle(folder: Path) -> Side:
    read = bundles.read(folder)
    rules = read.contract

    def answer(files: Sequence[Place], advance: _Advance) -> np.ndarray:
        return litert.predictions(
            read.data, files, lambda file: letterbox(decode.read(file), rules.input.frame), advance
        )

    prepared = _prepared(rules.input.frame, "letterbox", "0 to 255", "its contract")
    return Side(str(read.model), rules.labels, prepared, answer, rules.threshold)


def _is_of_bundle(path: Path) -> bool:
    return bundles.read(path.parent).model.name == path.name


def _foreign(path: Path, hand: ByHand) -> Side:
    try:
        data = filetypes.contents(path, bundles.MOST_BYTES)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}", "give a .tflite, a bundle's folder or a run") from error
    stated = metadata.read(data) or metadata.Metadata()
    with foreign.running(path, hand.size) as model:
        frame, outputs, step = model.frame, model.labels, model.step
    labels = _agreeing(path, "labels", stated.labels or None, hand.labels)
    # Without a scale a range has no meaning, so bytes go in as they are.
    raw = model.dtype == np.uint8 and not model.scaled
    # Readers of metadata do the same with any uint8 model.
    as_bytes = raw or (model.dtype == np.uint8 and hand.limits is None)
    own_normalization = (stated.mean, stated.std) if stated.mean and stated.std else None
    limits = None if hand.limits is None else _normalization(*hand.limits)
    normalization = _agreeing(path, "range", own_normalization, limits)
    fit = hand.fit or ("letterbox" if _is_ours(stated) else "stretch" if own_normalization else None)
    labels, fit = _stated(path, labels, raw or normalization, fit, stated.problems)
    if len(labels) != outputs:
        raise DataError(
            f"{path} has {outputs} outputs, but there are {len(labels)} labels",
            "one label per line, in output order",
        )
    mean, std = (np.array(part, np.float32) for part in normalization or ((0,), (1,)))
    low, high = ((end - mean) / std for end in (0, 255))
    if model.dtype.kind in "iu" and not as_bytes and not model.scaled:
        least, most = np.iinfo(model.dtype).min, np.iinfo(model.dtype).max
        if low.min() < least or high.max() > most:
            raise UsageError(
                f"{path} takes integers {least} to {most}, not {_ends(low)} to {_ends(high)}",
                "give --range LOW,HIGH within that, as the model was trained",
            )

    def answer(files: Sequence[Place], advance: _Advance) -> np.ndarray:
        rows = []
        with foreign.running(path, hand.size) as model:
            for picture in parallel.ordered(lambda file: FITS[fit](decode.read(file), frame), files):
                rows.append(model.answer(picture if as_bytes else (picture.astype(np.float32) - mean) / std))
                advance(len(rows))
        return _probabilities(path, np.stack(rows), step)

    values = "its bytes" if as_bytes else f"{_ends(low)} to {_ends(high)}"
    source = "its metadata" if own_normalization and hand == ByHand(size=hand.size) else "the options"
    return Side(str(path), labels, _prepared(frame, fit, values, source), answer)


def _of_keras(path: Path, hand: ByHand) -> Side:
    labels, fit = _stated(path, hand.labels, hand.limits, hand.fit)
    limits = hand.limits or own_model.RAW
    own = own_model.load(path, hand.size)
    own_model.check_labels(own, labels, "--labels")
    model, added = own_model.classifier(own, limits)

    def answer(files: Sequence[Place], advance: _Advance) -> np.ndarray:
        with quiet():
            from pipeline.training import classifier
        frames = parallel.ordered(lambda file: FITS[fit](decode.read(file), own.frame), files)
        return classifier.predict(model, frames, advance)

    source = "the options" + ", with a softmax added" * added
    return Side(
        str(path), labels, _prepared(own.frame, fit, f"{limits[0]:g} to {limits[1]:g}", source), answer
    )


def _stated(
    path: Path, labels: tuple[str, ...] | None, limits: object, fit: str | None, problems: Sequence[str] = ()
) -> tuple[tuple[str, ...], str]:
    """The labels and the fit of a model without a contract; refused if anything about it is not known."""
    missing = [
        text
        for text, value in (
            ("its labels (--labels FILE)", labels),
            ("the range of its input (--range LOW,HIGH)", limits),
            ("how its frame is filled (--fit stretch or --fit letterbox)", fit),
        )
        if not value
    ]
    if missing or labels is None or fit is None:
        why = f"; {'; '.join(problems)}" if problems else ""
        raise UsageError(
            f"{path} has no contract beside it and does not state {', nor '.join(missing)}{why}",
            "pass these options, as the model was trained",
        )
    return labels, fit


def _is_ours(stated: metadata.Metadata) -> bool:
    return stated.name == metadata.classifier((), Size(1, 1), "").name


def _agreeing(path: Path, what: str, stated: T | None, by_hand: T | None) -> T | None:
    """The value from either source; refused if the two contradict each other."""
    if (
        stated is not None
        and by_hand is not None
        and not _same(stated, by_hand)
        and not _told_apart(stated, by_hand)
    ):
        raise UsageError(
            f"--{what} contradicts the metadata of {path}: {by_hand} against {stated}", f"omit --{what}"
        )
    return stated if by_hand is None or _same(stated, by_hand) else by_hand


def _told_apart(stated: object, by_hand: object) -> bool:
    """Whether labels given by hand only tell apart outputs that share a label in the file."""
    if not isinstance(stated, tuple) or not isinstance(by_hand, tuple) or len(stated) != len(by_hand):
        return False
    pairs = zip(stated, by_hand, strict=True)
    return all(own == other or (isinstance(own, str) and stated.count(own) > 1) for own, other in pairs)


def _same(one: object, other: object) -> bool:
    if one == other:
        return True
    try:
        return bool(
            np.allclose(*np.broadcast_arrays(np.array(one, float), np.array(other, float)), atol=1e-3)
        )
    except ValueError:
        return False


def _normalization(low: float, high: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and std such that (pixel − mean) / std runs from low to high."""
    std = 255 / (high - low)
    return (-low * std + 0.0,), (std,)


def _probabilities(path: Path, rows: np.ndarray, step: float) -> np.ndarray:
    # Each of many small probabilities may be rounded by half a step of the output.
    slack = _SUM_SLACK + rows.shape[1] * step / 2
    fine = np.isfinite(rows).all() and rows.min() >= -1e-3 and (np.abs(rows.sum(1) - 1) < slack).all()
    if not fine:
        raise ConversionError(
            f"{path} does not return probabilities: {rows.min():.3g} to {rows.max():.3g}, summing to "
            f"{rows[0].sum():.3g} for the first picture",
            "its last operator must be a softmax",
        )
    return rows


def _prepared(frame: Size, fit: str, values: str, source: str) -> str:
    return f"{frame.width}x{frame.height}, {fit}, pixels as {values}, by {source}"


def _ends(values: np.ndarray) -> str:
    return " / ".join(f"{value:.4g}" for value in np.unique(np.round(values, 4) + 0.0))
