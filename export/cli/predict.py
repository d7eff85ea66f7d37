"""`predict`: what the exported model says of pictures."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from export import artifacts
from pipeline.cli import options
from pipeline.cli.terminal import Terminal, speaking

if TYPE_CHECKING:
    from export.bundle.predict import Prediction

_COLUMNS = ("path", "answer", "label", "probability", "problem")
_DONT_KNOW = "don't know"
_SHOWN = 0.0005  # a smaller probability would read as 0


def predict(
    pictures: Annotated[
        list[str],
        typer.Argument(metavar="PICTURES", help="Files, folders, or - for a list of files on stdin."),
    ],
    run_name: options.OnlyRunOption = None,
    flavour: Annotated[str, typer.Option(metavar="NAME", help="The flavour that answers.")] = "int8",
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Classify pictures with the exported model.

    Needs an exported run. Reads its bundle: the same preparation, file, labels and "don't know" as on the
    phone. Writes nothing. Exit code 1: a picture cannot be read.
    """
    with speaking(quiet=quiet or as_csv, as_json=as_json) as terminal:
        from export.bundle import bundle
        from export.bundle import predict as prediction
        from pipeline.core import documents, runs
        from pipeline.core.errors import UsageError
        from pipeline.core.sections import FLAVOURS

        if flavour not in FLAVOURS:
            raise UsageError(f"--flavour {flavour}: no such flavour", f"one of {', '.join(FLAVOURS)}")
        if as_csv and as_json:
            raise UsageError("--csv and --json are both given", "omit one of them")
        run = runs.find(run_name)
        opened = bundle.read(artifacts.require_bundle(run, flavour))
        paths = _paths(pictures)
        if not paths:
            raise UsageError("no pictures given", "name files or folders; - reads a list of files from stdin")
        files = prediction.listed(paths)
        answers: list[Prediction] = []
        for answer in prediction.predict(opened, files):
            answers.append(answer)
            terminal.progress("predicting", len(answers), len(files))
        unread = [answer for answer in answers if answer.problem]
        if as_csv:
            terminal.document(documents.csv_of(_COLUMNS, map(_row, answers)).decode())
        else:
            _show(terminal, run.name, flavour, answers)
        for answer in unread:
            terminal.warn(f"{answer.path}: {answer.problem}")
        terminal.finish(
            {
                "run": run.name,
                "flavour": flavour,
                "threshold": opened.contract.threshold,
                "pictures": [answer.model_dump(mode="json") for answer in answers],
            }
        )
        if unread:
            raise SystemExit(1)


def _paths(pictures: Sequence[str]) -> list[Path]:
    paths: list[Path] = []
    for word in pictures:
        if word == "-":
            paths += [Path(line) for line in sys.stdin.read().splitlines() if line.strip()]
        else:
            paths.append(Path(word))
    return paths


def _show(terminal: Terminal, name: str, flavour: str, answers: Sequence[Prediction]) -> None:
    rows = []
    for answer in answers:
        if not answer.problem:
            first, *others = answer.top
            likely = [guess for guess in others if guess.probability >= _SHOWN]
            rest = ", ".join(f"{guess.label} {guess.probability:.3f}" for guess in likely)
            label = answer.label or f"{_DONT_KNOW} ({first.label})"
            rows.append([answer.path, label, f"{first.probability:.3f}", rest])
    if rows:
        terminal.table(
            f"{name}, {flavour}: answers to {len(rows):,} picture{'s' * (len(rows) != 1)}",
            ["picture", "answer", "probability", "next"],
            rows,
        )


def _row(answer: Prediction) -> tuple[str, ...]:
    first = answer.top[0] if answer.top else None
    return (
        answer.path,
        "" if answer.problem else answer.label or _DONT_KNOW,
        first.label if first else "",
        f"{first.probability:.6f}" if first else "",
        answer.problem,
    )
