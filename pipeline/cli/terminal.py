"""What a person at the terminal sees: progress, results, tables, errors, exit codes.

Used by the command lines of `pipeline` and `export`; nothing else prints. Results go to
stdout, progress and errors to stderr. With `--json` stdout holds one JSON document.
"""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar, NoReturn

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from pipeline.core import packages
from pipeline.core.errors import VignetteError, storage_error
from pipeline.core.progress import ProgressReporter

INTERRUPTED = 130
_MODULE = re.compile(r"\bpython -m (?:pipeline|export)\b")
_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_PATIENCE = 0.5
_NARROWEST, _WIDEST = 60, 10_000


class Terminal(ProgressReporter):
    """Shows what library code reports.

    Args:
        quiet: Only errors are shown.
        as_json: Results are one JSON document on stdout instead of text.

    Attributes:
        program: How the user calls Vignette; empty for `python -m pipeline` and `python -m export`.
    """

    program: ClassVar[str] = ""

    def __init__(self, *, quiet: bool = False, as_json: bool = False) -> None:
        self.quiet, self.as_json = quiet, as_json
        self._silent = quiet or as_json
        if isinstance(sys.stdout, io.TextIOWrapper):
            # A terminal that lacks a letter shows a question mark instead of a traceback.
            sys.stdout.reconfigure(errors="replace")
        self._out = Console(highlight=False, soft_wrap=True)
        # A descriptor of its own: libraries that are muted on theirs do not mute this one.
        self._stderr = os.fdopen(os.dup(2), "w", encoding="utf-8", errors="replace", buffering=1)
        self._err = Console(file=self._stderr, highlight=False, soft_wrap=True)
        self._bar: Progress | None = None
        self._stage: tuple[str, float] = ("", 0.0)
        self.warnings: list[str] = []
        self._next = "run the same command again to continue"

    def progress(self, stage: str, done: int, total: int) -> None:
        """Draws a bar for a stage that takes longer than a moment; on a terminal only."""
        if self._silent or not self._err.is_terminal:
            return
        if stage != self._stage[0]:
            self._end_bar()
            self._stage = (stage, time.monotonic())
            if total > 1:
                return
        if self._bar is None:
            if total > 1 and time.monotonic() - self._stage[1] < _PATIENCE:
                return
            self._bar = Progress(
                TextColumn("  {task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                console=self._err,
                transient=True,
            )
            self._bar.add_task(_safe(stage), total=total)
            self._bar.start()
        self._bar.update(self._bar.task_ids[0], completed=done)
        if done >= total:
            self._end_bar()

    def say(self, stage: str, text: str) -> None:
        """One line for a finished stage."""
        self._end_bar()
        if not self._silent:
            self._out.print(f"[bold]{_safe(stage):>13}[/]  {_safe(text)}")

    def warn(self, text: str) -> None:
        """A line that the user must not miss; part of the JSON document, too."""
        self._end_bar()
        self.warnings.append(text)
        if not self._silent:
            self._out.print(f"[bold yellow]{'note':>13}[/]  {_safe(text)}")

    def table(
        self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, words: bool = False
    ) -> None:
        """A table; the first column is text, the others are numbers, or words that may take several lines."""
        self._end_bar()
        if self._silent:
            return
        table = Table(box=None, pad_edge=False)
        for number, column in enumerate(columns):
            right = number and not words
            table.add_column(
                _safe(column),
                justify="right" if right else "left",
                no_wrap=not (number and words),
                overflow="fold",
            )
        for row in rows:
            table.add_row(*(_safe(cell) for cell in row))
        # As wide as it needs to be: a cell that is cut cannot be read or searched.
        wide = Console(width=max(self._out.width, _NARROWEST) if words else _WIDEST, color_system=None)
        with wide.capture() as capture:
            wide.print(table)
        lines = (line.rstrip() for line in capture.get().splitlines())
        self._out.print(f"\n[bold]{_safe(title)}[/]")
        self._out.print("\n".join(lines), markup=False)
        self._out.print()

    def text(self, text: str) -> None:
        """A paragraph."""
        self._end_bar()
        if not self._silent:
            self._out.print(_safe(text))

    def next(self, program: str, *words: str) -> None:
        """The command that comes next, as a shell takes it."""
        self.text(f"\nnext: python -m {shlex.join([program, *words])}")

    def finish(self, result: dict[str, Any], files: Sequence[str] = ()) -> None:
        """The result of the verb, and the files to open next."""
        self._end_bar()
        if self.as_json:
            document = {**result, "warnings": self.warnings, "files": list(files)}
            ascii_only = (sys.stdout.encoding or "").lower() != "utf-8"
            sys.stdout.write(json.dumps(document, ensure_ascii=ascii_only, indent=1) + "\n")
        elif not self.quiet and files:
            for number, file in enumerate(files):
                self._out.print(f"[bold]{'open' if not number else '':>13}[/]  {_safe(file)}")

    def error(self, error: VignetteError) -> None:
        """An expected failure."""
        self._end_bar()
        self._err.print(f"[bold red]error:[/] {_safe(error.message)}")
        if error.hint:
            self._err.print(f"[bold]hint:[/] {_safe(error.hint)}")

    def interrupted(self) -> None:
        """The user pressed Ctrl-C."""
        self._end_bar()
        self._err.print(f"interrupted; {self._next}")

    def interrupt(self) -> NoReturn:
        """Ends the process at once, as Ctrl-C asks.

        An exception could be swallowed by a library's callback. Nothing needs to be unwound,
        because every artifact is written whole or not at all.
        """
        with suppress(Exception):
            self.interrupted()
        os._exit(INTERRUPTED)

    @contextmanager
    def unwinding(self, meanwhile: str, after: str) -> Iterator[None]:
        """Lets Ctrl-C unwind what is under way, where something outside has to be cleared.

        Args:
            meanwhile: What is said at the first Ctrl-C, which raises KeyboardInterrupt; others are ignored.
            after: What the same command would do, said at the end.
        """
        pressed = False

        def unwind(*_: Any) -> None:
            nonlocal pressed
            if not pressed:
                pressed = True
                self._end_bar()
                self._err.print(meanwhile)
                self._next = after
                raise KeyboardInterrupt

        before = signal.signal(signal.SIGINT, unwind)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def close(self) -> None:
        """Ends a bar that is still drawn and gives the descriptor back."""
        self._end_bar()
        self._stderr.close()

    def _end_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


@contextmanager
def speaking(*, quiet: bool = False, as_json: bool = False) -> Iterator[Terminal]:
    """A Terminal for one verb; turns expected failures into messages and exit codes."""
    terminal = Terminal(quiet=quiet, as_json=as_json)
    before = signal.signal(signal.SIGINT, lambda *_: terminal.interrupt())
    try:
        yield terminal
        sys.stdout.flush()
    except VignetteError as error:
        terminal.error(error)
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        terminal.interrupted()
        raise SystemExit(INTERRUPTED) from None
    except ModuleNotFoundError as error:
        packages.refuse(error)
    except BrokenPipeError:
        # Whoever read the output has enough; there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        raise SystemExit(1) from None
    except OSError as error:
        if not error.filename and not error.errno:
            raise
        terminal.error(storage_error(Path(error.filename or "a temporary file"), error))
        raise SystemExit(1) from None
    finally:
        signal.signal(signal.SIGINT, before)
        terminal.close()


def main(app: Callable[[], Any], program: str = "") -> None:
    """Runs a command line. Ctrl-C before a verb has begun ends it, too.

    Args:
        app: What is run.
        program: The command that was called, if it is not `python -m`; commands are shown as its verbs.
    """
    Terminal.program = program
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        app()
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None


def _safe(text: str) -> str:
    """A text without markup, and without what would steer the terminal: file names are anyone's.

    Commands stand in it as the user calls them.
    """
    if Terminal.program:
        text = _MODULE.sub(Terminal.program, text)
    return escape(_STEERING.sub("\N{REPLACEMENT CHARACTER}", text))
