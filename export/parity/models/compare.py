"""Any two models on any labelled pictures: the comparison of `parity` without a run's stored answers.

Where the models come from and how pictures get into them belongs to `sides`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from export import artifacts
from export.parity import comparison, flips, gate, wording
from export.parity.models import sides
from export.parity.models.sides import ByHand, Side
from pipeline.core import files
from pipeline.core.errors import DataError
from pipeline.core.progress import ProgressReporter
from pipeline.core.sections import Gate
from pipeline.core.size import Size
from pipeline.data import dataset
from pipeline.data.dataset import Picture, Table
from pipeline.evaluation.predictions import Predictions
from pipeline.images import decode
from pipeline.images.letterbox import on_pattern

_THUMBNAIL = Size(224, 224)


def compare_models(
    reference: str,
    target: str,
    folder: Path,
    flavour: str | None,
    hand: ByHand,
    out: Path | None,
    reporter: ProgressReporter,
) -> dict[str, Any]:
    """Compares two models; gives what parity.json holds, and writes it where `out` says.

    The bounds are those of the target's run, else of the reference's, else the defaults.

    Raises:
        UsageError, DataError, RunError, ConversionError: A model or the pictures cannot be used, or
            their labels differ.
    """
    one, other = sides.side(reference, None, hand), sides.side(target, flavour, hand)
    _check_labels(one, other)
    table = dataset.scan(folder, progress=reporter.progress)
    for entry in table.excluded:
        reporter.warn(f"left out: {entry.path}: {entry.reason}")
    rows = _held_out(table)
    _check_classes(one, table, folder)
    known = sum(picture.sha256 in one.trained_on | other.trained_on for picture in rows)
    if known:
        reporter.warn(f"{known} of {len(rows)} pictures were used in training; models do better on those")
    first = _answers(one, one.labels, rows, table, "the reference", reporter)
    second = _answers(other, one.labels, rows, table, "the target", reporter)
    bounds = other.gate or one.gate or Gate()
    n = len(rows)
    scores = {"model": one.name, "prepared": one.prepared, **comparison.scores(first, one.threshold)}
    found = comparison.compare(first, second, one.labels, other.threshold)
    row = {"model": other.name, "prepared": other.prepared, **found, **gate.judge(found, bounds), "look": 1}
    said = wording.sentences(row, scores, bounds, "pictures")
    reporter.say("reference", f"{one.name}: {one.prepared}")
    reporter.say("target", f"{other.name}: {other.prepared}")
    document = {
        "pictures": str(folder),
        "n": n,
        "groups": len(set(first.groups.tolist())),
        "labels": list(one.labels),
        "gate": bounds.model_dump(mode="json"),
        "reference": scores,
        "targets": [{**row, "words": said}],
        "verdict": row["verdict"],
        "passed": row["passed"],
    }
    document["files"] = _write(document, out, first, second, rows, table) if out else []
    return document


def _held_out(table: Table) -> list[Picture]:
    """The pictures to compare on: the test side where the folder has one, else all."""
    given = [picture for picture in table.pictures if picture.given == "held_out"]
    return given or list(table.pictures)


def _check_labels(one: Side, other: Side) -> None:
    only = [sorted((Counter(a.labels) - Counter(b.labels)).keys()) for a, b in ((one, other), (other, one))]
    if any(only):
        parts = [
            f"{side.name} alone knows {', '.join(own)}"
            for side, own in zip((one, other), only, strict=True)
            if own
        ]
        raise DataError(
            f"the two models have different labels: {'; '.join(parts)}", "compare models of the same classes"
        )


def _check_classes(one: Side, table: Table, folder: Path) -> None:
    unknown = sorted(set(table.labels) - set(one.labels))
    if unknown:
        raise DataError(
            f"{folder} has classes that the models do not know: {', '.join(unknown)}",
            f"they know {', '.join(one.labels)}",
        )
    several = sorted(label for label in table.labels if one.labels.count(label) > 1)
    if several:
        raise DataError(
            f"{folder} has pictures of {', '.join(several)}, which is the label of several outputs",
            "give these outputs labels of their own (--labels FILE), or leave the pictures out",
        )


def _answers(
    side: Side,
    labels: Sequence[str],
    rows: Sequence[Picture],
    table: Table,
    stage: str,
    reporter: ProgressReporter,
) -> Predictions:
    """A side's answers, its columns in the order of `labels`."""
    files = [table.file(picture) for picture in rows]
    found = side.answer(files, lambda done: reporter.progress(f"answers of {stage}", done, len(files)))
    order = _order(side.labels, labels)
    return Predictions(
        side.name,
        np.array([picture.sha256 for picture in rows]),
        # Equal files count as one.
        np.array([picture.group or picture.sha256 for picture in rows]),
        np.array([labels.index(picture.label) for picture in rows]),
        found[:, order].astype(np.float32),
    )


def _order(own: Sequence[str], labels: Sequence[str]) -> list[int]:
    """Which output stands for each label; of equal labels the first for the first, and so on."""
    places: dict[str, list[int]] = {}
    for place, label in enumerate(own):
        places.setdefault(label, []).append(place)
    return [places[label].pop(0) for label in labels]


def _write(
    document: dict[str, Any],
    out: Path,
    one: Predictions,
    other: Predictions,
    rows: Sequence[Picture],
    table: Table,
) -> list[str]:
    json_file, sheet = out / artifacts.PARITY, out / flips.NAME
    files.write_json(json_file, document)

    def frame(place: int) -> np.ndarray:
        return on_pattern(decode.read(table.file(rows[place])), _THUMBNAIL)

    flips.draw(sheet, f"{one.model} against {other.model}", one, other, document["labels"], frame)
    return [str(json_file), str(sheet)]
