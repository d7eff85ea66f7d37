"""`audit`: what is wrong with the pictures."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli import options
from pipeline.cli.terminal import Terminal, speaking

if TYPE_CHECKING:
    from pipeline.core.runs import Run
    from pipeline.data.audit.audit import Audit


def audit(
    source: options.Source = None,
    run_option: Annotated[
        str | None, typer.Option("--run", metavar="RUN", help="Look at the pictures of this run again.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="The run's name; default: the stem of the source.")] = None,
    allow_unreadable: options.AllowUnreadable = None,
    strict: Annotated[bool, typer.Option(help="Exit code 3 if something should be done.")] = False,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Look for what is wrong with the pictures, before training.

    Reads the pictures. Writes data/runs/NAME: audit.json, shortcuts.json, pictures.csv,
    excluded.csv and sheets of pictures; training under that name starts from there. Any folder with
    pictures will do.
    """
    with speaking(quiet=quiet, as_json=as_json) as terminal:
        from pipeline.core import config as configuration
        from pipeline.core import runs
        from pipeline.core.errors import DataError, GateError, RunError
        from pipeline.data import fingerprints, splits
        from pipeline.data.audit import audit as auditing
        from pipeline.data.audit import contact_sheets, shortcuts

        source, name = options.source_of(source, run_option, name)
        config = configuration.load(source, options.unreadable_setting(allow_unreadable))
        # A folder alone says nothing of settings: then those of the run hold, if there is one.
        read = ("data.pictures", "data.group_copies", "seed")
        alone = source.suffix.lower() != ".toml"
        run = runs.open_for(name, config, keys=read[:1] if alone else read)
        if alone and run.path(runs.CONFIG).is_file():
            config = run.config()
        with run.locked(), fingerprints.open_cache(terminal.warn) as looks:
            run.warn_of_damage(terminal.warn)
            found = auditing.look(run, config, terminal, looks, strict=False)
            told = None if found.refusal else shortcuts.make(run, found.table, looks, config.seed)
            drawn = contact_sheets.draw_image_issues(run, found, terminal)
            if not found.refusal:
                try:
                    splits.preview(run, found.table, config)
                except (DataError, RunError) as error:
                    found = replace(found, refusal=error)
        _show(terminal, run, found)
        alarms = shortcuts.alarms(told) if told else []
        if told:
            _show_shortcuts(terminal, run, told)
        for sentence in alarms:
            terminal.warn(sentence)
        refusal = {"message": found.refusal.message, "hint": found.refusal.hint} if found.refusal else None
        terminal.finish(
            {"run": run.name, **found.document, "refusal": refusal, "shortcuts": told, "alarms": alarms},
            [str(run.path(runs.AUDIT)), *map(str, drawn)],
        )
        allowed = ["--allow-unreadable", allow_unreadable] if allow_unreadable else []
        _say_next(terminal, run, source, found, allowed)
        matters = [entry["kind"] for entry in found.document["image_issues"] if entry["matters"]]
        if strict and (matters or alarms or found.refusal):
            cannot = "pictures that cannot be trained on yet"
            what = [*matters, *["shortcuts"] * bool(alarms), *[cannot] * bool(found.refusal)]
            raise GateError(
                "the audit found: " + ", ".join(what),
                f"{run.path(runs.AUDIT)} tells which pictures; leave --strict out to go on all the same",
            )


def _show(terminal: Terminal, run: Run, found: Audit) -> None:
    document = found.document
    classes = document["classes"]
    named = ", ".join(f"{label or '(no class)'} {count:,}" for label, count in list(classes.items())[:12])
    more = f" and {len(classes) - 12} more" if len(classes) > 12 else ""
    terminal.say("pictures", f"{document['pictures']:,}: {named}{more}")
    rows = [
        [f"{entry['count']:,}", ("! " if entry["matters"] else "  ") + _named(entry), entry["advice"]]
        for entry in document["image_issues"]
    ]
    if rows:
        terminal.table(
            f"{run.name}: what the audit found (! = have a look)",
            ["how many", "what", "what to do"],
            rows,
            words=True,
        )
    else:
        terminal.say("audit", "nothing odd")


def _named(entry: dict[str, Any]) -> str:
    """What a finding is, with the picture where it is a single one."""
    pictures = entry["pictures"]
    return f"{entry['title']}: {pictures[0]}" if len(pictures) == 1 else entry["title"]


def _show_shortcuts(terminal: Terminal, run: Run, told: dict[str, Any]) -> None:
    from pipeline.core import runs
    from pipeline.data.audit import shortcuts

    if limits := shortcuts.limits(told):
        terminal.say("shortcuts", limits)
    if not told["families"]:
        return
    rows = [
        [
            row["title"],
            f"{row['balanced_accuracy']:.3f}",
            "{:.3f} to {:.3f}".format(*row["interval"]),
            "ALARM" if row["alarm"] else "" if row["advice"] else "no alarm: part of the content",
        ]
        for row in told["families"]
    ]
    if run.path(runs.OUT_OF_FOLD).is_file() and run.path(runs.FOLDS).is_file():
        rows.append(["the classifier, out-of-fold", f"{shortcuts.score_of_classifier(run):.3f}", "", ""])
    rows.append(["chance", f"{told['chance']:.3f}", "", ""])
    terminal.table(
        f"Can the classes be told apart without the content? (n = {told['n']:,})",
        ["looking only at", "balanced accuracy", "95%", ""],
        rows,
    )


def _say_next(terminal: Terminal, run: Run, source: Path, found: Audit, allowed: list[str]) -> None:
    from pipeline.core import runs

    if found.refusal:
        terminal.text(f"\nThese pictures cannot be trained on yet: {found.refusal.message}")
        terminal.text(f"Do this first: {found.refusal.hint}")
        classes = [label for label in found.document["classes"] if label]
        if len(classes) < 2 or "" in found.document["classes"]:
            terminal.text(
                "\nTo teach a classifier, sort the pictures into one folder for each thing to tell apart, "
                f"such as\n  {source}/beach/*.jpg\n  {source}/mountains/*.jpg\n"
                "with some dozens of pictures in each; "
                f"then: python -m pipeline audit {shlex.quote(str(source))}"
            )
        return
    if source == run.path(runs.CONFIG):
        terminal.next("pipeline", "train", "--run", run.name, *allowed)
        return
    name = ("--name", run.name) if run.name != runs.run_name(source) else ()
    terminal.next("pipeline", "train", str(source), *name, *allowed)
