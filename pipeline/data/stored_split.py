"""split.csv: the side and the fold of every picture, also of those that are gone."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import chain
from typing import NamedTuple

from pipeline.core import stages
from pipeline.core.documents import Rows
from pipeline.core.errors import RunError
from pipeline.core.runs import Run
from pipeline.data.dataset import Picture, Table

TRAIN, HELD_OUT = "train", "held_out"
_MOST_FOLDS = 20  # that a configuration may set


class Place(NamedTuple):
    """Where a picture is. `side` is empty for an excluded one; `fold` is -1 outside training."""

    side: str
    fold: int

    @staticmethod
    @cache
    def of(side: str = "", fold: int = -1) -> Place:
        """The one object of this place: there are millions of pictures, and few places."""
        return Place(side, fold)


class StoredSplit:
    """The rows of a stored split; matches renamed pictures by content, edited ones by path.

    Without `folds_stay` only the sides are kept.
    """

    def __init__(self, rows: Iterable[dict[str, str]], *, folds_stay: bool = True) -> None:
        self.folds_stay = folds_stay
        self._by_path = {
            row["path"]: (row["sha256"], Place.of(row["side"], int((folds_stay and row["fold"]) or -1)))
            for row in rows
        }
        self._by_content = {sha256: place for sha256, place in self._by_path.values() if place.side}

    def __bool__(self) -> bool:
        return bool(self._by_path)

    def place(self, picture: Picture) -> Place | None:
        sha256, place = self._by_path.get(picture.path, ("", None))
        return place if sha256 == picture.sha256 else self._by_content.get(picture.sha256, place)

    def gone(self, places: Mapping[str, Place]) -> Iterator[tuple[str, str, Place]]:
        """Path, sha256 and place of the pictures that are not among these paths."""
        for path, (sha256, place) in self._by_path.items():
            if path not in places:
                yield path, sha256, place


def to_csv(table: Table, places: Mapping[str, Place], before: StoredSplit) -> str:
    """The text of split.csv."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["path", "sha256", "side", "fold"])
    own = ((picture.path, picture.sha256, places[picture.path]) for picture in table.pictures)
    # Pictures that are gone keep their place in case they come back.
    for path, sha256, place in chain(own, before.gone(places)):
        writer.writerow([path, sha256, place.side, place.fold if place.fold >= 0 else ""])
    return text.getvalue()


def rows_of(run: Run) -> Rows:
    """The rows of the stored split.

    Raises:
        RunError: It is missing or damaged.
    """
    rows = run.read_csv(stages.SPLIT)
    # Pictures that are gone have no fold if the number of folds has changed since.
    folds = {"": ("",), HELD_OUT: ("",), TRAIN: ("", *map(str, range(_MOST_FOLDS)))}
    for number, row in enumerate(rows, 2):
        if row["fold"] not in folds.get(row["side"], ()):
            raise RunError(
                f"{run.path(stages.SPLIT)}, line {number}: expected train with a fold, held_out or nothing. "
                f"Received: {row['side']},{row['fold']}",
                "restore the file, or use --resplit to start a new run",
            )
    return rows
