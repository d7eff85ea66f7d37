"""What a run holds for its report, and what it lacks, with the command that makes it.

A report is of whatever is there: a half-finished run has one, too. What is damaged or out of date
counts as missing, with the reason; nothing here computes or repairs anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from export import artifacts
from export.parity import preference
from export.parity.result import FlavourTarget, ParityResult
from pipeline.core import runs, stages
from pipeline.core.config import Config
from pipeline.core.errors import RunError, VignetteError
from pipeline.core.records import OutOfDate
from pipeline.core.runs import Run
from pipeline.core.stages import Stage
from pipeline.evaluation.predictions import KERAS

SHIPPED = preference.ORDER[0]


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


_FORMS = {artifacts.PARITY: ParityResult}
_REASONS = {
    OutOfDate.UNFINISHED: "it was not finished",
    OutOfDate.OTHER_VERSION: "another version of Vignette made it",
    OutOfDate.CHANGED: "it was made from something that has changed since",
}


class Artifacts:
    """The artifacts of one run, read once."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.found: dict[str, Any] = {}
        self.missing: dict[str, Missing] = {}
        for stage in stages.table():
            name, reason = stage.document, ""
            if run.path(name).is_file():
                try:
                    stale = run.out_of_date(stage.name)
                    if stale is None:
                        form = _FORMS.get(name)
                        self.found[name] = run.read(form, name) if form else run.read_json(name)
                        continue
                    reason = _REASONS[stale]
                except RunError as error:
                    reason = error.message
            if stage.title and self._can_have(stage):
                self.missing[name] = Missing(stage.title, stage.command.of(run.folder), reason)

    def _can_have(self, stage: Stage) -> bool:
        return not stage.flavour or self.config is None or stage.flavour in self.config.export.flavours

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

    def _csv(self, name: str, *columns: str) -> list[dict[str, str]]:
        try:
            rows = self.run.read_csv(name)
        except RunError:
            return []
        return rows if not rows or {*columns} <= rows[0].keys() else []
