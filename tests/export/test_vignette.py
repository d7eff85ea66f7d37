"""The installed command `vignette`, called from a folder that is not the checkout."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
import tomllib
import venv
from importlib import metadata
from pathlib import Path

import pytest
from typer.main import get_command

from export import vignette
from export.__main__ import app as exporting
from pipeline.__main__ import app as training
from tests.support import verbs
from tests.support.verbs import ROOT, RUN, environment, fine, refused

SCRIPTS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]
# What pip writes as `.venv/bin/vignette`.
SCRIPT = "import sys; sys.argv[0] = 'vignette'; from {} import {} as main; sys.exit(main())"


def command(*words: object, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    script = SCRIPT.format(*SCRIPTS["vignette"].split(":"))
    return subprocess.run(
        [sys.executable, "-P", "-c", script, *map(str, words)],
        cwd=cwd,
        env=environment(**variables),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return verbs.copy_finished(tmp_path_factory, tmp_path_factory.mktemp("elsewhere"))


def test_it_has_every_verb_of_both_programs():
    assert set(get_command(vignette.app).commands) == {
        *get_command(training).commands,
        *get_command(exporting).commands,
    }
    module, _, name = SCRIPTS["vignette"].partition(":")
    assert getattr(importlib.import_module(module), name) is vignette.main


def test_its_help_fits_a_narrow_terminal(tmp_path):
    said = fine(command("--help", cwd=tmp_path, COLUMNS="80"))
    assert said.startswith("Usage: vignette [OPTIONS] COMMAND")
    assert "..." not in said.partition("Commands:")[2]


@pytest.mark.slow
def test_it_works_on_the_data_of_the_current_folder_and_names_commands_as_it_was_called(place):
    said = fine(command("evaluate", cwd=place))
    assert said.endswith("\nnext: vignette tflite pictures\n")
    assert "next: vignette train pictures" in fine(command("audit", "pictures", cwd=place))
    assert "next: python -m export tflite pictures" in fine(verbs.verb("pipeline", "evaluate", cwd=place))
    # A file of another process, a judge, the app's pinned versions: all lie beside the package.
    assert "MediaPipe" in fine(command("passport", place / RUN / "export/int8/model_int8.tflite", cwd=place))


@pytest.mark.slow
def test_hints_name_commands_as_it_was_called(place, tmp_path):
    refused(
        command("evaluate", cwd=tmp_path),
        2,
        "no runs in data/runs",
        "train one: vignette train CONFIG_OR_FOLDER; or go to the folder in which you trained",
    )
    fine(command("train", "--run", "pictures", cwd=place))


@pytest.mark.slow
def test_an_editable_installation_puts_it_on_the_path(tmp_path):
    """As setup.sh does, from what lies here: nothing is fetched."""
    if int(metadata.version("setuptools").partition(".")[0]) < 80:
        pytest.skip("needs setuptools 80: make setup")
    for name in ("pipeline", "export"):
        shutil.copytree(ROOT / name, tmp_path / "checkout" / name)
    for name in ("pyproject.toml", "requirements.txt", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, tmp_path / "checkout")
    venv.create(tmp_path / "venv", symlinks=True)
    python = tmp_path / "venv/bin/python"
    packages = str(Path(pytest.__file__).parents[1])
    pip = ("pip", "--quiet", "--python", python, "install", "--no-index", "--no-deps", "--no-build-isolation")
    ended = subprocess.run(
        [sys.executable, "-m", *map(str, pip), "-e", tmp_path / "checkout"],
        env=environment(PYTHONPATH=packages),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    said = subprocess.run(
        [python.with_name("vignette"), "draw", "drawn", "--train", "1", "--test", "1"],
        cwd=tmp_path,
        env=environment(PYTHONPATH=packages),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "6 pictures" in said.stdout
    assert (tmp_path / "drawn/train").is_dir()
