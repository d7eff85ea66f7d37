"""Any two models on any labelled pictures.

`sides` finds the models and their preprocessing; figures, verdict and wording are those of `parity`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydantic import computed_field

from export import artifacts
from export.parity import comparison, flips, gate, wording
from export.parity.models import sides
from export.parity.models.by_hand import ByHand
from export.parity.models.sides import Side
from export.parity.result import Reference, Target, Verdict
from pipeline.core import files
from pipeline.core.documents import Document
from pipeline.core.errors import DataError
from pipeline.core.progress import ProgressReporter
from pipeline.core.sections import Gate
from pipeline.core.size import Size
from pipeline.data import dataset
from pipeline.data.dataset import Table
from pipeline.data.labels import numbers_of
from pipeline.data.pictures import Picture
from pipeline.evaluation.predictions import Predictions
from pipeline.images import decode
from pipeline.images.letterbox import on_pattern

_THUMBNAIL = Size(224, 224)


class _ComparedReference(Reference):
    """The model that the target is compared with; `prepared` describes its preprocessing."""

    prepared: str


class ComparedTarget(Target):
    """The model that is judged; `prepared` describes its preprocessing."""

    prepared: str


class _ModelComparison(Document):
    """The parity.json of two models: one target, and the n pictures of a folder or table."""

    pictures: str
    n: int
    groups: int
    labels: tuple[str, ...]
    gate: Gate
    reference: _ComparedReference
    targets: tuple[ComparedTarget]
    verdict: Verdict

    @computed_field
    @property
    def passed(self) -> bool:
        """Whether the target passed."""
        return self.verdict == Verdict.PASSED


def compare_models(
    reference: str,
    target: str,
    folder: Path,
    flavour: str | None,
    hand: ByHand,
    out: Path | None,
    reporter: ProgressReporter,
) -> tuple[_ModelComparison, list[str]]:
    """Compares two models; returns the result and the files written to `out`.

    The limits are those of the target's run, else of the reference's, else the defaults.

    Raises:
        UsageError, DataError, RunError, ConversionError: A model or the pictures cannot be used, or
            their labels differ.
    """
    one, other = sides.side(reference, None, hand), sides.side(target, flavour, hand)
    _check_labels(one, other)
    table = dataset.scan(folder, progress=reporter.progress)
    for entry in table.excluded:
        reporter.warn(f"excluded: {entry.path}: {entry.reason}")
    rows = _held_out(table)
    _check_classes(one, table, folder)
    known = sum(picture.sha256 in one.trained_on | other.trained_on for picture in rows)
    if known:
        reporter.warn(f"{known} of {len(rows)} pictures were used in training; models do better on those")
    first = _answers(one, one.labels, rows, table, "the reference", reporter)
    second = _answers(other, one.labels, rows, table, "the target", reporter)
    bounds = other.gate or one.gate or Gate()
    scores = _ComparedReference(
        **dict(comparison.scores(first, one.threshold)), model=one.name, prepared=one.prepared
    )
    changes = comparison.compare(first, second, one.labels, other.threshold)
    row = ComparedTarget(
        **dict(changes),
        **dict(gate.judge(changes, bounds)),
        model=other.name,
        prepared=other.prepared,
        look=1,
        words=(),
    )
    words = tuple(wording.sentences(row, scores, bounds, "pictures"))
    reporter.say("reference", f"{one.name}: {one.prepared}")
    reporter.say("target", f"{other.name}: {other.prepared}")
    result = _ModelComparison(
        pictures=str(folder),
        n=changes.n,
        groups=changes.groups,
        labels=one.labels,
        gate=bounds,
        reference=scores,
        targets=(row.model_copy(update={"words": words}),),
        verdict=row.verdict,
    )
    return result, _write(result, out, first, second, rows, table) if out else []


def _held_out(table: Table) -> list[Picture]:
    """The pictures to compare on: the test side if the folder has one, else all."""
    held_out = [picture for picture in table.pictures if picture.given_split == "held_out"]
    return held_out or list(table.pictures)


def _check_labels(one: Side, other: Side) -> None:
    only = [sorted((Counter(a.labels) - Counter(b.labels)).keys()) for a, b in ((one, other), (other, one))]
    if any(only):
        parts = [
            f"only {side.name} has {', '.join(own)}"
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
            f"{folder} has classes that the models do not have: {', '.join(unknown)}",
            f"they have {', '.join(one.labels)}",
        )
    several = sorted(label for label in table.labels if one.labels.count(label) > 1)
    if several:
        raise DataError(
            f"{folder} has pictures of {', '.join(several)}, which is the label of several outputs",
            "give each output its own label (--labels FILE), or remove these pictures",
        )


def _answers(
    side: Side,
    labels: Sequence[str],
    rows: Sequence[Picture],
    table: Table,
    stage: str,
    reporter: ProgressReporter,
) -> Predictions:
    """A side's predictions, with columns in the order of `labels`."""
    files = [table.file(picture) for picture in rows]
    probabilities = side.answer(files, lambda done: reporter.progress(f"running {stage}", done, len(files)))
    order = _order(side.labels, labels)
    return Predictions(
        side.name,
        np.array([picture.sha256 for picture in rows]),
        # Equal files count as one.
        np.array([picture.group or picture.sha256 for picture in rows]),
        numbers_of((picture.label for picture in rows), labels),
        probabilities[:, order].astype(np.float32),
    )


def _order(own: Sequence[str], labels: Sequence[str]) -> list[int]:
    """The output of each label; equal labels keep their order."""
    places: dict[str, list[int]] = {}
    for place, label in enumerate(own):
        places.setdefault(label, []).append(place)
    return [places[label].pop(0) for label in labels]


def _write(
    result: _ModelComparison,
    out: Path,
    one: Predictions,
    other: Predictions,
    rows: Sequence[Picture],
    table: Table,
) -> list[str]:
    json_file, sheet = out / artifacts.PARITY, out / flips.NAME
    files.write_json(json_file, result.model_dump(mode="json"))

    def frame(place: int) -> np.ndarray:
        return on_pattern(decode.read(table.file(rows[place])), _THUMBNAIL)

    flips.draw(sheet, f"{one.model} against {other.model}", one, other, result.labels, frame)
    return [str(json_file), str(sheet)]
