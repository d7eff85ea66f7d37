"""The command-line description of a .tflite that does not describe itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.core import filetypes
from pipeline.core.errors import DataError, UsageError
from pipeline.core.size import Size, asked_size
from pipeline.images.letterbox import letterbox, stretch

FITS = {"stretch": stretch, "letterbox": letterbox}


@dataclass(frozen=True)
class ByHand:
    """The options of `compare-models`; None if omitted.

    Attributes:
        limits: The input values for pixels 0 and 255.
        labels: In output order.
        fit: A key of `FITS`.
        size: Of its input.
    """

    limits: tuple[float, float] | None = None
    labels: tuple[str, ...] | None = None
    fit: str | None = None
    size: Size | None = None

    @classmethod
    def read(
        cls, limits: str | None, labels: Path | None, fit: str | None, size: str | None = None
    ) -> ByHand:
        """Parses the options.

        Raises:
            UsageError: An option is invalid.
            DataError: The label file cannot be read.
        """
        if fit is not None and fit not in FITS:
            raise UsageError(f"--fit {fit}: expected stretch or letterbox", "as the model was trained")
        return cls(_limits(limits), _labels(labels), fit, asked_size(size))


def _limits(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        low, high = 0.0, 0.0
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise UsageError(f"--range {text}: expected two numbers, lower first", "such as 0,255 or -1,1 or 0,1")
    return low, high


def _labels(path: Path | None) -> tuple[str, ...] | None:
    if path is None:
        return None
    try:
        lines = filetypes.contents(path).decode("utf-8").removesuffix("\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: the labels cannot be read: {error}", "one label per line, UTF-8") from error
    labels = tuple(line.removesuffix("\r") for line in lines)
    if not all(labels):
        raise DataError(f"{path}: a label is empty", "one label per line, in output order")
    return labels
