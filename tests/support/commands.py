"""The commands that faults are met in, and what every refusal has in common."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from pipeline.core import stages
from tests.support import verbs
from tests.support.verbs import here, sets

# Enough to see a fault; nobody looks at the score.
QUICK = (
    "model.backbone=tiny",
    "train.preset=fast",
    "model.input=64x64",
    "train.folds=2",
    "train.epochs=3",
    "augment.views=1",
)
WRITE_THERE = "check your write permission, or choose another folder"


def train(place: Path, *arguments: object, source: str = "pictures", way=here, **options):
    return way("pipeline", "train", source, *sets(QUICK), *arguments, cwd=place, **options)


def train_copy(place: Path, *arguments: object, way=here, **options):
    """The command that the finished run was made with."""
    return way("pipeline", "train", "pictures", *sets(), *arguments, cwd=place, **options)


def refused(ended, code: int, message: str, hint: str) -> None:
    verbs.refused(ended, code, message, hint)
    assert "Traceback" not in ended.stderr


def without_a_run(place: Path) -> None:
    assert not list((place / "data").rglob(stages.CONFIG))


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text("utf-8"))))


def no_rubbish(run: Path) -> None:
    assert [path for path in run.rglob(".*") if path.name != ".lock"] == []
