"""Sheets of pictures for a person to look at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.core import parallel, runs, stages
from pipeline.core.errors import PictureError
from pipeline.core.progress import ProgressReporter
from pipeline.core.recipes import key_of
from pipeline.core.runs import Run
from pipeline.core.size import Size
from pipeline.data.audit.audit import Audit
from pipeline.images import decode
from pipeline.images.letterbox import on_pattern

SHOWN = 32
_CELL = Size(160, 160)
_DRAWN = ("matplotlib", "numpy", "pillow")
_TITLES = {
    "contradictions": "One picture under two labels",
    "leaks": "Copies in both train and test",
    "copies": "Near-copies, two by two",
    "equal": "Equal files",
    "uniform": "Nearly one colour",
    "placeholder": "Mostly one flat colour",
    "tiny": "Very small pictures",
    "bars": "Black bars",
}


def draw_image_issues(run: Run, found: Audit, reporter: ProgressReporter) -> list[Path]:
    """Draws a sheet for each finding that is best judged by eye; gives those there are."""
    seen = {picture.path: picture for picture in found.seen}
    wanted = [entry for entry in found.document["image_issues"] if entry["kind"] in _TITLES]
    made = []
    for done, entry in enumerate(wanted, 1):
        shown = entry["pictures"][:SHOWN]
        total = len(entry["pictures"])
        title = _TITLES[entry["kind"]] + (f", the first {len(shown)} of {total}" if total > SHOWN else "")
        cells = [(f"{seen[path].label}\n{Path(path).name}", found.table.root / path) for path in shown]
        inputs = {"pictures": key_of([[path, seen[path].label, seen[path].sha256] for path in shown])}
        name = f"audit-{entry['kind']}.png"
        made.append(draw(run, name, inputs, title, cells))
        reporter.progress("drawing sheets", done, len(wanted))
    return made


def draw(run: Run, name: str, inputs: dict[str, str], title: str, cells: Sequence[tuple[str, Path]]) -> Path:
    """Draws a sheet into the run's figures, unless it is up to date; gives its path."""
    output = f"{runs.FIGURES}/{name}"

    def draw() -> None:
        from pipeline.stats import plots  # matplotlib, which nothing needs that is up to date

        plots.captioned_sheet(run.path(output), title, list(parallel.ordered(_cell, cells)))

    recipe = stages.recipe(output, inputs, {"title": title}, _DRAWN)
    run.make(recipe, draw)
    return run.path(output)


def _cell(cell: tuple[str, Path]) -> tuple[np.ndarray, str, str]:
    caption, path = cell
    try:
        return on_pattern(decode.read(path, for_frame=_CELL), _CELL), caption, "black"
    except (PictureError, OSError):
        # Gone since it was looked at: the sheet says so, and the next audit notes it.
        return np.zeros((*_CELL[::-1], 3), np.uint8), f"{caption}\n(cannot be read any more)", "black"
