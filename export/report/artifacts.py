"""What a run holds for its report, and what it lacks, with the command that makes it.

A report is of whatever is there: a half-finished run has one, too. What is damaged or out of date
counts as missing, with the reason; nothing here computes or repairs anything.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from export import artifacts
from export.parity import preference
from export.parity.result import FlavourTarget, ParityResult
from export.report.freshness import out_of_date
from pipeline.core import runs
from pipeline.core.config import Config
from pipeline.core.errors import RunError, VignetteError
from pipeline.core.runs import Run
from pipeline.evaluation.predictions import KERAS

SHIPPED = preference.ORDER[0]
CALIBRATION = f"{artifacts.EXPORT}/calibration.json"
LATENCY = f"{artifacts.EXPORT}/latency.json"


@dataclass(frozen=True)
class Missing:
    """Something that the report would show.

    Attributes:
        what: In a few words.
        command: What makes it.
        reason: Why it is not there, where that is more than not having been made.
    """

    what: str
    command: str
    reason: str = ""


# What is read; what it is to a reader, the verb that makes it, with RUN and PICTURES to be filled in,
# and the stage that records it.
JSON = {
    runs.AUDIT: ("the audit of the pictures", "python -m pipeline audit PICTURES", "audit"),
    runs.SHORTCUTS: ("the look for shortcuts", "python -m pipeline train CONFIG", "shortcuts"),
    runs.FRAME: ("the model's frame", "python -m pipeline train CONFIG", "frame"),
    runs.FOLDS: ("the folds", "python -m pipeline train CONFIG", "folds"),
    runs.TRAINING: ("the final model", "python -m pipeline train CONFIG", "model"),
    runs.EVALUATION: ("the scores on the held-out pictures", "python -m pipeline evaluate RUN", "evaluation"),
    runs.LABEL_ISSUES: ("labels that may be wrong", "python -m pipeline evaluate RUN", "label_issues"),
    artifacts.PARITY: ("the comparison with the Keras model", "python -m export tflite RUN", "parity"),
    artifacts.PASSPORT: (
        "what each file is, and who can load it",
        "python -m export passport RUN",
        "passport",
    ),
    CALIBRATION: ("what the integer ranges were measured on", "python -m export tflite RUN", "calibration"),
    LATENCY: ("times on this computer", "python -m export parity RUN", "latency"),
    artifacts.EXPLAINED: ("where the model looks", "python -m export explain --run RUN", "explain"),
    artifacts.APK_PASSPORT: ("the app", "python -m export apk RUN", "apk"),
    artifacts.PHONE: ("times on a phone", "python -m export benchmark RUN", "phone"),
    artifacts.PHOTOS: ("photos from the field", "python -m export photos FOLDER --run RUN", "photos"),
    artifacts.SIMULATED: (
        "the model on pictures of a screen",
        "python -m export simulate RUN",
        "simulated",
    ),
}
_FORMS = {artifacts.PARITY: ParityResult}
# Made only where there is reason to; nobody is told that they lack it.
_OCCASIONAL = {runs.SEARCH: "search"}
# What only a run with an int8 file can have.
_OF_INT8 = (CALIBRATION, artifacts.PHOTOS, artifacts.SIMULATED)


class Artifacts:
    """The artifacts of one run, read once."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.found: dict[str, Any] = {}
        self.missing: dict[str, Missing] = {}
        for name, stage in ({name: row[-1] for name, row in JSON.items()} | _OCCASIONAL).items():
            reason = ""
            if run.path(name).is_file():
                try:
                    reason = out_of_date(run, stage)
                    if not reason:
                        form = _FORMS.get(name)
                        self.found[name] = run.read(form, name) if form else run.read_json(name)
                        continue
                except RunError as error:
                    reason = error.message
            if name in JSON and not (name in _OF_INT8 and self._without_int8):
                what, command, _ = JSON[name]
                self.missing[name] = Missing(what, self._filled(command), reason)

    @property
    def _without_int8(self) -> bool:
        return self.config is not None and SHIPPED not in self.config.export.flavours

    def get(self, name: str) -> Any:
        """A JSON artifact, or None."""
        return self.found.get(name)

    def lacks(self, *names: str) -> list[Missing]:
        """Those of these that are missing."""
        return [self.missing[name] for name in names if name in self.missing]

    @cached_property
    def config(self) -> Config | None:
        """The configuration, or None where it cannot be read any more."""
        try:
            return self.run.config()
        except VignetteError:
            return None

    @cached_property
    def rows(self) -> list[dict[str, str]]:
        """pictures.csv, with the `side` that split.csv gives each picture."""
        sides = {row["path"]: row for row in self._csv(runs.SPLIT, "path", "side")}
        return [
            {**row, "side": sides.get(row["path"], {}).get("side", "")}
            for row in self._csv(runs.PICTURES, "path", "label", "sha256")
        ]

    @cached_property
    def excluded(self) -> list[dict[str, str]]:
        """excluded.csv."""
        return self._csv(runs.EXCLUDED, "path", "reason")

    @property
    def labels(self) -> list[str]:
        """The classes in the one order."""
        return sorted({row["label"] for row in self.rows})

    @cached_property
    def root(self) -> Path | None:
        """What paths of pictures are relative to."""
        if self.config is None:
            return None
        source = Path(self.config.data.pictures)
        return source if source.is_dir() else source.parent

    def predictions(self, model: str = KERAS) -> dict[str, np.ndarray] | None:
        """The stored answers of a model, or None."""
        try:
            found = self.run.read_arrays(runs.PREDICTIONS, f"{model}.npz")
            counts = {found[name].shape[0] for name in ("truth", "probabilities", "sha256")}
            return found if len(counts) == 1 else None
        except (RunError, KeyError):
            return None

    @property
    def parity(self) -> ParityResult | None:
        """parity.json, or None."""
        return self.found.get(artifacts.PARITY)

    def target(self, model: str = "") -> FlavourTarget | None:
        """A flavour's row of parity.json, or None.

        Without a name that of the flavour to ship; if the gate refused all, int8's or the last.
        """
        if self.parity is None:
            return None
        if model:
            return self.parity.target(model)
        best = preference.best(self.parity.targets, self.parity.gate)
        return best or self.parity.target(SHIPPED) or self.parity.targets[-1]

    @cached_property
    def failed(self) -> dict[str, str]:
        """The configured flavours that could not be made, each with the reason."""
        flavours = self.config.export.flavours if self.config else ()
        notes = {
            name: self.run.recorded(f"{artifacts.EXPORT}/{name}/failure").get("message") for name in flavours
        }
        return {name: str(message) for name, message in notes.items() if message and not self.target(name)}

    def _filled(self, command: str) -> str:
        name = shlex.quote(self.run.name)
        words = {
            "CONFIG": f"{shlex.quote(str(self.run.path(runs.CONFIG)))} --name {name}",
            "PICTURES": shlex.quote(self.config.data.pictures) if self.config else "PICTURES",
            "RUN": name,
        }
        return re.sub("|".join(words), lambda found: words[found[0]], command)

    def _csv(self, name: str, *columns: str) -> list[dict[str, str]]:
        try:
            rows = self.run.read_csv(name)
        except RunError:
            return []
        return rows if not rows or {*columns} <= rows[0].keys() else []
