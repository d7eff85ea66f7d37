"""The documents that a run has for its report, and those it lacks, each with the command that makes it.

An unfinished run gets a report of what exists. Damaged and stale documents count as missing, with the
reason. Nothing is computed or repaired here.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

import numpy as np

from export import artifacts
from export.android.apk.apk_info import ApkInfo
from export.android.benchmark.phone_benchmarks import PhoneBenchmarks
from export.android.photos.photos import Photos
from export.android.photos.simulate import Simulated
from export.conversion.calibration_report import CalibrationReport
from export.explain.explanation import Explanation
from export.inspection.inspector import Passports
from export.parity import preference
from export.parity.latency import Latency
from export.parity.result import FlavourTarget, ParityResult
from pipeline.core import stages
from pipeline.core.config import Config
from pipeline.core.documents import Document, Form
from pipeline.core.errors import RunError, VignetteError
from pipeline.core.records import OutOfDate
from pipeline.core.remote_cache import Place, RemoteCache, locate
from pipeline.core.runs import Run
from pipeline.core.stages import Stage
from pipeline.data import stored_table
from pipeline.data.audit.audit import Audit
from pipeline.data.audit.shortcuts import Shortcuts
from pipeline.data.pictures import Picture, Pictures
from pipeline.evaluation.evaluate import Evaluation
from pipeline.evaluation.label_issues import LabelIssues
from pipeline.evaluation.predictions import KERAS
from pipeline.training.results import FineTuning, Folds, Frame, GivenModel, Search, Training

SHIPPED = preference.ORDER[0]


class Missing(Document):
    """A document that the report would show.

    Attributes:
        what: In a few words.
        command: What makes it.
        reason: Why it cannot be shown; empty if it was never made.
    """

    what: str
    command: str
    reason: str = ""


_FORMS: dict[str, type[Document]] = {
    stages.AUDIT: Audit,
    stages.SHORTCUTS: Shortcuts,
    stages.SEARCH: Search,
    stages.FRAME: Frame,
    stages.FINE_TUNING: FineTuning,
    stages.FOLDS: Folds,
    stages.TRAINING: Training,
    stages.GIVEN: GivenModel,
    stages.EVALUATION: Evaluation,
    stages.LABEL_ISSUES: LabelIssues,
    artifacts.PARITY: ParityResult,
    artifacts.PASSPORT: Passports,
    artifacts.CALIBRATION: CalibrationReport,
    artifacts.LATENCY: Latency,
    artifacts.EXPLAINED: Explanation,
    artifacts.APK_PASSPORT: ApkInfo,
    artifacts.PHONE: PhoneBenchmarks,
    artifacts.PHOTOS: Photos,
    artifacts.SIMULATED: Simulated,
}
_REASONS = {
    OutOfDate.UNFINISHED: "it was not finished",
    OutOfDate.OTHER_VERSION: "another version of Vignette made it",
    OutOfDate.CHANGED: "it was made from something that has changed since",
}


class Artifacts:
    """The documents of one run, read once."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.documents: dict[str, Document] = {}
        self.missing: dict[str, Missing] = {}
        for stage in stages.table():
            name, reason = stage.document, ""
            if name not in _FORMS:
                continue
            if run.path(name).is_file():
                try:
                    stale = run.out_of_date(stage.name)
                    if stale is None:
                        self.documents[name] = run.read(_FORMS[name], name)
                        continue
                    reason = _REASONS[stale]
                except RunError as error:
                    reason = error.message
            if stage.title and self._can_have(stage):
                self.missing[name] = Missing(
                    what=stage.title, command=stage.command.of(run.folder), reason=reason
                )

    def _can_have(self, stage: Stage) -> bool:
        if stage.trained and self.run.model_was_given:
            return False
        return not stage.flavour or self.config is None or stage.flavour in self.config.export.flavours

    def get(self, form: type[Form]) -> Form | None:
        """The run's document of that type, or None."""
        return next((one for one in self.documents.values() if isinstance(one, form)), None)

    def lacks(self, *names: str) -> list[Missing]:
        """The missing ones among these documents."""
        return [self.missing[name] for name in names if name in self.missing]

    @cached_property
    def config(self) -> Config | None:
        """The configuration, or None if it cannot be read."""
        try:
            return self.run.config()
        except VignetteError:
            return None

    @cached_property
    def pictures(self) -> Pictures:
        """Path, class and sha256 of the pictures in pictures.csv."""
        rows = self._csv(stages.PICTURES, "path", "label", "sha256")
        return Pictures(Picture(row["path"], row["label"], "", "", row["sha256"], 0, 0) for row in rows)

    @cached_property
    def sides(self) -> list[str]:
        """The side of each picture in split.csv; empty for one that is on neither."""
        sides = [""] * len(self.pictures)
        for row in self._csv(stages.SPLIT, "path", "side"):
            if (at := self.pictures.row(row["path"])) >= 0:
                sides[at] = sys.intern(row["side"])
        return sides

    @cached_property
    def excluded(self) -> list[dict[str, str]]:
        """excluded.csv."""
        return list(self._csv(stages.EXCLUDED, "path", "reason"))

    @property
    def labels(self) -> list[str]:
        """The classes, in the order of the output."""
        given = self.get(GivenModel)
        return list(given.labels) if given else sorted({*self.pictures.labels()})

    def places(self, paths: Iterable[str]) -> Iterator[tuple[str, Place]]:
        """Where pictures of the run lie, each with its path; nothing if that is not known."""
        if self.config is None:
            return
        root = stored_table.root_of(Path(self.config.data.pictures))
        cache = RemoteCache(self.config.data.remote_cache_gb)
        for path in paths:
            if self.pictures.row(path) >= 0:
                yield path, locate(root, path, cache)

    def predictions(self, model: str = KERAS) -> dict[str, np.ndarray] | None:
        """The stored predictions of a model, or None."""
        try:
            return self.run.read_arrays(stages.PREDICTIONS, f"{model}.npz")
        except RunError:
            return None

    @property
    def parity(self) -> ParityResult | None:
        """parity.json, or None."""
        return self.get(ParityResult)

    def target(self, model: str = "") -> FlavourTarget | None:
        """A flavour's row of parity.json, or None.

        Without a name, the flavour to ship; if the gate refused them all, int8 or else the last.
        """
        if self.parity is None:
            return None
        if model:
            return self.parity.target(model)
        best = preference.best(self.parity.targets, self.parity.gate)
        return best or self.parity.target(SHIPPED) or self.parity.targets[-1]

    @cached_property
    def failed(self) -> dict[str, str]:
        """The configured flavours that could not be converted, each with the reason."""
        flavours = self.config.export.flavours if self.config else ()
        notes = {
            name: self.run.recorded(f"{artifacts.EXPORT}/{name}/failure").get("message") for name in flavours
        }
        return {name: str(message) for name, message in notes.items() if message and not self.target(name)}

    def _csv(self, name: str, *columns: str) -> Iterable[dict[str, str]]:
        try:
            rows = self.run.read_csv(name)
        except RunError:
            return ()
        return rows if {*columns} <= {*rows.columns} else ()
