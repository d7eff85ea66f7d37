"""`photos`: photos from the field, or the held-out pictures as if photographed from a screen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from export import artifacts
from pipeline.cli import options
from pipeline.cli.terminal import Terminal, speaking

if TYPE_CHECKING:
    from export.android.photos.folder import Photos
    from pipeline.training.experiment import Experiment


def photos(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="FOLDER", help="Photos: as the app writes them, or FOLDER/CLASS/*."),
    ] = None,
    run_name: options.OnlyRunOption = None,
    pull: Annotated[bool, typer.Option("--pull", help="Copy the app's photos from the phone first.")] = False,
    serial: Annotated[
        str | None, typer.Option(metavar="SERIAL", help="Which phone, where several are connected.")
    ] = None,
    simulate: Annotated[
        bool, typer.Option("--simulate", help="The held-out pictures, as if photographed from a screen.")
    ] = False,
    adopt: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Write the labelled photos as the data set NAME, too."),
    ] = None,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Score photos from the field against the held-out set.

    And compare the phone with this machine. Reads an exported run and a folder of photos; a class folder
    called none holds what is none of the classes. Writes photos.json and figures/photos_errors.png into the
    run, with --pull the photos into data/photos/SERIAL, with --adopt data/pictures/NAME.csv and the photos
    beside it; with --simulate only simulated.json and figures/simulated.png. Exit code 3: phone and desktop
    differ by more than the contract allows.
    """
    with speaking(quiet=quiet, as_json=as_json) as terminal:
        from export.android.photos import adopt as adoption
        from export.android.photos import photos as stage
        from export.android.photos import simulate as simulation
        from pipeline.core import runs
        from pipeline.core.errors import UsageError
        from pipeline.training import experiment as experiments

        if simulate and (pull or adopt):
            other = "--pull" if pull else "--adopt"
            raise UsageError(f"--simulate takes no photos, so it does not go with {other}", "leave one away")
        if serial and not pull:
            raise UsageError("--serial chooses a phone, so it needs --pull", "add --pull, or leave it away")
        if folder and (pull or simulate):
            raise UsageError(
                f"{'--pull' if pull else '--simulate'} takes no folder: {folder}",
                f"leave it out; to name a run: --run {folder.name}",
            )
        if folder is None and not (pull or simulate):
            raise UsageError(
                "no photos are given",
                "give their folder, --pull for those on the phone, or --simulate for a first answer without",
            )
        run = runs.find(run_name)
        with run.locked():
            experiment = experiments.open_trained(run, terminal)
            if simulate:
                _show_simulated(terminal, experiment, simulation.simulate(experiment, terminal))
                return
            place = folder or _pulled(terminal, serial)
            found, taken = stage.photos(experiment, place, terminal)
            adopted = adoption.adopt(experiment, taken, adopt) if adopt else None
        _show(terminal, experiment, found, taken)
        files = [str(run.path(artifacts.PHOTOS))]
        if found["errors"]:
            files.insert(0, str(run.path(stage.SHEET)))
        document = {"run": run.name, **found}
        if adopted:
            more = f" and {adopted.pictures:,} pictures of the run" if adopted.pictures else ""
            terminal.say("adopted", f"{adopted.photos} photos{more}, grouped by session, in {adopted.table}")
            terminal.text(f"{'next':>12}  python -m pipeline train {adopted.table}")
            document["adopted"] = {"table": str(adopted.table), "photos": adopted.photos}
        terminal.finish(document, files)
        _judge(found["phone"])


def _pulled(terminal: Terminal, serial: str | None) -> Path:
    from export.android.adb import connect
    from export.android.photos import pull as pulling

    done = pulling.pull(connect.connect(serial), terminal)
    terminal.say(
        "pulled",
        f"{done.new} new and {done.changed} changed files of {done.sessions} sessions: {done.folder}",
    )
    return done.folder


def _judge(phone: dict[str, Any]) -> None:
    from pipeline.core.errors import GateError

    if phone["broken"]:
        first = next(row for row in phone["photos"] if row["reasons"])
        raise GateError(
            f"phone and desktop disagree on {phone['disagree']} of {phone['n']} photos; the first: "
            f"{first['path']}: {'; '.join(first['reasons'])}",
            "photos must reach this machine as the app wrote them (no messenger, no gallery); if they did, "
            "run the app's self-test: python -m export verify does the same here",
        )


