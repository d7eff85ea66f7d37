"""`photos`: score photos from the field."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from export import artifacts
from pipeline.cli import options
from pipeline.cli.terminal import Terminal, speaking

if TYPE_CHECKING:
    from export.android.photos.folder import PhotoFolder
    from export.android.photos.photos import Photos
    from export.android.photos.replay import ReplaySummary
    from export.android.photos.score import Scores
    from pipeline.core.runs import Run


def photos(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="FOLDER", help="Photos: as the app writes them, the zip it shares, or FOLDER/CLASS/*."
        ),
    ] = None,
    run_name: options.OnlyRunOption = None,
    pull: Annotated[bool, typer.Option("--pull", help="Copy the app's photos from the phone first.")] = False,
    serial: Annotated[
        str | None, typer.Option(metavar="SERIAL", help="The phone to use if several are connected.")
    ] = None,
    decisions: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A decisions.csv from review, which corrects labels."),
    ] = None,
    adopt: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Also write the labelled photos as the data set NAME."),
    ] = None,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Score photos from the field against the held-out set.

    Also checks that the phone gives the same answers as this computer. Needs an exported run and a folder of
    photos, in which a class folder called none is for photos of something else, or the zip that the app
    shares. Writes photos.json and figures/photos_errors.png into the run, with --pull the photos into
    data/photos/SERIAL, of a zip into data/photos/NAME, and with --adopt data/pictures/NAME.csv and the photos
    beside it. Exit code 3: phone and computer differ by more than the contract allows.
    """
    with speaking(quiet=quiet, as_json=as_json) as terminal:
        from export.android.photos import adopt as adoption
        from export.android.photos import photos as scoring
        from pipeline.core import runs
        from pipeline.core.errors import UsageError
        from pipeline.training import experiment as experiments

        if serial and not pull:
            raise UsageError("--serial only makes sense with --pull", "add --pull, or omit --serial")
        if folder and pull:
            raise UsageError(
                f"--pull takes no folder: {folder}", f"omit it; to name a run: --run {folder.name}"
            )
        if folder is None and not pull:
            raise UsageError(
                "no photos given", "give their folder or zip, or --pull to copy those on the phone"
            )
        run = runs.find(run_name)
        with run.locked():
            experiment = experiments.open_trained(run, terminal)
            given = _given(terminal, folder) if folder else _pulled(terminal, serial)
            scored, taken = scoring.photos(experiment, given, terminal, decisions)
            adopted = adoption.adopt(experiment, taken, adopt) if adopt else None
        _show(terminal, run, scored, taken)
        files = [str(run.path(artifacts.PHOTOS))]
        if scored.errors:
            files.insert(0, str(run.path(artifacts.PHOTOS_SHEET)))
        result = {"run": run.name, **scored.model_dump(mode="json")}
        if adopted:
            more = f" and {adopted.pictures:,} pictures of the run" if adopted.pictures else ""
            terminal.say("adopted", f"{adopted.photos} photos{more}, grouped by session, in {adopted.table}")
            terminal.next("pipeline", "train", str(adopted.table))
            result["adopted"] = {"table": str(adopted.table), "photos": adopted.photos}
        terminal.finish(result, files)
        _require_agreement(scored.phone)


def _given(terminal: Terminal, folder: Path) -> Path:
    from export.android.photos import archive

    if not folder.is_file():
        return folder
    unpacked = archive.unpack(folder, terminal)
    terminal.say("unpacked", f"{unpacked.new} new and {unpacked.changed} changed files: {unpacked.folder}")
    return unpacked.folder


def _pulled(terminal: Terminal, serial: str | None) -> Path:
    from export.android.adb import connect
    from export.android.photos import pull as pulling

    pulled = pulling.pull(connect.connect(serial), terminal)
    terminal.say(
        "pulled",
        f"{pulled.new} new and {pulled.changed} changed files of {pulled.sessions} sessions: {pulled.folder}",
    )
    return pulled.folder


