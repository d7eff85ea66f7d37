"""Commands by a Python that lacks what Vignette needs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pipeline.core import packages
from tests.support.verbs import ROOT, environment


def bare(*words: str, cwd) -> subprocess.CompletedProcess[str]:
    """A Python without any package, `-S`."""
    return subprocess.run(
        [sys.executable, "-S", *words],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("module", ["pipeline", "export", "export.vignette"])
def test_without_the_environment_one_line_says_what_to_use(tmp_path, module):
    ended = bare("-m", module, "train", "pictures", cwd=tmp_path)
    what, _, then = ended.stderr.partition(", which Vignette needs: ")
    assert what.startswith(f"error: {sys.executable} has no ")
    command = ROOT / ".venv/bin/vignette"
    assert then == f"run make setup in {ROOT}, then use {command} or {command.with_name('python')} -m …\n"
    assert ended.returncode == 2
    assert ended.stdout == ""


def test_a_package_that_a_verb_loads_later_is_missed_in_the_same_words(tmp_path, capfd, monkeypatch):
    from tests.support.verbs import call

    (tmp_path / "pictures").mkdir()
    monkeypatch.setitem(sys.modules, "pipeline.data.synthetic", None)  # importing it fails
    with pytest.raises(ModuleNotFoundError):  # one of Vignette's own: a bug
        call(capfd, "pipeline", "draw", "x", cwd=tmp_path)
    monkeypatch.delitem(sys.modules, "pipeline.data.synthetic")
    monkeypatch.setitem(sys.modules, "PIL", None)
    for name in [name for name in sys.modules if name.startswith(("PIL.", "pipeline.data.synthetic"))]:
        monkeypatch.delitem(sys.modules, name)
    ended = call(capfd, "pipeline", "draw", "x", cwd=tmp_path)
    assert ended.stderr.startswith(f"error: {sys.executable} has no PIL, which Vignette needs")
    assert ended.returncode == 2


def test_a_missing_module_of_its_own_is_a_bug_and_keeps_its_traceback():
    with pytest.raises(ModuleNotFoundError, match="of mine"):
        packages.refuse(ModuleNotFoundError("no such module of mine", name="pipeline.nothing"))
