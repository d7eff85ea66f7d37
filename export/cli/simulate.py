"""`simulate`: the held-out pictures as if photographed from a screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from export import artifacts
from pipeline.cli import options
from pipeline.cli.terminal import Terminal, speaking

if TYPE_CHECKING:
    from export.android.photos.simulate import Simulated
    from pipeline.core.runs import Run


def simulate(
    run_name: options.RunName = None,
    run_option: options.RunOption = None,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Estimate the loss on photos of a screen.

    Renders the held-out pictures as if a phone had photographed them from a screen, and scores the int8
    file on both versions. Needs an exported run. Writes simulated.json and figures/simulated.png into it.
    """
    with speaking(quiet=quiet, as_json=as_json) as terminal:
        from export.android.photos import simulate as simulation
        from pipeline.core import runs
        from pipeline.training import experiment as experiments

        run = runs.find(options.one_of(run_name, run_option))
        with run.locked():
            simulated = simulation.simulate(experiments.open_trained(run, terminal), terminal)
        _show(terminal, run, simulated)
        files = [str(run.path(artifacts.SIMULATED_SHEET)), str(run.path(artifacts.SIMULATED))]
        terminal.finish({"run": run.name, **simulated.model_dump(mode="json")}, files)


def _show(terminal: Terminal, run: Run, simulated: Simulated) -> None:
    from export.android.photos.score import interval_text

    rows = [
        [
            title,
            f"{scores.accuracy:.3f}",
            interval_text(scores.accuracy_interval),
            f"{scores.macro_f1:.3f}",
            f"{scores.dont_know:.3f}",
        ]
        for title, scores in (("plain", simulated.plain), ("as if photographed", simulated.simulated))
    ]
    drop = simulated.drop
    low, high = drop.accuracy_interval
    change = [f"{-drop.accuracy:+z.3f}", f"{-high:+z.3f} to {-low:+z.3f}", f"{-drop.macro_f1:+z.3f}"]
    rows.append(["change", *change, ""])
    terminal.table(
        f"{run.name}: {simulated.n:,} held-out pictures, int8, photographed from a simulated screen",
        ["pictures", "accuracy", "95%", "macro F1", "don't know"],
        rows,
    )
    for sentence in simulated.words:
        terminal.text(sentence)
    terminal.text("")
