"""One table of the stages of a run: version, inputs, outputs, and the command that makes each.

Which stages are done or out of date, which command to suggest and what a report may show all follow from
this table, so a new artifact is one row. `export` registers its own rows, in `export.artifacts`.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.core.recipes import Recipe

# The files of a run, in the order in which they are made.
CONFIG = "config.toml"
PICTURES = "pictures.csv"
EXCLUDED = "excluded.csv"
AUDIT = "audit.json"
SHORTCUTS = "shortcuts.json"
SPLIT = "split.csv"
SPLIT_COPY = "recipes/split.csv"
SEARCH = "search.json"
FRAME = "frame.json"
FOLDS = "folds.json"
OUT_OF_FOLD = "out_of_fold.npz"
MODEL = "model.keras"
GIVEN = "given.json"  # beside a model that was not trained here
TRAINING = "training.json"
FINE_TUNING = "fine_tuning.json"
FINE_TUNED_FOLDS = "fine_tuning.npz"
PREDICTIONS = "predictions"
EVALUATION = "evaluation.json"
ANSWERS = "answers.csv"  # to the held-out pictures
LABEL_ISSUES = "label_issues.json"
FIGURES = "figures"
FRONTIER = "frontier.json"
# In folders of the cache.
BACKBONE = "backbone.tflite"
FOOTPRINT = "footprint.json"


class Command(NamedTuple):
    """A command line, `python -m MODULE VERB ARGUMENTS`, with RUN and CONFIG to be filled in."""

    module: str
    verb: str
    arguments: str = "RUN"

    def of(self, folder: Path) -> str:
        """The command for the run in a folder, quoted for a shell."""
        values = {"RUN": folder.name, "CONFIG": str(folder / CONFIG)}
        words = [shlex.quote(values[word]) if word in values else word for word in self.arguments.split()]
        return " ".join(["python -m", self.module, self.verb, *words])


TRAIN = Command("pipeline", "train", "CONFIG --name RUN")
EVALUATE = Command("pipeline", "evaluate")
_SEARCH = Command("pipeline", "search")
GIVE = Command("export", "tflite", "--keras FILE --pictures FOLDER --labels FILE --name RUN")


@dataclass(frozen=True)
class Stage:
    """A row of the table.

    Attributes:
        name: The name of its recipe; `*` stands for a flavour or a file name.
        version: Incremented whenever the stage's code would give other results.
        outputs: The files that it always writes; `*` as in the name.
        inputs: The stages whose keys are in its recipe, by their name there. The name `*` is any
            flavour's; in a stage, `*` is the same flavour. Inputs that are not stages of the run, such
            as pictures, are not listed.
        command: What makes it.
        title: What a report calls it; empty if a report does not mention its absence.
        flavour: The flavour that a run must have to have it.
        trained: Whether it takes a model that was trained here.
    """

    name: str
    version: int
    outputs: tuple[str, ...] = ()
    inputs: Mapping[str, str] = field(default_factory=dict)
    command: Command = TRAIN
    title: str = ""
    flavour: str = ""
    trained: bool = False

    @property
    def document(self) -> str:
        """The JSON file among the outputs; empty if there is none."""
        return next((name for name in self.outputs if name.endswith(".json")), "")

    def rests_on(self, name: str) -> str:
        """The stage whose key an input of the recipe is; empty if it is not a stage of the run."""
        from pipeline.core.sections import FLAVOURS  # pydantic, which no --help should wait for

        if name not in self.inputs and name in FLAVOURS:
            return self.inputs.get("*", "").replace("*", name)
        return self.inputs.get(name, "")


_ROWS: dict[str, Stage] = {}


def add(*rows: Stage) -> None:
    """Adds rows to the table, or replaces those of the same name."""
    _ROWS.update({row.name: row for row in rows})


def table() -> Iterator[Stage]:
    """All rows, in the order in which a run is made."""
    yield from _ROWS.values()


def find(name: str) -> Stage | None:
    """The row of a stage, with its `*` filled in; None for a stage of another version of Vignette."""
    if name in _ROWS:
        return _ROWS[name]
    for row in _ROWS.values():
        if value := _star_of(row.name, name):
            outputs = tuple(output.replace("*", value) for output in row.outputs)
            inputs = {key: stage.replace("*", value) for key, stage in row.inputs.items()}
            return replace(row, name=name, outputs=outputs, inputs=inputs)
    return None


def makers(file: str) -> list[str]:
    """The names of the stages that always write a file, in order."""
    rows = ((row, output) for row in _ROWS.values() for output in row.outputs)
    stars = ((row.name, file if output == file else _star_of(output, file)) for row, output in rows)
    return sorted(name.replace("*", star) for name, star in stars if star)


def _star_of(pattern: str, name: str) -> str:
    """What `*` of a pattern stands for in a name; empty if they do not match."""
    head, star, tail = pattern.partition("*")
    if not (star and name.startswith(head) and name.endswith(tail)):
        return ""
    value = name[len(head) : len(name) - len(tail)]
    return "" if "/" in value else value


def row(name: str) -> Stage:
    """As `find`, of a stage that must be in the table; raises KeyError."""
    if (found := find(name)) is None:
        raise KeyError(name)
    return found


def recipe(
    name: str,
    inputs: Mapping[str, str],
    settings: Mapping[str, Any] | None = None,
    libraries: Sequence[str] = (),
) -> Recipe:
    """The recipe of a stage, in the version of the table; the rest as in `Recipe`."""
    return Recipe(name, row(name).version, inputs, settings or {}, libraries)


add(
    Stage("audit", 4, (AUDIT,), title="the audit of the pictures"),
    Stage("pictures", 2, (PICTURES, EXCLUDED), {"audit": "audit"}),
    Stage("shortcuts", 4, (SHORTCUTS,), title="the check for shortcuts"),
    Stage("split", 2, (SPLIT, SPLIT_COPY)),
    Stage("features", 2, (BACKBONE,)),
    Stage("footprint", 1, (FOOTPRINT,)),
    Stage("search", 2, (SEARCH,)),
    Stage("frontier", 1, (FRONTIER,), command=_SEARCH),
    Stage("frame", 1, (FRAME,), title="the model's frame"),
    Stage("fine_tuning", 2, (FINE_TUNING, FINE_TUNED_FOLDS), trained=True),
    Stage("folds", 2, (FOLDS, OUT_OF_FOLD), {"fine_tuning": "fine_tuning"}, title="the folds", trained=True),
    Stage("model", 2, (MODEL, TRAINING), {"folds": "folds"}, title="the final model", trained=True),
    # In place of all that is trained, in the run of a model that was given.
    Stage("given", 1, (MODEL, GIVEN), command=GIVE),
    Stage(
        f"{PREDICTIONS}/keras",
        1,
        (f"{PREDICTIONS}/keras.npz",),
        {"model": "model", "given": "given"},
        EVALUATE,
    ),
    Stage(
        "evaluation",
        7,
        (EVALUATION, ANSWERS),
        {"predictions": f"{PREDICTIONS}/keras", "folds": "folds"},
        EVALUATE,
        "the scores on the held-out pictures",
        trained=True,
    ),
    Stage(
        "label_issues",
        3,
        (LABEL_ISSUES,),
        {"folds": "folds"},
        EVALUATE,
        "labels that may be wrong",
        trained=True,
    ),
    Stage(
        f"{FIGURES}/*",
        6,
        (f"{FIGURES}/*",),
        {
            "folds": "folds",
            "search": "search",
            "frontier": "frontier",
            "evaluation": "evaluation",
            "label_issues": "label_issues",
        },
    ),
)
