"""Whether an artefact belongs to the rest of its run: made by this version, and from what lies there now.

A run that was trained again keeps the old comparison until the export is repeated. Shown side by
side they would tell of two models; so what is out of date counts as missing.
"""

from __future__ import annotations

import hashlib

from export import calibration_audit, convert, passport
from export.explain import stage as explain
from export.parity import stage as parity
from export.photos import simulate
from export.photos import stage as photos
from pipeline import audit, evaluate, runs, sheets, shortcuts, train
from pipeline.errors import RunError
from pipeline.runs import Run

_VERSIONS = {
    "audit": audit.VERSION,
    "passport": passport.VERSION,
    "photos": photos.VERSION,
    "simulated": simulate.VERSION,
    "folds": train.VERSION,
    "model": train.VERSION,
    "label_doubts": sheets.VERSION,
    "shortcuts": shortcuts.VERSION,
    "evaluation": evaluate.VERSION,
    "parity": parity.VERSION,
    "calibration": calibration_audit.VERSION,
    explain.STAGE: explain.VERSION,
}
_FILES = {f"{runs.EXPORT}/{name}": name for name in convert.FLAVOURS}
# What a stage rests on: the name that its recipe gives to it, and the stage whose key that is. A star
# is a flavour. Inputs that are not named here are no stages of the run.
_RESTS = {
    "model": {"folds": "folds"},
    "label_doubts": {"folds": "folds"},
    f"{runs.ANSWERS}/keras": {"model": "model"},
    "evaluation": {"answers": f"{runs.ANSWERS}/keras", "folds": "folds"},
    f"{runs.EXPORT}/*": {"model": "model"},
    f"{runs.EXPORT}/*/contract": {"export": f"{runs.EXPORT}/*"},
    f"{runs.ANSWERS}/*": {"export": f"{runs.EXPORT}/*"},
    "calibration": {"export": f"{runs.EXPORT}/int8"},
    "latency": {"*": f"{runs.EXPORT}/*"},
    "parity": {"keras": f"{runs.ANSWERS}/keras", "latency": "latency", "*": f"{runs.ANSWERS}/*"},
    explain.STAGE: {"keras": f"{runs.ANSWERS}/keras", "*": f"{runs.ANSWERS}/*"},
    # An app that was built before it could hold other flavours names the contract.
    "apk": {"contract.json": f"{runs.EXPORT}/int8/contract", "*": f"{runs.EXPORT}/*/contract"},
    "phone": {"apk": "apk", "*": f"{runs.EXPORT}/*/contract"},
    "photos": {"held_out": f"{runs.ANSWERS}/int8", "*": f"{runs.EXPORT}/*"},
    "simulated": {"plain": f"{runs.ANSWERS}/int8"},
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
        if stage == "passport" and out_of_date(run, f"{runs.EXPORT}/{name.split('/')[0]}"):
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
        digest = run.read_json(runs.EXPORT, flavour, "contract.json")["model"]["sha256"]
        data = run.path(convert.file_name(flavour)).read_bytes()
    except (RunError, OSError, KeyError, TypeError):
        return False
    return hashlib.sha256(data).hexdigest() == digest
