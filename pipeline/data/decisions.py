"""decisions.csv: what a person decided about single pictures, by content.

Columns: sha256, decision (keep, relabel or leave_out), label, note. Nothing in the picture folder moves:
`apply` marks the pictures, training sees them as decided, and held-out pictures are scored as given.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pipeline.core import filetypes
from pipeline.core.errors import DataError
from pipeline.data.dataset import Table
from pipeline.data.pictures import Picture, Pictures

_KEEP: Final = "keep"
RELABEL: Final = "relabel"
LEAVE_OUT: Final = "leave_out"
_COLUMNS = ("sha256", "decision", "label", "note")


@dataclass(frozen=True)
class Decision:
    """One row: `keep`, `relabel` or `leave_out`, the class, the note, and the row's line in the file."""

    kind: str
    label: str
    note: str
    line: int


def read(path: Path) -> dict[str, Decision]:
    """The decisions by the sha256 of a picture's bytes.

    Raises:
        DataError: The file cannot be read, or a row is wrong; the message names its line.
    """
    rows = csv.DictReader(io.StringIO(_text(path), newline=""))
    found: dict[str, Decision] = {}
    try:
        if tuple(rows.fieldnames or ()) != _COLUMNS:
            raise DataError(
                f"{path}: the columns must be {', '.join(_COLUMNS)}. "
                f"Received: {', '.join(rows.fieldnames or ['nothing'])}",
                "save the file again from the page that review makes",
            )
        for row in rows:
            where = f"{path}, line {rows.line_num}"
            if None in row or None in row.values():
                raise DataError(f"{where}: expected {len(_COLUMNS)} cells", "correct or remove the line")
            sha256, kind, label, note = (row[name] for name in _COLUMNS)
            decision = Decision(kind, label, note, rows.line_num)
            if not re.fullmatch("[0-9a-f]{64}", sha256):
                raise DataError(f"{where}: {sha256!r} is not a sha256", "correct or remove the line")
            if decision.kind not in (_KEEP, RELABEL, LEAVE_OUT):
                raise DataError(
                    f"{where}: the decision must be {_KEEP}, {RELABEL} or {LEAVE_OUT}. "
                    f"Received: {decision.kind!r}",
                    "correct or remove the line",
                )
            if sha256 in found:
                raise DataError(
                    f"{where}: line {found[sha256].line} decides about the same picture", "keep one of them"
                )
            found[sha256] = decision
    except csv.Error as error:
        raise DataError(f"{path}, line {rows.line_num + 1}: {error}", "look for a missing quote") from error
    return found


def _text(path: Path) -> str:
    try:
        return filetypes.contents(path).decode("utf-8-sig")
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read: {error.strerror}",
            'save decisions.csv there, or remove data.decisions: --set data.decisions=""',
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text", "save it as CSV UTF-8") from error


def decide(table: Table, path: Path, warn: Callable[[str], None]) -> Table:
    """Reads and applies decisions; warns of those about other pictures. Raises as `read`, `apply`."""
    found = read(path)
    decided = apply(table, path, found)
    elsewhere = found.keys() - (picture.sha256 for picture in table.pictures)
    if gone := sorted(found[sha256].line for sha256 in elsewhere):
        warn(f"{path}: decisions about pictures that are not here: {len(gone)} (the first: line {gone[0]})")
    return decided


def changes(pictures: Pictures) -> tuple[list[Picture], list[Picture]]:
    """The pictures whose label decisions changed, and those they left out."""
    relabelled = [pictures[row] for row, label in enumerate(pictures.each("decided_label")) if label]
    return relabelled, [pictures[row] for row, d in enumerate(pictures.each("decision")) if d == LEAVE_OUT]


def new_label(decision: Decision, labels: Sequence[str], path: Path) -> str:
    """The class that a picture moves to; empty if it stays.

    Raises:
        DataError: There is no such class; the message names `path` and the line.
    """
    label = decision.label if decision.kind == RELABEL else ""
    if label and label not in labels:
        raise DataError(
            f"{path}, line {decision.line}: no class is called {label!r}", f"use one of: {', '.join(labels)}"
        )
    return label


def apply(table: Table, path: Path, decided: Mapping[str, Decision]) -> Table:
    """The table with the decision of every picture that has one, and of no other.

    Args:
        table: Any table.
        path: Of the decisions, for messages.
        decided: From `read`.

    Raises:
        DataError: A picture would move to a class that does not exist.
    """

    def marked(picture: Picture) -> Picture:
        decision = decided.get(picture.sha256, Decision("", "", "", 0))
        label = new_label(decision, table.labels, path)
        return picture._replace(decision=decision.kind, decided_label=label if label != picture.label else "")

    return replace(table, pictures=Pictures(map(marked, table.pictures)))
