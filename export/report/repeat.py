"""How to reproduce a run: its commands, its configuration, and the versions that made it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from export import artifacts
from export.report.artifacts import Artifacts
from pipeline.core import config as configuration
from pipeline.core import stages
from pipeline.core.sections import INT8
from pipeline.training import experiment
from pipeline.training.results import FineTuning, Frame, GivenModel, Search, Training


@dataclass(frozen=True)
class Repeat:
    """The section.

    Attributes:
        commands: What to run, in order.
        pictures: Where the pictures are; empty if the configuration cannot be read.
        changed: Settings that differ from the defaults, as written in a configuration.
        versions: Of the libraries.
        model: The model in a few facts.
    """

    commands: list[str]
    pictures: str
    seed: int
    changed: Mapping[str, str]
    versions: Mapping[str, str]
    model: Mapping[str, str]


def repeat(contents: Artifacts) -> Repeat:
    """The section of the page."""
    name, config = contents.run.name, contents.config
    defaults = configuration.flat(configuration.Config(data=config.data)) if config else {}
    changed = {
        key: value
        for key, value in (configuration.flat(config) if config else {}).items()
        if key != "data.pictures" and value != defaults.get(key)
    }
    again = f"{name}-again"
    given = contents.get(GivenModel)
    commands = (
        [_giving(contents, given, again)]
        if given
        else [
            ["pipeline", "train", str(contents.run.path(stages.CONFIG)), "--name", again],
            ["pipeline", "evaluate", again],
            ["export", "tflite", again],
            ["export", "explain", again],
        ]
    )
    commands.append(["export", "report", again])
    return Repeat(
        commands=[shlex.join(["python", "-m", *command]) for command in commands],
        pictures=config.data.pictures if config else "",
        seed=config.seed if config else 0,
        changed={
            key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            for key, value in sorted(changed.items())
        },
        versions=_versions(contents),
        model=_model_facts(contents),
    )


def _giving(contents: Artifacts, given: GivenModel, name: str) -> list[str]:
    """The command that gives a model again; its labels are those of any of its bundles."""
    run, frame = contents.run, contents.get(Frame)
    flavour = contents.config.export.flavours[-1] if contents.config else INT8
    return [
        *("export", "tflite", "--keras", given.file, "--pictures", str(run.path(stages.CONFIG))),
        *("--labels", str(run.path(artifacts.EXPORT, flavour, "labels.txt"))),
        f"--range={given.limits[0]:g},{given.limits[1]:g}",
        *(("--size", str(frame.size)) if frame else ()),
        *("--name", name),
    ]


def _versions(contents: Artifacts) -> dict[str, str]:
    """The versions of the libraries that made the run's stages, by name."""
    together: dict[str, str] = {}
    exported = (f"{artifacts.EXPORT}/int8", f"{stages.PREDICTIONS}/int8", "parity")
    for stage in ("folds", "model", "given", *exported):
        together |= contents.run.recorded(stage).get("libraries", {})
    return dict(sorted(together.items()))


def _model_facts(contents: Artifacts) -> dict[str, str]:
    """The model in a few facts."""
    config, training, frame, search = (
        contents.config,
        contents.get(Training),
        contents.get(Frame),
        contents.get(Search),
    )
    facts = {}
    if given := contents.get(GivenModel):
        facts["Model"] = f"{given.file}, not trained here, with {given.parameters:,} parameters"
        facts["File's sha256"] = given.sha256
        low, high = given.limits
        facts["Pixels"] = f"taken as {low:g} to {high:g}" + "; a softmax was added" * given.softmax_added
    elif config:
        chosen = config.with_values(search.winner) if search and config.search else config
        facts["Backbone"] = f"{chosen.model.backbone}, {_tuning(contents)}"
        kinds = {"linear": "one softmax layer", "dense": f"{chosen.head.units} ReLU units, then softmax"}
        facts["Head"] = kinds[chosen.head.kind]
    if training:
        facts["Parameters"] = (
            f"{training.trainable_parameters:,} trained, {training.frozen_parameters:,} frozen"
        )
    if frame:
        facts["Frame"] = f"{frame.width} × {frame.height} pixels (width × height)"
    return facts


def _tuning(contents: Artifacts) -> str:
    """How the backbone was trained, in words."""
    found = contents.get(FineTuning)
    if not found:
        return "frozen"
    low, high = (100 * bound for bound in found.interval)
    gain = f"out-of-fold {100 * found.gain:+.1f} points, 95%: {low:+.1f} to {high:+.1f}"
    if found.kept and experiment.is_fine_tuned(contents.run):
        return f"fine-tuned above {found.layer} ({gain})"
    return f"frozen; fine-tuning was not shown to be better ({gain})"
