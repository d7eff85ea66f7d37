"""split.csv: the side and the fold of every picture, also of those that are gone."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.core import stages
from pipeline.core.errors import RunError
from pipeline.core.runs import Run
from pipeline.data.dataset import Picture, Table

TRAIN, HELD_OUT = "train", "held_out"
_MOST_FOLDS = 20  # that a configuration may set


@dataclass(frozen=True)
class Place:
    """Where a picture is. `side` is empty for an excluded one; `fold` is -1 outside training."""

    side: str = ""
    fold: int = -1


class StoredSplit:
    """The rows of a stored split; matches renamed pictures by content, edited ones by path.

    Without `folds_stay` only the sides are kept.
    """

    def __init__(self, rows: Sequence[dict[str, str]], *, folds_stay: bool = True) -> None:
        self.rows = [row if folds_stay else {**row, "fold": ""} for row in rows]
        self.folds_stay = folds_stay
        self._by_both = {(row["path"], row["sha256"]): row for row in self.rows}
        self._by_content = {row["sha256"]: row for row in self.rows if row["side"]}
        self._by_path = {row["path"]: row for row in self.rows}

    def place(self, picture: Picture) -> Place | None:
        row = (
            self._by_both.get((picture.path, picture.sha256))
            or self._by_content.get(picture.sha256)
            or self._by_path.get(picture.path)
        )
        return Place(row["side"], int(row["fold"] or -1)) if row else None


def to_csv(table: Table, places: Mapping[str, Place], before: StoredSplit) -> str:
    """The text of split.csv."""
    text = io.StringIO()
    writer = csv.DictWriter(text, ["path", "sha256", "side", "fold"])
    writer.writeheader()
    for picture in table.pictures:
        place = places[picture.path]
        fold = place.fold if place.side == TRAIN else ""
        writer.writerow({"path": picture.path, "sha256": picture.sha256, "side": place.side, "fold": fold})
    # Pictures that are gone keep their place in case they come back.
    writer.writerows(row for row in before.rows if row["path"] not in places)
    return text.getvalue()


def rows_of(run: Run) -> list[dict[str, str]]:
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
