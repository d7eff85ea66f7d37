"""The command line of the pipeline: pictures → a trained Keras classifier.

Verbs load what they need when they run, so that `--help` answers at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline import console

if TYPE_CHECKING:
    from pipeline.runs import Run

app = typer.Typer(
    name="python -m pipeline",
    help="Labelled pictures to a trained Keras classifier. Next: python -m export --help.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
RunName = Annotated[str | None, typer.Argument(metavar="RUN", help="A run's name; default: the newest.")]


@app.command()
def draw(
    folder: Annotated[Path, typer.Argument(help="Where the pictures go.")] = Path("data/pictures/demo"),
    train: Annotated[int, typer.Option(help="Training pictures a class.")] = 200,
    test: Annotated[int, typer.Option(help="Held-out pictures a class.")] = 100,
    size: Annotated[str, typer.Option(help="Width x height in pixels.")] = "1280x720",
    seed: Annotated[int, typer.Option(help="Another seed, other pictures.")] = 0,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Draw the thumbnails of three invented channels.

    Writes FOLDER/{train,test}/CHANNEL/*.jpg; pictures that are there already stay.
    """
    with console.speaking(quiet=quiet, as_json=as_json) as terminal:
        from pipeline.draw import CHANNELS, draw_channels
        from pipeline.errors import UsageError
        from pipeline.letterbox import parse_size

        wanted = parse_size(size)
        if wanted is None:
            raise UsageError(f"--size {size}: expected width x height", "for example --size 1280x720")
        count = draw_channels(
            folder, train=train, test=test, size=wanted, seed=seed, progress=terminal.progress
        )
        terminal.say("drawn", f"{count:,} pictures of {len(CHANNELS)} invented channels in {folder}")
        terminal.finish({"pictures": count, "folder": str(folder)})


@app.command()
def train(
    source: Annotated[Path, typer.Argument(metavar="CONFIG_OR_FOLDER", help="A .toml, a folder or a .csv.")],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a key; a list of values is a search."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="The run's name; default: the stem of the source.")] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace a run of another configuration.")] = False,
    resplit: Annotated[bool, typer.Option(help="Another run, with a newly drawn split.")] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Train: folds, the search if there is one, then the final model.

    Reads the pictures. Writes data/runs/NAME: the table of pictures, the split, the folds, out-of-fold
    answers, model.keras and figures. Repeated, it does only what is out of date.
    """
    with console.speaking(quiet=quiet, as_json=as_json) as terminal:
        from pipeline import config as configuration
        from pipeline import runs
        from pipeline import train as training

        config = configuration.load(source, settings or ())
        run = runs.open_for(name or runs.run_name(source), config, overwrite=overwrite, resplit=resplit)
        if source.suffix.lower() != ".toml":
            terminal.say("defaults", f"no configuration given; all of it is in {run.path(runs.CONFIG)}")
        with run.locked():
            training.train(run, config, terminal)
            folds = run.read_json(runs.FOLDS)
        terminal.finish(
            {
                "run": run.name,
                "out_of_fold": {
                    key: folds[key] for key in ("n", "accuracy", "fold_accuracy", "chosen_epoch")
                },
                "training": run.read_json(runs.TRAINING),
            },
            [str(run.path(runs.FIGURES, "curves.svg")), str(run.path(runs.FIGURES, "augmentation.png"))],
        )
        terminal.text(f"\nnext: python -m pipeline evaluate {run.name}")


@app.command()
def evaluate(run_name: RunName = None, quiet: Quiet = False, as_json: AsJson = False) -> None:
    """Score the Keras model on the held-out pictures.

    Reads a trained run. Writes its answers/keras.npz, evaluation.json and figures.
    """
    with console.speaking(quiet=quiet, as_json=as_json) as terminal:
        from pipeline import evaluate as evaluation
        from pipeline import runs
        from pipeline import subject as subjects

        run = runs.find(run_name)
        with run.locked():
            found = evaluation.evaluate(subjects.open_trained(run), terminal)
        _show_evaluation(terminal, run, found)
        terminal.finish(
            {"run": run.name, **found},
            [str(run.path(runs.FIGURES, "confusion.svg")), str(run.path(runs.FIGURES, "f1.svg"))],
        )
        terminal.text(f"\nnext: python -m export tflite {run.name}")


def _show_evaluation(terminal: console.Terminal, run: Run, found: dict[str, Any]) -> None:
    def between(bounds: list[float]) -> str:
        return f"{bounds[0]:.3f} to {bounds[1]:.3f}"

    out_of_fold, held_out = found["out_of_fold"], found["held_out"]
    terminal.table(
        f"{run.name}: scores",
        ["pictures", "n", "accuracy", "95 %", "macro F1", "95 %"],
        [
            ["trained on", f"{found['train']['n']:,}", f"{found['train']['accuracy']:.3f}", "", "", ""],
            *(
                [
                    title,
                    f"{part['n']:,}",
                    f"{part['accuracy']:.3f}",
                    between(part["accuracy_interval"]),
                    f"{part['macro_f1']:.3f}",
                    between(part["macro_f1_interval"]),
                ]
                for title, part in (("out-of-fold", out_of_fold), ("held out", held_out))
            ),
        ],
    )
    terminal.table(
        "Held-out pictures by class",
        ["class", "n", "recall", "95 %", "F1", "95 %"],
        [
            [
                row["label"],
                str(row["n"]),
                f"{row['recall']:.3f}",
                between(row["recall_interval"]),
                f"{row['f1']:.3f}",
                between(row["f1_interval"]),
            ]
            for row in held_out["classes"]
        ],
    )
    if out_of_fold["epoch_was_chosen"]:
        epoch = out_of_fold["chosen_epoch"]
        terminal.text(
            f"The out-of-fold score is that at epoch {epoch}, which was chosen on the same answers."
        )
    for sentence in found["gaps"]:
        terminal.text(sentence)
    terminal.text("")


@app.command()
def compare(
    names: Annotated[list[str], typer.Argument(metavar="RUN RUN...", help="Two runs or more.")],
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Rank runs by their out-of-fold score, paired on the pictures that they share.

    Reads each run's out-of-fold answers and configuration. Writes nothing.
    """
    with console.speaking(quiet=quiet, as_json=as_json) as terminal:
        from pipeline import evaluate as evaluation
        from pipeline import runs
        from pipeline.errors import UsageError

        found_runs = [runs.find(name) for name in names]
        if len({run.folder.resolve() for run in found_runs}) < 2:
            raise UsageError("compare needs two different runs", "python -m pipeline compare RUN RUN")
        found = evaluation.compare(found_runs)
        terminal.table(
            "Runs by out-of-fold accuracy",
            ["run", "n", "accuracy", "shared with the best", "difference", "95 %"],
            [
                [
                    row["run"],
                    f"{row['n']:,}",
                    f"{row['accuracy']:.3f}",
                    f"{row['shared_with_best']:,}",
                    f"{row['difference_to_best']:+.3f}" if number else "",
                    "{:+.3f} to {:+.3f}".format(*row["difference_interval"]) if number else "",
                ]
                for number, row in enumerate(found["rows"])
            ],
        )
        order = [row["run"] for row in found["rows"]]
        terminal.table(
            "Configuration keys that differ",
            ["key", *order],
            [
                [key, *(str(values.get(name)) for name in order)]
                for key, values in found["configuration"].items()
            ],
        )
        terminal.finish(found)


if __name__ == "__main__":
    console.main(app)
