"""split.csv: the side and the fold of every picture, also of those that are gone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain
from typing import NamedTuple

from pipeline.core import documents, stages
from pipeline.core.documents import Rows
from pipeline.core.errors import RunError
from pipeline.core.runs import Run
from pipeline.data.dataset import Table
from pipeline.data.pictures import Pictures

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
    """The rows of a stored split, read anew by every pass; without `folds_stay` only the sides are kept."""

    def __init__(self, rows: Iterable[Mapping[str, str]], *, folds_stay: bool = True) -> None:
        self.folds_stay = folds_stay
        self._rows = rows

    def __bool__(self) -> bool:
        return next(iter(self._rows), None) is not None

    def __iter__(self) -> Iterator[tuple[str, str, Place]]:
        """Path, sha256 and place of every row."""
        for row in self._rows:
            fold = int((self.folds_stay and row["fold"]) or -1)
            yield row["path"], row["sha256"], Place.of(row["side"], fold)

    def places(self, pictures: Pictures) -> list[Place | None]:
        """The place of each picture that has one: renamed ones are found by content, edited ones by path."""
        found: list[Place | None] = [None] * len(pictures)
        if not self:
            return found
        same = bytearray(len(pictures))
        row = -1
        for path, sha256, place in self:
            row = pictures.row(path, row + 1)
            if row >= 0:
                found[row], same[row] = place, sha256 == pictures.sha256(row)
        wanted = {pictures.sha256(row) for row, known in enumerate(same) if not known}
        by_content = (
            {sha256: place for _, sha256, place in self if place.side and sha256 in wanted} if wanted else {}
        )
        for row, known in enumerate(same):
            if not known:
                found[row] = by_content.get(pictures.sha256(row), found[row])
        return found


def to_csv(table: Table, places: Sequence[Place], before: StoredSplit) -> bytes:
    """split.csv; `places` are those of the table's pictures."""
    own = ((p.path, p.sha256, place) for p, place in zip(table.pictures, places, strict=True))
    rows = (
        (path, sha256, place.side, place.fold if place.fold >= 0 else "")
        for path, sha256, place in chain(own, _gone(table.pictures, before))
    )
    return documents.csv_of(("path", "sha256", "side", "fold"), rows, "\r\n")


def _gone(pictures: Pictures, before: StoredSplit) -> Iterator[tuple[str, str, Place]]:
    """The rows of pictures that are gone: they keep their place in case they come back."""
    row = -1
    for one in before:
        row = pictures.row(one[0], row + 1)
        if row < 0:
            yield one


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
