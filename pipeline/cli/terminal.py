"""Everything printed to the terminal: progress, results, tables, errors; and exit codes.

Used by the command lines of `pipeline` and `export`; nothing else prints. Results go to stdout, progress
and errors to stderr. With `--json`, stdout is one JSON document.
"""

from __future__ import annotations

import atexit
import gc
import io
import json
import os
import re
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar, NoReturn

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from pipeline.core import packages
from pipeline.core.errors import VignetteError, storage_error
from pipeline.core.progress import ProgressReporter

_INTERRUPTED = 130
_MODULE = re.compile(r"\bpython -m (?:pipeline|export)\b")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_BAR_DELAY = 0.5
_NARROWEST, _WIDEST = 60, 10_000
# Names may look like markup or emoji codes: a text is printed as it is.
_LITERAL: Any = {"markup": False, "emoji": False, "highlight": False}


class Terminal(ProgressReporter):
    """Prints the reports of library code.

    Args:
        quiet: Print errors only.
        as_json: Print one JSON document to stdout instead of text.

    Attributes:
        program: The command that the user typed; empty for `python -m pipeline` and `python -m export`.
    """

    program: ClassVar[str] = ""

    def __init__(self, *, quiet: bool = False, as_json: bool = False) -> None:
        self.quiet, self.as_json = quiet, as_json
        self._silent = quiet or as_json
        if isinstance(sys.stdout, io.TextIOWrapper):
            # Characters that the terminal cannot encode become question marks, not a traceback.
            sys.stdout.reconfigure(errors="replace")
        self._out = Console(soft_wrap=True, **_LITERAL)
        # A separate descriptor, so that muting libraries does not mute this one.
        self._stderr = os.fdopen(os.dup(2), "w", encoding="utf-8", errors="replace", buffering=1)
        self._err = Console(file=self._stderr, soft_wrap=True, **_LITERAL)
        self._bar: Progress | None = None
        # Warnings may come from any thread.
        self._speaking = threading.RLock()
        self._stage: tuple[str, float] = ("", 0.0)
        self.warnings: list[str] = []
        self._next = "run the same command again to continue"

    def progress(self, stage: str, done: int, total: int) -> None:
        """Draws a bar if a stage takes more than a moment and stderr is a terminal."""
        if self._silent or not self._err.is_terminal:
            return
        with self._speaking:
            self._draw(stage, done, total)

    def _draw(self, stage: str, done: int, total: int) -> None:
        if stage != self._stage[0]:
            self._end_bar()
            self._stage = (stage, time.monotonic())
            if total > 1:
                return
        if self._bar is None:
            if total > 1 and time.monotonic() - self._stage[1] < _BAR_DELAY:
                return
            self._bar = Progress(
                TextColumn("  {task.description}", markup=False),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                console=self._err,
                transient=True,
            )
            self._bar.add_task(_plain(stage), total=total)
            self._bar.start()
        self._bar.update(self._bar.task_ids[0], completed=done)
        if done >= total:
            self._end_bar()

    def say(self, stage: str, text: str) -> None:
        """Prints one line for a finished stage."""
        self._end_bar()
        if not self._silent:
            self._out.print(_headed("bold", f"{stage:>13}", f"  {text}"))

    def warn(self, text: str) -> None:
        """Prints a note, which is also part of the JSON document."""
        with self._speaking:
            self._end_bar()
            self.warnings.append(text)
            if not self._silent:
                self._out.print(_headed("bold yellow", f"{'note':>13}", f"  {text}"))

    def table(
        self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, words: bool = False
    ) -> None:
        """Prints a table of text in the first column and numbers, or wrapped words, in the others."""
        self._end_bar()
        if self._silent:
            return
        table = Table(box=None, pad_edge=False)
        for number, column in enumerate(columns):
            right = number and not words
            table.add_column(
                _plain(column),
                justify="right" if right else "left",
                no_wrap=not (number and words),
                overflow="fold",
            )
        for row in rows:
            table.add_row(*(_plain(cell) for cell in row))
        # As wide as needed: truncated cells cannot be read or searched.
        width = max(self._out.width, _NARROWEST) if words else _WIDEST
        wide = Console(width=width, color_system=None, **_LITERAL)
        with wide.capture() as capture:
            wide.print(table)
        lines = (line.rstrip() for line in capture.get().splitlines())
        self._out.print(_headed("bold", f"\n{title}"))
        self._out.print("\n".join(lines))
        self._out.print()

    def text(self, text: str) -> None:
        """Prints a paragraph."""
        self._end_bar()
        if not self._silent:
            self._out.print(_plain(text))

    def document(self, text: str) -> None:
        """Prints a text as it is, for other programs to read."""
        self._end_bar()
        sys.stdout.write(text)

    def next(self, program: str, *words: str) -> None:
        """Prints the next command, quoted for the shell."""
        self.text(f"\nnext: python -m {shlex.join([program, *words])}")

    def finish(self, result: dict[str, Any], files: Sequence[str] = ()) -> None:
        """Prints the verb's result, or the files to open next."""
        self._end_bar()
        if self.as_json:
            document = {**result, "warnings": self.warnings, "files": list(files)}
            ascii_only = (sys.stdout.encoding or "").lower() != "utf-8"
            sys.stdout.write(json.dumps(document, ensure_ascii=ascii_only, indent=1) + "\n")
        elif not self.quiet and files:
            for number, file in enumerate(files):
                self._out.print(_headed("bold", f"{'' if number else 'open':>13}", f"  {file}"))
        sys.stdout.flush()

    def error(self, error: VignetteError) -> None:
        """Prints an expected failure."""
        self._end_bar()
        self._err.print(_headed("bold red", "error:", f" {error.message}"))
        if error.hint:
            self._err.print(_headed("bold", "hint:", f" {error.hint}"))

    def interrupted(self) -> None:
        """Prints that the user pressed Ctrl-C."""
        self._end_bar()
        self._err.print(_plain(f"interrupted; {self._next}"))

    def interrupt(self) -> NoReturn:
        """Exits immediately on Ctrl-C.

        An exception could be swallowed by a library's callback. Nothing needs unwinding, because
        every artifact is written atomically.
        """
        with suppress(Exception):
            self.interrupted()
        os._exit(_INTERRUPTED)

    @contextmanager
    def unwinding(self, meanwhile: str, after: str) -> Iterator[None]:
        """Makes Ctrl-C raise KeyboardInterrupt, for work that has to clean up outside the process.

        Args:
            meanwhile: Printed at the first Ctrl-C; later ones are ignored.
            after: What running the command again would do, printed at the end.
        """
        pressed = False

        def unwind(*_: Any) -> None:
            nonlocal pressed
            if not pressed:
                pressed = True
                self._end_bar()
                self._err.print(_plain(meanwhile))
                self._next = after
                raise KeyboardInterrupt

        before = signal.signal(signal.SIGINT, unwind)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def close(self) -> None:
        """Removes any bar and closes the descriptor."""
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
        raise SystemExit(_INTERRUPTED) from None
    except ModuleNotFoundError as error:
        packages.refuse(error)
    except BrokenPipeError:
        # The reader of the output has closed it.
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
    """Runs a command line; handles Ctrl-C even before a verb starts.

    Args:
        app: The program.
        program: The command, if not `python -m`; commands are shown as its verbs.
    """
    Terminal.program = program
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # TensorFlow's modules stay as long as the command does. By default, the collector looks through them
    # again and again while they load, and once more at the end: a third of the time that loading takes.
    gc.set_threshold(10_000)
    atexit.register(gc.freeze)
    try:
        app()
    except KeyboardInterrupt:
        raise SystemExit(_INTERRUPTED) from None


def _plain(text: str) -> str:
    """A text without control characters, which file names may contain.

    Commands in it are shown as the user calls them.
    """
    if Terminal.program:
        text = _MODULE.sub(Terminal.program, text)
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def _headed(style: str, head: str, text: str = "") -> Text:
    """Two parts of a line, of which the first has a style of rich."""
    return Text.assemble((_plain(head), style), _plain(text))