def _require_agreement(phone: ReplaySummary) -> None:
    from pipeline.core.errors import GateError

    if phone.broken:
        first = next(photo for photo in phone.photos if photo.reasons)
        reasons = "; ".join(reason.text for reason in first.reasons)
        raise GateError(
            f"phone and computer disagree on {phone.disagree} of {phone.n} photos; the first: "
            f"{first.path}: {reasons}",
            "copy the photos exactly as the app wrote them (not through a messenger or gallery). If you did, "
            "run the app's self-test and compare with python -m export verify",
        )


def _show(terminal: Terminal, run: Run, scored: Photos, taken: PhotoFolder) -> None:
    from export.android.photos.score import interval_text

    _show_counts(terminal, scored, taken)
    if scored.field:
        rows = [
            [title, f"{scores.n:,}", *_score_cells(scores)]
            for title, scores in (("from the field", scored.field), ("held out", scored.held_out))
        ]
        if others := scored.other_models.scored:
            rows.insert(1, ["by other models", f"{others.n:,}", *_score_cells(others)])
        terminal.table(
            f"{run.name}: photos from the field against the held-out pictures",
            ["pictures", "n", "accuracy", "95%", "macro F1", "95%", "don't know", "95%"],
            rows,
        )
        held_out = {row.index: row for row in scored.held_out.classes}
        terminal.table(
            "By class",
            ["class", "photos", "recall", "95%", "don't know", "held out"],
            [
                [
                    scored.labels[row.index],
                    str(row.n),
                    f"{row.recall:.3f}",
                    interval_text(row.recall_interval),
                    f"{row.dont_know:.3f}",
                    f"{held_out[row.index].recall:.3f}" if row.index in held_out else "",
                ]
                for row in scored.field.classes
            ],
        )
    outside = scored.out_of_scope
    if outside.dont_know is not None:
        terminal.say(
            "none of them",
            f"“don't know” for {outside.dont_know:.0%} of {outside.n} photos of something else "
            f"(95%: {interval_text(outside.dont_know_interval)})",
        )
    terminal.say("phone", scored.phone.words)
    for difference in scored.drift:
        if difference.words:
            terminal.say(difference.name, difference.words)
    if scored.gap:
        terminal.text("")
        for sentence in scored.gap.words:
            terminal.text(sentence)
    terminal.text("")


def _show_counts(terminal: Terminal, scored: Photos, taken: PhotoFolder) -> None:
    labelled = scored.field.n if scored.field else 0
    terminal.say("photos", f"{scored.photos:,} in {taken.root}, {labelled:,} of them labelled and scored")
    for paths, what in (
        (
            scored.unlabelled,
            "photos have no label yet and are not scored: label them in the app or by review",
        ),
        (scored.already_in_the_run, "photos are pictures of this run and are not scored"),
    ):
        if paths:
            terminal.warn(f"{len(paths)} {what}; the first: {paths[0]}")
    if set(scored.flavours) - {scored.model}:
        flavours = ", ".join(f"{count} by {flavour}" for flavour, count in scored.flavours.items())
        terminal.say(
            "answered", f"on the phone {flavours}; all are scored by {scored.model} on this computer"
        )
    if others := scored.other_models.models:
        names = ", ".join(f"{sha256[:12]}…" for sha256 in others)
        terminal.warn(
            f"{sum(others.values())} photos were taken with another model ({names}) and are scored separately"
        )
    if scored.excluded:
        first, count = scored.excluded[0], len(scored.excluded)
        terminal.warn(
            f"{count} {'file is' if count == 1 else 'files are'} excluded and listed in photos.json; the "
            f"first: {first.path}: {first.reason}"
        )


def _score_cells(scores: Scores) -> list[str]:
    from export.android.photos.score import interval_text

    return [
        f"{scores.accuracy:.3f}",
        interval_text(scores.accuracy_interval),
        f"{scores.macro_f1:.3f}",
        interval_text(scores.macro_f1_interval),
        f"{scores.dont_know:.3f}",
        interval_text(scores.dont_know_interval),
    ]
