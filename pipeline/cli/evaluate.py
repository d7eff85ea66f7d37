"""`evaluate`: the classifier on the held-out pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.cli import options
from pipeline.cli.terminal import Terminal, speaking

if TYPE_CHECKING:
    from pipeline.core.runs import Run


def evaluate(
    run_name: options.RunName = None,
    run_option: options.RunOption = None,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Score the Keras model on the held-out pictures.

    Reads a trained run. Writes its predictions/keras.npz, evaluation.json, label_issues.json and
    figures.
    """
    with speaking(quiet=quiet, as_json=as_json) as terminal:
        from pipeline.core import runs
        from pipeline.evaluation import evaluate as evaluation
        from pipeline.evaluation.label_issues import in_words
        from pipeline.training import experiment as experiments

        run = runs.find(options.one_of(run_name, run_option))
        with run.locked():
            found = evaluation.evaluate(experiments.open_trained(run, terminal), terminal)
            doubts = run.read_json(runs.LABEL_ISSUES)
        _show_evaluation(terminal, run, found)
        if doubts["label_issues"]:
            terminal.say(
                "label_issues",
                f"{len(doubts['label_issues'])} of {doubts['n']:,} labels may be wrong, listed in "
                f"{run.path(runs.LABEL_ISSUES)}; look at {run.path(runs.FIGURES, 'label_issues.png')}",
            )
        if doubts["label_issues"] or doubts["trust"]["withheld"]:
            terminal.say("trust", in_words(len(doubts["label_issues"]), doubts["trust"]))
        terminal.finish(
            {"run": run.name, **found},
            [str(run.path(runs.FIGURES, "confusion.svg")), str(run.path(runs.FIGURES, "f1.svg"))],
        )
        terminal.next("export", "tflite", run.name)


def _show_evaluation(terminal: Terminal, run: Run, found: dict[str, Any]) -> None:
    def between(bounds: list[float]) -> str:
        return f"{bounds[0]:.3f} to {bounds[1]:.3f}"

    out_of_fold, held_out = found["out_of_fold"], found["held_out"]
    terminal.table(
        f"{run.name}: scores",
        ["pictures", "n", "accuracy", "95%", "macro F1", "95%"],
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
        ["class", "n", "recall", "95%", "F1", "95%"],
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
