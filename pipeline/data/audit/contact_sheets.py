"""Contact sheets: pictures with captions, to be judged by eye."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.core import parallel, stages
from pipeline.core.errors import DataError, NetworkError
from pipeline.core.progress import ProgressReporter
from pipeline.core.recipes import key_of
from pipeline.core.remote import file_name
from pipeline.core.remote_cache import Place
from pipeline.core.runs import Run
from pipeline.core.size import Size
from pipeline.data.audit.audit import AuditResult
from pipeline.data.audit.issues import IssueKind
from pipeline.images import decode
from pipeline.images.letterbox import on_pattern

SHOWN = 32
_CELL = Size(160, 160)
_DRAWN = ("matplotlib", "numpy", "pillow")
_TITLES = {
    IssueKind.CONTRADICTIONS: "One picture under two labels",
    IssueKind.LEAKS: "Copies in both train and test",
    IssueKind.COPIES: "Near-duplicates in pairs",
    IssueKind.EQUAL: "Equal files",
    IssueKind.UNIFORM: "Nearly one colour",
    IssueKind.PLACEHOLDER: "Mostly one flat colour",
    IssueKind.TINY: "Very small pictures",
    IssueKind.BARS: "Black bars",
}


def draw_image_issues(run: Run, result: AuditResult, reporter: ProgressReporter) -> list[Path]:
    """Draws a sheet for each issue that is best judged by eye; returns their paths."""
    issues = [issue for issue in result.audit.image_issues if issue.kind in _TITLES]
    sheets = []
    for done, issue in enumerate(issues, 1):
        total = len(issue.pictures)
        shown = [result.readable.at(path) for path in issue.pictures[:SHOWN]]
        title = _TITLES[issue.kind] + (f", the first {len(shown)} of {total}" if total > SHOWN else "")
        cells = [(f"{own.label}\n{file_name(own.path)}", result.table.file(own)) for own in shown]
        inputs = {"pictures": key_of([[own.path, own.label, own.sha256] for own in shown])}
        sheets.append(draw(run, f"audit-{issue.kind}.png", inputs, title, cells))
        reporter.progress("drawing contact sheets", done, len(issues))
    return sheets


def draw(run: Run, name: str, inputs: dict[str, str], title: str, cells: Sequence[tuple[str, Place]]) -> Path:
    """Draws a sheet into the run's figures unless it is up to date; returns its path."""
    output = f"{stages.FIGURES}/{name}"

    def draw() -> None:
        from pipeline.stats import plots  # loads matplotlib

        plots.captioned_sheet(run.path(output), title, list(parallel.ordered(_cell, cells)))

    recipe = stages.recipe(output, inputs, {"title": title}, _DRAWN)
    run.make(recipe, draw)
    return run.path(output)


def _cell(cell: tuple[str, Place]) -> tuple[np.ndarray, str, str]:
    caption, path = cell
    try:
        return on_pattern(decode.read(path, for_frame=_CELL), _CELL), caption, "black"
    except (DataError, NetworkError, OSError):
        # Deleted since it was read: the sheet says so, and the next audit reports it.
        return np.zeros((*_CELL[::-1], 3), np.uint8), f"{caption}\n(no longer readable)", "black"
