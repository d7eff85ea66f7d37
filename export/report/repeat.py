"""How to repeat a run: its commands, its configuration, and the versions that made it."""

from __future__ import annotations

import json
import shlex
from typing import Any

from export import artifacts
from export.report.artifacts import Artifacts
from pipeline.core import config as configuration
from pipeline.core import runs


def repeat(found: Artifacts) -> dict[str, Any]:
    """The part of the page."""
    name, config = found.run.name, found.config
    defaults = configuration.flat(configuration.Config(data=config.data)) if config else {}
    changed = {
        key: value
        for key, value in (configuration.flat(config) if config else {}).items()
        if key != "data.pictures" and value != defaults.get(key)
    }
    again = f"{name}-again"
    words = [
        ["pipeline", "train", str(found.run.path(runs.CONFIG)), "--name", again],
        ["pipeline", "evaluate", again],
        ["export", "tflite", again],
        ["export", "explain", again],
        ["export", "report", again],
    ]
    return {
        "commands": [shlex.join(["python", "-m", *command]) for command in words],
        "pictures": config.data.pictures if config else None,
        "seed": config.seed if config else None,
        "changed": {key: _shown(value) for key, value in sorted(changed.items())},
        "versions": versions(found),
        "model": _model_facts(found),
    }


def versions(found: Artifacts) -> dict[str, str]:
    """The libraries that made the run's stages, by name."""
    together: dict[str, str] = {}
    for stage in ("folds", "model", f"{artifacts.EXPORT}/int8", f"{runs.PREDICTIONS}/int8", "parity"):
        together |= found.run.recorded(stage).get("libraries", {})
    return dict(sorted(together.items()))


def _model_facts(found: Artifacts) -> dict[str, str]:
    """The model in a few facts."""
    config, training, frame = found.config, found.get(runs.TRAINING), found.get(runs.FRAME)
    facts = {}
    if config:
        searched = (found.get(runs.SEARCH) or {}).get("winner") if config.search else None
        chosen = config.with_values(searched) if searched else config
        facts["Backbone"] = f"{chosen.model.backbone}, frozen"
        kinds = {"linear": "one softmax layer", "dense": f"{chosen.head.units} ReLU units, then softmax"}
        facts["Head"] = kinds[chosen.head.kind]
    if training:
        facts["Parameters"] = (
            f"{training['trainable_parameters']:,} trained, {training['frozen_parameters']:,} frozen"
        )
    if frame:
        facts["Frame"] = f"{frame['width']} × {frame['height']} pixels (width × height)"
    return facts


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
