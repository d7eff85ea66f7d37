"""Sheets of pictures that a person is to look at: what the audit found, and doubted labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import doubts, pictures, runs, workers
from pipeline.audit import Audit
from pipeline.errors import PictureError
from pipeline.letterbox import Size, on_pattern
from pipeline.runs import Recipe, Run
from pipeline.subject import Subject, load_out_of_fold
from pipeline.workers import Listener

VERSION = 2
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


def draw_findings(run: Run, found: Audit, listener: Listener) -> list[Path]:
    """Draws a sheet for each finding that is best judged by eye; gives those there are."""
    seen = {picture.path: picture for picture in found.seen}
    wanted = [entry for entry in found.document["findings"] if entry["kind"] in _TITLES]
    made = []
    for done, entry in enumerate(wanted, 1):
        shown = entry["pictures"][:SHOWN]
        total = len(entry["pictures"])
        title = _TITLES[entry["kind"]] + (f", the first {len(shown)} of {total}" if total > SHOWN else "")
        cells = [(f"{seen[path].label}\n{Path(path).name}", found.table.root / path) for path in shown]
        inputs = {"pictures": runs.key_of([[path, seen[path].label, seen[path].sha256] for path in shown])}
        name = f"audit-{entry['kind']}.png"
        made.append(_draw(run, name, inputs, title, cells))
        listener.progress("drawing sheets", done, len(wanted))
    return made


def label_doubts(subject: Subject) -> dict[str, object]:
    """Writes label_doubts.json and its sheet; gives what it holds."""
    run = subject.run
    recipe = Recipe("label_doubts", VERSION, {"folds": run.key("folds")}, {}, ("numpy", "scipy"))
    run.make(
        recipe,
        [runs.LABEL_DOUBTS],
        lambda: runs.write_json(run.path(runs.LABEL_DOUBTS), _doubts(subject)),
    )
    found = run.read_json(runs.LABEL_DOUBTS)
    rows, title = found["doubts"], "Labels that may be wrong, the most doubtful first"
    if not rows:
        rows, title = found["withheld"], "Contradicted labels, likely by the model's own mistakes"
    shown = rows[:SHOWN]
    if shown:
        cells = [(_caption(row), subject.table.root / row["path"]) for row in shown]
        more = f", the first {len(shown)} of {len(rows)}" if len(rows) > SHOWN else ""
        _draw(run, "label_doubts.png", {"doubts": recipe.key}, f"{title}{more}", cells)
    return found


def _caption(row: dict[str, Any]) -> str:
    filed = f"filed: {row['label']} {row['label_score']:.2f}"
    return f"{filed}\nrather: {row['suggestion']} {row['suggestion_score']:.2f}"


def _doubts(subject: Subject) -> dict[str, object]:
    stored = load_out_of_fold(subject.run)
    truth, probabilities = stored["truth"], stored["probabilities"]
    joint = doubts.confident_joint(truth, probabilities)
    own = np.bincount(truth, minlength=len(subject.labels)).tolist()
    doubted, trust = doubts.earned(truth, probabilities)
    return {
        "n": len(truth),
        "share_wrong_estimate": doubts.share_wrong(joint, own),
        "labels": list(subject.labels),
        "confident_joint": joint.tolist(),
        "trust": asdict(trust),
        "doubts": [_row(subject, doubt) for doubt in doubted],
        "withheld": [
            _row(subject, doubt) for doubt in doubts.find(truth, probabilities) if doubt not in doubted
        ],
    }


def _row(subject: Subject, doubt: doubts.Doubt) -> dict[str, object]:
    picture = subject.split.train[doubt.index]
    return {
        "path": picture.path,
        "sha256": picture.sha256,
        "label": subject.labels[doubt.label],
        "suggestion": subject.labels[doubt.suggestion],
        "label_score": round(doubt.label_score, 6),
        "suggestion_score": round(doubt.suggestion_score, 6),
    }


def _draw(run: Run, name: str, inputs: dict[str, str], title: str, cells: Sequence[tuple[str, Path]]) -> Path:
    output = f"{runs.FIGURES}/{name}"

    def draw() -> None:
        from pipeline import figures  # matplotlib, which nothing needs that is up to date

        figures.captioned_sheet(run.path(output), title, list(workers.ordered(_cell, cells)))

    recipe = Recipe(f"figures/{name}", 2, inputs, {"title": title}, _DRAWN)
    run.make(recipe, [output], draw)
    return run.path(output)


def _cell(cell: tuple[str, Path]) -> tuple[np.ndarray, str, str]:
    caption, path = cell
    try:
        return on_pattern(pictures.read(path, for_frame=_CELL), _CELL), caption, "black"
    except (PictureError, OSError):
        # Gone since it was looked at: the sheet says so, and the next audit notes it.
        return np.zeros((*_CELL[::-1], 3), np.uint8), f"{caption}\n(cannot be read any more)", "black"
