"""What a killed fine-tuning continues from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.core import files, filetypes


@dataclass
class State:
    """How far a fine-tuning has come: which fold, or the final model after the last, and which epoch.

    `points` are the curves of every fold so far, shape (folds, epochs, 4), and `logits` the out-of-fold
    ones, shape (epochs, n, classes).
    """

    fold: int
    epoch: int
    points: np.ndarray
    logits: np.ndarray
    network: list[np.ndarray] = field(default_factory=list)

    def write(self, path: Path, key: str) -> None:
        """Replaces the file, with the key of what is trained; raises StorageError."""
        arrays: dict[str, Any] = {f"network{n}": array for n, array in enumerate(self.network)}
        at = np.array([self.fold, self.epoch])
        with files.replacing(path, durable=False) as place, place.open("wb") as file:
            np.savez(file, key=np.array(key), at=at, points=self.points, logits=self.logits, **arrays)

    @classmethod
    def read(cls, path: Path, key: str) -> State | None:
        """The state of the same fine-tuning; None if there is none, or it is damaged."""
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
                if str(kept["key"]) != key:
                    return None
                network = [kept[f"network{n}"] for n in range(len(kept.files) - 4)]
                fold, epoch = (int(number) for number in kept["at"])
                return cls(fold, epoch, kept["points"], kept["logits"], network)
        except filetypes.ZIP_ERRORS:
            return None