def _show_simulated(terminal: Terminal, experiment: Experiment, found: dict[str, Any]) -> None:
    from export.android.photos import simulate as simulation

    run = experiment.run
    rows = [
        [
            title,
            f"{part['accuracy']:.3f}",
            _between(part["accuracy_interval"]),
            f"{part['macro_f1']:.3f}",
            f"{part['dont_know']:.3f}",
        ]
        for title, part in (("plain", found["plain"]), ("as if photographed", found["simulated"]))
    ]
    drop = found["drop"]
    low, high = drop["accuracy_interval"]
    change = [f"{-drop['accuracy']:+z.3f}", f"{-high:+z.3f} to {-low:+z.3f}", f"{-drop['macro_f1']:+z.3f}"]
    rows.append(["change", *change, ""])
    terminal.table(
        f"{run.name}: {found['n']:,} held-out pictures, int8, photographed from a simulated screen",
        ["pictures", "accuracy", "95%", "macro F1", "don't know"],
        rows,
    )
    for sentence in found["words"]:
        terminal.text(sentence)
    terminal.text("")
    terminal.finish(
        {"run": run.name, **found}, [str(run.path(simulation.SHEET)), str(run.path(artifacts.SIMULATED))]
    )


def _show(terminal: Terminal, experiment: Experiment, found: dict[str, Any], taken: Photos) -> None:
    _show_counts(terminal, found, taken)
    field = found["field"]
    if field:
        rows = [
            [title, f"{part['n']:,}", *_scores(part)]
            for title, part in (("from the field", field), ("held out", found["held_out"]))
        ]
        if other := found["other_models"]["scored"]:
            rows.insert(1, ["by other models", f"{other['n']:,}", *_scores(other)])
        terminal.table(
            f"{experiment.run.name}: photos from the field against the held-out pictures",
            ["pictures", "n", "accuracy", "95%", "macro F1", "95%", "don't know", "95%"],
            rows,
        )
        held_out = {row["index"]: row for row in found["held_out"]["classes"]}
        terminal.table(
            "By class",
            ["class", "photos", "recall", "95%", "don't know", "held out"],
            [
                [
                    found["labels"][row["index"]],
                    str(row["n"]),
                    f"{row['recall']:.3f}",
                    _between(row["recall_interval"]),
                    f"{row['dont_know']:.3f}",
                    f"{held_out[row['index']]['recall']:.3f}" if row["index"] in held_out else "",
                ]
                for row in field["classes"]
            ],
        )
    outside = found["out_of_scope"]
    if outside["n"]:
        terminal.say(
            "none of them",
            f"on {outside['n']} photos of something else it said “don't know” in a share of "
            f"{outside['dont_know']:.3f} ({_between(outside['dont_know_interval'])})",
        )
    terminal.say("phone", found["phone"]["words"])
    for row in found["shift"]:
        if row["words"]:
            terminal.say(row["name"], row["words"])
    if found["gap"]:
        terminal.text("")
        for sentence in found["gap"]["words"]:
            terminal.text(sentence)
    terminal.text("")


def _show_counts(terminal: Terminal, found: dict[str, Any], taken: Photos) -> None:
    labelled = found["field"]["n"] if found["field"] else 0
    terminal.say(
        "photos", f"{found['photos']:,} in {taken.root}, {labelled:,} of them with a class and scored"
    )
    for key, what in (
        ("unlabelled", "photos have no label yet, so they are not scored: tap what they show in the app"),
        ("already_in_the_run", "photos are pictures of this run, so they are not scored"),
    ):
        if found[key]:
            terminal.warn(f"{len(found[key])} {what}; the first: {found[key][0]}")
    others = found["other_models"]["models"]
    if others:
        count = sum(others.values())
        names = ", ".join(f"{sha256[:12]}…" for sha256 in others)
        terminal.warn(
            f"{count} photos were taken with another model ({names}): answered by this one and told apart"
        )
    if found["excluded"]:
        first, count = found["excluded"][0], len(found["excluded"])
        terminal.warn(
            f"{count} {'file is' if count == 1 else 'files are'} left out, listed in photos.json; the first: "
            f"{first['path']}: {first['reason']}"
        )


def _scores(part: dict[str, Any]) -> list[str]:
    return [
        f"{part['accuracy']:.3f}",
        _between(part["accuracy_interval"]),
        f"{part['macro_f1']:.3f}",
        _between(part["macro_f1_interval"]),
        f"{part['dont_know']:.3f}",
        _between(part["dont_know_interval"]),
    ]


def _between(bounds: list[float]) -> str:
    return f"{bounds[0]:.3f} to {bounds[1]:.3f}"
