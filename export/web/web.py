"""The page of a run, try.html: made again when the bundle, the gate's verdict or the page's own files change.

`page` makes it, `litert_js` has the runtime.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from export import artifacts
from export.bundle import bundle
from export.conversion import convert
from export.parity.result import ParityResult
from export.web import litert_js, page
from export.web.page import GRID, Facts, Gate, HeldOut
from pipeline.core import files, stages
from pipeline.core.recipes import key_of
from pipeline.core.runs import Run
from pipeline.core.sections import INT8


@dataclass(frozen=True)
class _Made:
    """The page.

    Attributes:
        path: The file.
        flavour: Of the model inside.
        size_bytes: Of the file.
        fresh: Whether it was made just now.
    """

    path: Path
    flavour: str
    size_bytes: int
    fresh: bool


def make(run: Run, flavour: str = "") -> _Made:
    """Writes the page of a run, unless it is up to date.

    Args:
        run: An exported one.
        flavour: Of the model inside; empty for int8.

    Raises:
        UsageError: The run does not export that flavour.
        RunError: It has not been exported, or is older than the model.
        BundleError: The bundle is damaged.
        ToolError: LiteRT.js has not been fetched.
        StorageError: The page cannot be written.
    """
    flavour = flavour or INT8
    convert.check_flavour(run, run.config().export.flavours, flavour)
    folder, contract = artifacts.require_bundle(run, flavour), f"{convert.bundle_name(flavour)}/contract"
    facts = _facts(run, flavour)
    sources = {path.name: path for path in sorted(page.FILES.iterdir())}
    settings = {
        "flavour": flavour,
        "runtime": litert_js.VERSION,
        "facts": key_of(facts.model_dump(mode="json")),
        "sources": {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in sources.items()},
    }
    recipe = stages.recipe("web", {flavour: run.key(contract)}, settings, ("jinja2",))
    path = run.path(artifacts.TRY)

    def build() -> None:
        files.write_text(path, page.render(bundle.read(folder), facts, litert_js.read()))

    fresh = run.make(recipe, build)
    return _Made(path, flavour, path.stat().st_size, fresh)


def _facts(run: Run, flavour: str) -> Facts:
    predicted = run.read_arrays(stages.PREDICTIONS, f"{flavour}.npz")
    right = predicted["probabilities"].argmax(1) == predicted["truth"]
    answered = predicted["probabilities"].max(1) >= np.arange(GRID + 1)[:, np.newaxis] / GRID
    return Facts(
        run=run.name,
        flavour=flavour,
        gate=_gate(run, flavour),
        held_out=HeldOut(
            n=len(right),
            answered=tuple(answered.sum(1).tolist()),
            right=tuple((answered & right).sum(1).tolist()),
        ),
        own=tuple(sorted(row["sha256"][:12] for row in run.read_csv(stages.PICTURES))),
    )


def _gate(run: Run, flavour: str) -> Gate | None:
    """The gate's verdict on the file; None if there is none, or it is of another file."""
    if not run.path(artifacts.PARITY).is_file() or run.out_of_date("parity"):
        return None
    result = run.read(ParityResult, artifacts.PARITY)
    target = result.target(flavour)
    return target and Gate(verdict=str(target.verdict), n=result.n, second_look=target.second_look)
