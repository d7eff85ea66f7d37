"""Search over settings: every combination on the cached features, ranked out of fold.

Held-out pictures are not looked at. The winner is trained on in `train`.
"""

from __future__ import annotations

from pipeline import features, metrics, runs
from pipeline.config import Config
from pipeline.dataset import Table
from pipeline.letterbox import auto_frame
from pipeline.runs import Recipe, Run
from pipeline.splits import Split
from pipeline.subject import DRAWN, NUMERIC, Subject, examples_of, head_settings, load_heads, trainer_of
from pipeline.workers import Listener


def search(run: Run, config: Config, table: Table, split: Split, listener: Listener) -> Config:
    """Tries every combination of the searched values; gives the configuration that came out best.

    Writes search.json and its figure. The ranking is by out-of-fold accuracy, then by log loss.
    """
    sizes = [(p.width, p.height) for p in split.train]
    cells = [
        (values, Subject(run, cell, table, split, cell.model.frame or auto_frame(sizes)))
        for values, cell in config.grid()
    ]
    recipe = Recipe(
        "search",
        2,
        {
            "train": split.train_key,
            "features": runs.key_of([features.recipe(s.config, s.frame).key for _, s in cells]),
        },
        {"cells": [[values, head_settings(s.config)] for values, s in cells]},
        NUMERIC,
    )

    def build() -> None:
        rows = []
        for number, (values, subject) in enumerate(cells, 1):
            examples = examples_of(subject, listener)
            trainer = trainer_of(subject, examples)
            name = ", ".join(f"{key}={value}" for key, value in values.items())
            stage = f"search {number}/{len(cells)}: {name}"
            found = load_heads().run_folds(trainer, examples, subject.config, listener.progress, stage)
            predicted = found.logits.argmax(1)
            low, high = metrics.bootstrap(
                examples.truth,
                predicted,
                examples.groups,
                examples.classes,
                metrics.accuracy_of,
                config.seed,
            )
            rows.append(
                {
                    "values": values,
                    "frame": str(subject.frame),
                    "accuracy": float((predicted == examples.truth).mean()),
                    "interval": [float(low), float(high)],
                    "log_loss": metrics.log_loss(found.logits / found.temperature, examples.truth),
                    "chosen_epoch": found.chosen_epoch,
                }
            )
        rows.sort(key=lambda row: (-row["accuracy"], row["log_loss"]))
        note = (
            "ranked by out-of-fold accuracy; the best of several is slightly optimistic, "
            "the held-out pictures were not looked at"
        )
        value = {"n": len(split.train), "winner": rows[0]["values"], "note": note, "rows": rows}
        runs.write_json(run.path(runs.SEARCH), value)

    run.make(recipe, [runs.SEARCH], build)
    from pipeline import figures

    found = run.read_json(runs.SEARCH)
    drawing = Recipe("figures/search", 1, {"search": recipe.key}, {}, DRAWN)
    name = f"{runs.FIGURES}/search.svg"
    run.make(drawing, [name], lambda: figures.search(run.path(name), found))
    best = ", ".join(f"{key}={value}" for key, value in found["winner"].items())
    listener.say("search", f"{len(found['rows'])} settings tried, best out-of-fold: {best}")
    return config.with_values(found["winner"])
