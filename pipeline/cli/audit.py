"""`audit`: what is wrong with the pictures."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli import options
from pipeline.cli.terminal import Terminal, speaking
from pipeline.core import stages

if TYPE_CHECKING:
    from pipeline.core.config import Config
    from pipeline.core.runs import Run
    from pipeline.core.shards import Shard
    from pipeline.data.audit.audit import Audit, AuditResult
    from pipeline.data.audit.issues import ImageIssue
    from pipeline.data.audit.shortcuts import Shortcuts

_CLASSES_SHOWN = 12


def audit(
    source: options.Source = None,
    run_option: Annotated[
        str | None, typer.Option("--run", metavar="RUN", help="Audit the pictures of this run again.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a key, as in train.")
    ] = None,
    name: options.Name = None,
    allow_unreadable: options.AllowUnreadable = None,
    strict: Annotated[bool, typer.Option(help="Exit with code 3 if there is something to act on.")] = False,
    shard: options.ShardOption = None,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Check the pictures before training.

    Works on any folder of pictures. Writes data/runs/NAME: audit.json, shortcuts.json, pictures.csv,
    excluded.csv and contact sheets; training under that name continues from there. With --shard, only reads
    one part of the pictures into the cache; the next audit without it takes the parts in.
    """
    with speaking(quiet=quiet, as_json=as_json) as terminal:
        from pipeline.core import config as configuration
        from pipeline.core import runs
        from pipeline.core.errors import DataError, GateError, RunError
        from pipeline.data import fingerprints, splits
        from pipeline.data.audit import audit as auditing
        from pipeline.data.audit import contact_sheets, shortcuts

        source, name = options.source_of(source, run_option, name)
        config = configuration.load(
            source, [*(settings or ()), *options.unreadable_setting(allow_unreadable)]
        )
        if part := options.part_of(shard):
            _read_shard(terminal, config, part)
            return
        # A folder has no settings of its own: those of the run hold, if there is one.
        read = ("data.pictures", "data.group_copies", "data.group_pattern", "seed")
        alone = source.suffix.lower() != ".toml" and not settings
        run = runs.open_for(name, config, keys=read[:1] if alone else read)
        if alone and run.path(stages.CONFIG).is_file():
            config = run.config()
        with run.locked(), fingerprints.open_cache(terminal.warn) as cache:
            run.warn_of_damage(terminal.warn)
            result = auditing.make(run, config, terminal, cache, strict=False)
            shortcut = None if result.refusal else shortcuts.make(run, result.table, cache, config.seed)
            sheets = contact_sheets.draw_image_issues(run, result, terminal)
            if not result.refusal:
                try:
                    splits.preview(run, result.table, config)
                except (DataError, RunError) as error:
                    result = replace(result, refusal=error)
        _show(terminal, run, result.audit)
        if shortcut:
            _show_shortcuts(terminal, run, shortcut)
        alarms = shortcut.alarms if shortcut else []
        for sentence in alarms:
            terminal.warn(sentence)
        refusal = {"message": result.refusal.message, "hint": result.refusal.hint} if result.refusal else None
        terminal.finish(
            {
                "run": run.name,
                **result.audit.model_dump(mode="json"),
                "refusal": refusal,
                "shortcuts": shortcut.model_dump(mode="json") if shortcut else None,
                "alarms": alarms,
            },
            [str(run.path(stages.AUDIT)), *map(str, sheets)],
        )
        allowed = ["--allow-unreadable", allow_unreadable] if allow_unreadable else []
        allowed += [word for setting in settings or () for word in ("--set", setting)]
        _say_next(terminal, run, source, result, allowed)
        reasons = [str(issue.kind) for issue in result.audit.image_issues if issue.matters]
        reasons += ["shortcuts"] * bool(alarms)
        reasons += ["pictures that are not ready for training"] * bool(result.refusal)
        if strict and reasons:
            raise GateError(
                "the audit found: " + ", ".join(reasons),
                f"{run.path(stages.AUDIT)} lists the pictures; omit --strict to continue anyway",
            )


