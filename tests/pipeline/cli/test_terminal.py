from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys

import pytest
from rich.console import Console

from pipeline.cli import terminal as console
from pipeline.cli.terminal import Terminal, speaking
from pipeline.core.errors import ConfigError, GateError, RunError, VignetteError
from tests.support import verbs


def speak(capfd, work, **options) -> tuple[str, str]:
    """What a verb says to stdout and stderr."""
    with speaking(**options) as terminal:
        work(terminal)
    return capfd.readouterr()


def fail(capfd, error: BaseException) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught, speaking():
        raise error
    out, err = capfd.readouterr()
    return caught.value.code, out, err


def test_results_go_to_stdout_in_one_line_each(capfd):
    out, err = speak(capfd, lambda terminal: terminal.say("folds", "out-of-fold accuracy 0.9 [n = 5]"))
    assert (out, err) == ("        folds  out-of-fold accuracy 0.9 [n = 5]\n", "")


def test_warnings_are_notes(capfd):
    out, err = speak(capfd, lambda terminal: terminal.warn("3 files are left out"))
    assert (out, err) == ("         note  3 files are left out\n", "")


def test_files_to_open_come_at_the_end(capfd):
    out, _ = speak(capfd, lambda terminal: terminal.finish({}, ["a.svg", "b[1].png"]))
    assert out == "         open  a.svg\n               b[1].png\n"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (VignetteError("m", "h"), 1),
        (RunError("m", "h"), 1),
        (ConfigError("m", "h"), 2),
        (GateError("m", "h"), 3),
    ],
)
def test_expected_failures_print_error_and_hint_and_their_code(capfd, error, code):
    assert fail(capfd, error) == (code, "", "error: m\nhint: h\n")


def test_an_error_without_a_hint_prints_none(capfd):
    assert fail(capfd, RunError("[red] is no markup here")) == (1, "", "error: [red] is no markup here\n")


def test_ctrl_c_ends_with_130(capfd):
    assert fail(capfd, KeyboardInterrupt()) == (
        130,
        "",
        "interrupted; run the same command again to continue\n",
    )


def test_ctrl_c_unwinds_once_where_something_outside_has_to_be_cleared(capfd):
    cleared = []

    def work(terminal: Terminal) -> None:
        with terminal.unwinding("clearing", "the same command begins anew"):
            try:
                os.kill(os.getpid(), signal.SIGINT)
            finally:
                os.kill(os.getpid(), signal.SIGINT)
                cleared.append("all")

    with pytest.raises(SystemExit) as caught:
        speak(capfd, work)
    assert (caught.value.code, cleared) == (130, ["all"])
    assert capfd.readouterr().err == "clearing\ninterrupted; the same command begins anew\n"


def test_ctrl_c_before_a_verb_has_begun_ends_with_130(capfd):
    def app() -> None:
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as caught:
        console.main(app)
    assert caught.value.code == 130


def test_a_file_that_cannot_be_written_is_named(capfd):
    error = OSError(28, "No space left on device", "data/x.json")
    code, _, err = fail(capfd, error)
    assert code == 1
    assert err == (
        "error: cannot write data/x.json: No space left on device\n"
        "hint: free some disk space, then run the command again: it continues where it stopped\n"
    )


def test_a_bug_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError), speaking():
        1 / 0  # noqa: B018
    with pytest.raises(OSError, match="odd"), speaking():
        raise OSError("odd")


def test_quiet_prints_nothing_but_errors(capfd):
    def work(terminal: Terminal) -> None:
        terminal.say("a", "b")
        terminal.warn("c")
        terminal.table("d", ["e"], [["f"]])
        terminal.text("g")
        terminal.progress("h", 1, 2)
        terminal.finish({"i": 1}, ["j"])

    assert speak(capfd, work, quiet=True) == ("", "")
    with pytest.raises(SystemExit), speaking(quiet=True):
        raise RunError("m", "h")
    assert capfd.readouterr() == ("", "error: m\nhint: h\n")


def test_json_is_one_document_with_warnings_and_files(capfd):
    def work(terminal: Terminal) -> None:
        terminal.say("a", "b")
        terminal.warn("عربي [x]")
        terminal.table("d", ["e"], [["f"]])
        terminal.text("g")
        terminal.finish({"i": 1}, ["j"])

    out, err = speak(capfd, work, as_json=True)
    assert json.loads(out) == {"i": 1, "warnings": ["عربي [x]"], "files": ["j"]}
    assert err == ""


def test_json_and_quiet_together_give_the_document(capfd):
    out, _ = speak(capfd, lambda terminal: terminal.finish({"i": 1}), as_json=True, quiet=True)
    assert json.loads(out)["i"] == 1


# Tables.

HOSTILE = ["[bold]", "a" * 100, "عربي", "日本語のクラス", "🐈‍⬛ cat", "<b>&", "$x_1$", "two words", ""]


def table_lines(capfd, columns: list[str], rows: list[list[str]]) -> list[str]:
    out, _ = speak(capfd, lambda terminal: terminal.table("title", columns, rows))
    assert out.startswith("\ntitle\n")
    return out.split("\n")[2:-2]


