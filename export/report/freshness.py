"""Whether an artifact belongs to the rest of its run: made by this version, and from what lies there now.

A run that was trained again keeps the old comparison until the export is repeated. Shown side by
side they would tell of two models; so what is out of date counts as missing.
"""

from __future__ import annotations

import hashlib

from export import artifacts
from export.android.photos import photos, simulate
from export.conversion import calibration_report, convert
from export.explain import explain
from export.inspection import inspector
from export.parity import parity
from pipeline.core import runs
from pipeline.core.errors import RunError
from pipeline.core.runs import Run
from pipeline.data.audit import audit, contact_sheets, shortcuts
from pipeline.evaluation import evaluate
from pipeline.training import train

_VERSIONS = {
    "audit": audit.VERSION,
    "passport": inspector.VERSION,
    "photos": photos.VERSION,
    "simulated": simulate.VERSION,
    "folds": train.VERSION,
    "model": train.VERSION,
    "label_issues": contact_sheets.VERSION,
    "shortcuts": shortcuts.VERSION,
    "evaluation": evaluate.VERSION,
    "parity": parity.VERSION,
    "calibration": calibration_report.VERSION,
    explain.STAGE: explain.VERSION,
}
_FILES = {f"{artifacts.EXPORT}/{name}": name for name in convert.FLAVOURS}
# What a stage rests on: the name that its recipe gives to it, and the stage whose key that is. A star
# is a flavour. Inputs that are not named here are no stages of the run.
_RESTS = {
    "model": {"folds": "folds"},
    "label_issues": {"folds": "folds"},
    f"{runs.PREDICTIONS}/keras": {"model": "model"},
    "evaluation": {"predictions": f"{runs.PREDICTIONS}/keras", "folds": "folds"},
    f"{artifacts.EXPORT}/*": {"model": "model"},
    f"{artifacts.EXPORT}/*/contract": {"export": f"{artifacts.EXPORT}/*"},
    f"{runs.PREDICTIONS}/*": {"export": f"{artifacts.EXPORT}/*"},
    "calibration": {"export": f"{artifacts.EXPORT}/int8"},
    "latency": {"*": f"{artifacts.EXPORT}/*"},
    "parity": {"keras": f"{runs.PREDICTIONS}/keras", "latency": "latency", "*": f"{runs.PREDICTIONS}/*"},
    explain.STAGE: {"keras": f"{runs.PREDICTIONS}/keras", "*": f"{runs.PREDICTIONS}/*"},
    # An app that was built before it could hold other flavours names the contract.
    "apk": {"contract.json": f"{artifacts.EXPORT}/int8/contract", "*": f"{artifacts.EXPORT}/*/contract"},
    "phone": {"apk": "apk", "*": f"{artifacts.EXPORT}/*/contract"},
    "photos": {"held_out": f"{runs.PREDICTIONS}/int8", "*": f"{artifacts.EXPORT}/*"},
    "simulated": {"plain": f"{runs.PREDICTIONS}/int8"},
}


def out_of_date(run: Run, stage: str) -> str:
    """Why what a stage made no longer belongs to the run; empty if it does."""
    recorded = run.recorded(stage)
    if not recorded:
        return "it was not finished"
    if recorded.get("version") != _VERSIONS.get(stage, recorded.get("version")):
        return "another version of Vignette made it"
    changed = "it was made from something that has changed since"
    if stage in _FILES and not _same_file(run, _FILES[stage]):
        return changed
    for name, key in recorded.get("inputs", {}).items():
        below = _below(stage, name)
        if below and (run.recorded(below).get("key") != key or run.altered(below) or out_of_date(run, below)):
            return changed
        if stage == "passport" and out_of_date(run, f"{artifacts.EXPORT}/{name.split('/')[0]}"):
            return changed
    return ""


def _below(stage: str, name: str) -> str:
    """The stage that an input is, or nothing."""
    flavour = next((one for one in convert.FLAVOURS if one in (name, *stage.split("/"))), "")
    rests = _RESTS.get(stage) or _RESTS.get(stage.replace(flavour, "*") if flavour else stage, {})
    below = rests.get(name) or (rests.get("*", "") if name in convert.FLAVOURS else "")
    return below.replace("*", flavour)


def _same_file(run: Run, flavour: str) -> bool:
    """Whether the .tflite lies there and is the one that its contract was written for."""
    try:
        digest = run.read_json(artifacts.EXPORT, flavour, "contract.json")["model"]["sha256"]
        data = run.path(convert.file_name(flavour)).read_bytes()
    except (RunError, OSError, KeyError, TypeError):
        return False
    return hashlib.sha256(data).hexdigest() == digest
