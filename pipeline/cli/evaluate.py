"""`evaluate`: the classifier on the held-out pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.cli import options
from pipeline.cli.terminal import Terminal, speaking
from pipeline.core import stages

if TYPE_CHECKING:
    from pipeline.core.runs import Run
    from pipeline.evaluation.evaluate import Evaluation
    from pipeline.stats.metrics import Interval


def evaluate(
    run_name: options.RunName = None,
    run_option: options.RunOption = None,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Score the Keras model on the held-out pictures.

    Reads a trained run. Writes predictions/keras.npz, evaluation.json, answers.csv, label_issues.json and
    figures into it.
    """
    with speaking(quiet=quiet, as_json=as_json) as terminal:
        from pipeline.core import runs
        from pipeline.evaluation import evaluate as scoring
        from pipeline.evaluation.label_issues import LabelIssues, in_words
        from pipeline.training import experiment as experiments

        run = runs.find(options.one_of(run_name, run_option))
        with run.locked():
            evaluation = scoring.evaluate(experiments.open_trained(run, terminal), terminal)
            issues = run.read(LabelIssues, stages.LABEL_ISSUES)
        _show(terminal, run, evaluation)
        count = len(issues.label_issues)
        if count:
            terminal.say(
                "label issues",
                f"{count} of {issues.n:,} labels contradicted, see {run.path(stages.LABEL_ISSUES)}; "
                f"look at {run.path(stages.FIGURES, 'label_issues.png')}",
            )
        if count or issues.trust.withheld:
            terminal.say("trust", in_words(count, issues.trust))
        terminal.finish(
            {"run": run.name, **evaluation.model_dump(mode="json")},
            [str(run.path(stages.FIGURES, "confusion.svg")), str(run.path(stages.FIGURES, "f1.svg"))],
        )
        terminal.next("export", "tflite", run.name)


def _show(terminal: Terminal, run: Run, evaluation: Evaluation) -> None:
    from pipeline.stats.metrics import MOST_CLASSES

    def between(bounds: Interval) -> str:
        return f"{bounds.low:.3f} to {bounds.high:.3f}"

    train, out_of_fold, held_out = evaluation.train, evaluation.out_of_fold, evaluation.held_out
    terminal.table(
        f"{run.name}: scores",
        ["pictures", "n", "accuracy", "95%", "macro F1", "95%"],
        [
            ["trained on", f"{train.n:,}", f"{train.accuracy:.3f}", "", "", ""],
            *(
                [
                    title,
                    f"{score.n:,}",
                    f"{score.accuracy:.3f}",
                    between(score.accuracy_interval),
                    f"{score.macro_f1:.3f}",
                    between(score.macro_f1_interval),
                ]
                for title, score in (("out-of-fold", out_of_fold), ("held out", held_out))
            ),
        ],
    )
    weakest = sorted(held_out.classes, key=lambda row: row.f1)[:MOST_CLASSES]
    many = len(weakest) < len(held_out.classes)
    some = f", the {len(weakest)} weakest of {len(held_out.classes):,}; {run.path(stages.EVALUATION)} has all"
    terminal.table(
        "Held-out pictures by class" + some * many,
        ["class", "n", "recall", "95%", "F1", "95%"],
        [
            [
                row.label,
                str(row.n),
                f"{row.recall:.3f}",
                between(row.recall_interval),
                f"{row.f1:.3f}",
                between(row.f1_interval),
            ]
            for row in (weakest if many else held_out.classes)
        ],
    )
    if out_of_fold.epoch_was_chosen:
        terminal.text(
            f"The out-of-fold score is that at epoch {out_of_fold.chosen_epoch}, "
            "which was selected on the same predictions."
        )
    for sentence in evaluation.gaps:
        terminal.text(sentence)
    terminal.text("")