@pytest.mark.parametrize("width", ["20", "40", "80", "300"])
def test_cells_of_a_table_are_never_cut(capfd, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", width)
    rows = [[name, "1,234", "0.873"] for name in HOSTILE]
    lines = table_lines(capfd, ["class", "n", "recall"], rows)
    assert len(lines) == 1 + len(rows)
    for name, line in zip(HOSTILE, lines[1:], strict=True):
        assert line.startswith(name)
        assert line.split()[-2:] == ["1,234", "0.873"]
        assert "…" not in line


def test_many_long_columns_are_never_cut(capfd):
    names = [f"run-with-a-rather-long-name-{number}" for number in range(14)]
    lines = table_lines(capfd, ["key", *names], [["train.learning_rate", *(["0.001"] * 14)]])
    assert lines[0].split() == ["key", *names]
    assert lines[1].split() == ["train.learning_rate", *(["0.001"] * 14)]


def test_columns_of_numbers_end_below_one_another(capfd):
    rows = [[name, "1", "0.5"] for name in ("cat", "日本語", "عربي", "a longer name")]
    lines = table_lines(capfd, ["class", "n", "recall"], rows)
    from rich.cells import cell_len

    assert len({cell_len(line) for line in lines}) == 1
    assert lines[0].endswith("recall")


# Progress.


def test_progress_is_silent_where_there_is_no_terminal(capfd):
    def work(terminal: Terminal) -> None:
        for done in range(5):
            terminal.progress("drawing", done, 5)

    assert speak(capfd, work) == ("", "")


def test_progress_is_a_bar_on_a_terminal_and_gone_at_the_end(monkeypatch):
    seen = io.StringIO()
    monkeypatch.setenv("TERM", "xterm")  # a dumb terminal has no bar
    monkeypatch.setattr(console, "_BAR_DELAY", 0.0)
    with speaking() as terminal:
        terminal._err = Console(file=seen, force_terminal=True, width=100, legacy_windows=False)
        for done in range(4):
            terminal.progress("features of [5] :cat: pictures", done, 3)
        terminal.say("done", "well")
    assert "features of [5] :cat: pictures" in seen.getvalue()
    assert terminal._bar is None


def test_the_collector_spares_what_stays_until_a_command_ends():
    code = """
import atexit, gc
from pipeline.cli import terminal
atexit.register(lambda: print(gc.get_threshold()[0], gc.get_freeze_count() > 1000))
terminal.main(lambda: print(gc.get_freeze_count()))
"""
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, capture_output=True, text=True, env=verbs.environment(), check=True)
    assert ended.stdout == "0\n10000 True\n"


# Pipes.


def in_a_pipe(code: str, **options) -> tuple[int, str]:
    """Runs code whose stdout nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(
        [sys.executable, "-c", code],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        env=verbs.environment(),
        check=False,
        **options,
    )
    os.close(writer)
    return ended.returncode, ended.stderr


def test_a_broken_pipe_ends_quietly():
    code = """
from pipeline.cli.terminal import speaking
with speaking() as terminal:
    for number in range(20000):
        terminal.say("line", str(number))
"""
    assert in_a_pipe(code) == (1, "")


def test_a_broken_pipe_at_the_very_end_ends_quietly():
    code = """
from pipeline.cli.terminal import speaking
with speaking() as terminal:
    terminal.say("line", "short")
"""
    assert in_a_pipe(code) == (1, "")


def test_a_broken_pipe_under_json_ends_quietly():
    code = """
from pipeline.cli.terminal import speaking
with speaking(as_json=True) as terminal:
    terminal.finish({"x": "y" * 100000})
"""
    assert in_a_pipe(code) == (1, "")


def test_a_terminal_that_is_not_utf_8_still_gets_its_errors(tmp_path):
    env = verbs.environment(PYTHONIOENCODING="ascii", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    ended = verbs.verb("pipeline", "train", "عربي", cwd=tmp_path, env=env)
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: ")
    assert ": no such file or folder\nhint: give a configuration" in ended.stderr


def test_a_terminal_that_is_not_utf_8_still_gets_its_results():
    code = """
from pipeline.cli.terminal import speaking
with speaking() as terminal:
    terminal.say("pictures", "\\u0639\\u0631 5")
    terminal.table("mean |\\u0394p|", ["class"], [["\\u0639"]])
with speaking(as_json=True) as terminal:
    terminal.finish({"labels": ["\\u0639"]})
"""
    env = verbs.environment(LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, env=env, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")


LITERAL = ":cat:c0:dog: [red]:x:[/] \\[b] \\"


def test_names_of_emoji_and_markup_are_printed_as_they_are(capfd):
    def work(terminal: Terminal) -> None:
        terminal.say("a", LITERAL)
        terminal.warn(LITERAL)
        terminal.text(LITERAL)
        terminal.table(LITERAL, [LITERAL], [[LITERAL]])
        terminal.table("words", ["n", LITERAL], [["1", LITERAL]], words=True)
        terminal.next(LITERAL)
        terminal.finish({}, [LITERAL])

    out, _ = speak(capfd, work)
    assert out.count(LITERAL) == 10
    assert fail(capfd, RunError(LITERAL, LITERAL)) == (1, "", f"error: {LITERAL}\nhint: {LITERAL}\n")


def test_what_is_said_at_ctrl_c_is_printed_as_it_is(capfd):
    with (
        pytest.raises(SystemExit),
        speaking() as terminal,
        terminal.unwinding(f"clearing {LITERAL}", f"again {LITERAL}"),
    ):
        os.kill(os.getpid(), signal.SIGINT)
    assert capfd.readouterr().err == f"clearing {LITERAL}\ninterrupted; again {LITERAL}\n"


def test_a_file_name_does_not_steer_the_terminal(capfd):
    out, _ = speak(capfd, lambda terminal: terminal.warn("\x1b[31mred\x07"))
    assert out == "         note  \N{REPLACEMENT CHARACTER}[31mred\N{REPLACEMENT CHARACTER}\n"


def test_the_next_command_is_as_a_shell_takes_it(capfd):
    out, _ = speak(capfd, lambda terminal: terminal.next("pipeline", "train", "My holiday"))
    assert out == "\nnext: python -m pipeline train 'My holiday'\n"
