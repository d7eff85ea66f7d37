"""`review`: one page for deciding about doubtful pictures."""

from __future__ import annotations

from pipeline.cli import options
from pipeline.cli.terminal import speaking


def review(
    run_name: options.RunName = None,
    run_option: options.RunOption = None,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Write one offline page to correct labels with.

    Shows contradictions, near-duplicates across classes, doubted labels, held-out mistakes and pictures that
    hardly show anything, each with what the model says and with pictures to compare; and, after photos, the
    photos from the field without a label or with a wrong answer. Keys relabel a picture, keep it or leave it
    out; the page saves decisions.csv, which data.decisions and photos --decisions apply. Needs an evaluated
    run. Writes review.html. No picture is moved.
    """
    with speaking(quiet=quiet, as_json=as_json) as terminal:
        from export.review import review as stage
        from pipeline.core import runs, stages
        from pipeline.core.errors import RunError
        from pipeline.training import experiment as experiments

        run = runs.find(options.one_of(run_name, run_option))
        with run.locked():
            experiment = experiments.open_trained(run, terminal)
            experiments.require_training(run, "no label issues", "use the run that the model was trained in")
            for name, stage_name in (
                (stages.EVALUATION, "evaluation"),
                (stages.LABEL_ISSUES, "label_issues"),
            ):
                if not run.path(name).is_file() or run.out_of_date(stage_name):
                    raise RunError(
                        f"{run.path(name)} is missing, or older than the model",
                        f"make it first: python -m pipeline evaluate {run.name}",
                    )
            made = stage.make(experiment, terminal)
        more = f"; {made.more:,} more will follow once these are decided" if made.more else ""
        photos = f", {made.photos:,} of them photos from the field" if made.photos else ""
        terminal.say("review", f"{made.shown:,} pictures to decide about{photos}{more}")
        result = {"run": run.name, "shown": made.shown, "photos": made.photos, "more": made.more}
        terminal.finish(result, [str(made.path)])