def _read_shard(terminal: Terminal, config: Config, shard: Shard) -> None:
    from pipeline.core.remote_cache import RemoteCache
    from pipeline.data import fingerprints, reading

    source = Path(config.data.pictures)
    remote = RemoteCache(config.data.remote_cache_gb, terminal.warn)
    with fingerprints.open_shard(shard, terminal.warn) as cache:
        known = fingerprints.known()
        count = reading.read_shard(source, shard, known, cache, terminal.progress, remote)
    terminal.say("shard", f"{shard}: {count:,} files read that the cache did not know")
    terminal.finish({"shard": str(shard), "read": count})


def _show(terminal: Terminal, run: Run, audit: Audit) -> None:
    counts = [f"{label or '(no class)'} {count:,}" for label, count in audit.classes.items()]
    more = f" and {len(counts) - _CLASSES_SHOWN} more" if len(counts) > _CLASSES_SHOWN else ""
    terminal.say("pictures", f"{audit.pictures:,}: {', '.join(counts[:_CLASSES_SHOWN])}{more}")
    if not audit.image_issues:
        terminal.say("audit", "no issues found")
        return
    terminal.table(
        f"{run.name}: image issues (! = act on it)",
        ["count", "issue", "what to do"],
        [
            [f"{issue.count:,}", ("! " if issue.matters else "  ") + _title(issue), issue.advice]
            for issue in audit.image_issues
        ],
        words=True,
    )


def _title(issue: ImageIssue) -> str:
    """The title of an issue, with the picture if there is only one."""
    return f"{issue.title}: {issue.pictures[0]}" if len(issue.pictures) == 1 else issue.title


def _show_shortcuts(terminal: Terminal, run: Run, shortcuts: Shortcuts) -> None:

    if shortcuts.limits:
        terminal.say("shortcuts", shortcuts.limits)
    if not shortcuts.families:
        return
    rows = [
        [
            family.title,
            f"{family.balanced_accuracy:.3f}",
            "{:.3f} to {:.3f}".format(*family.interval),
            "ALARM" if family.alarm else "" if family.advice else "no alarm: part of the content",
        ]
        for family in shortcuts.families
    ]
    if run.path(stages.OUT_OF_FOLD).is_file() and run.path(stages.FOLDS).is_file():
        rows.append(["the classifier, out-of-fold", f"{_score_of_classifier(run):.3f}", "", ""])
    rows.append(["chance", f"{shortcuts.chance:.3f}", "", ""])
    terminal.table(
        f"Can the classes be told apart without the content? (n = {shortcuts.n:,})",
        ["looking only at", "balanced accuracy", "95%", ""],
        rows,
    )


def _score_of_classifier(run: Run) -> float:
    """The balanced accuracy of the run's out-of-fold predictions; raises RunError."""
    from pipeline.data.audit import separability
    from pipeline.stats import metrics

    stored = run.read_arrays(stages.OUT_OF_FOLD)
    probabilities = stored["probabilities"]
    confusion = metrics.confusion(stored["truth"], probabilities.argmax(1), probabilities.shape[1])
    return float(separability.balanced_accuracy_of(confusion))


def _say_next(terminal: Terminal, run: Run, source: Path, result: AuditResult, allowed: list[str]) -> None:
    from pipeline.core import runs

    if result.refusal:
        terminal.text(f"\nThese pictures are not ready for training: {result.refusal.message}")
        classes = result.audit.classes
        if any(classes):
            terminal.text(f"Do this first: {result.refusal.hint}")
        if sum(bool(label) for label in classes) < 2 or "" in classes:
            terminal.text(
                "\nTo train a classifier, sort the pictures into one folder per class, such as\n"
                f"  {source}/beach/*.jpg\n  {source}/mountains/*.jpg\n"
                "with dozens of pictures in each; "
                f"then: python -m pipeline audit {shlex.quote(str(source))}"
            )
        return
    if source == run.path(stages.CONFIG):
        terminal.next("pipeline", "train", "--run", run.name, *allowed)
        return
    name = ("--name", run.name) if run.name != runs.run_name(source) else ()
    terminal.next("pipeline", "train", str(source), *name, *allowed)
