"""`python -m export apk`, as a user runs it."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from export import app_versions, artifacts
from export.android.apk import apk as stage
from export.android.apk import assets, benchmark_apk, toolchain
from export.android.apk.apk_info import ApkInfo
from export.parity.result import ParityResult, Verdict
from pipeline.core.errors import GateError, UsageError
from pipeline.core.progress import ProgressReporter
from pipeline.core.runs import Run
from pipeline.core.sections import FLAVOURS
from pipeline.training.experiment import open_trained
from tests.export.android.apk.conftest import needs_tools
from tests.support.apk_infos import apk_info_of
from tests.support.comparisons import check
from tests.support.verbs import RUN, call, copy_finished, environment, fine, here, refused, stamps, verb

# Each builds an APK.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def exported(tmp_path_factory, tools, cache) -> Path:
    """A working directory with a finished run and the tools unpacked."""
    place = copy_finished(tmp_path_factory, tmp_path_factory.mktemp("place"))
    shutil.copytree(cache, place / toolchain.CACHE)
    return place


@pytest.fixture(scope="module")
def made(exported) -> subprocess.CompletedProcess[str]:
    """The verb, run once."""
    return verb("export", "apk", "pictures", cwd=exported)


def test_the_run_gets_a_signed_app_with_its_own_bundle_and_a_passport(exported, made):
    shown = fine(made)
    passport = json.loads((exported / RUN / "apk.json").read_text("utf-8"))
    apk = exported / RUN / "demo.apk"
    assert passport["sha256"] == hashlib.sha256(apk.read_bytes()).hexdigest()
    assert passport["signature"]["schemes"] == [2, 3]
    model = (exported / RUN / "export/int8/model_int8.tflite").read_bytes()
    assert passport["model"] == f"model_int8.tflite, sha256 {hashlib.sha256(model).hexdigest()}"
    assert passport["permissions"] == ["android.permission.CAMERA"]
    assert passport["flavour"] == "int8"
    assert passport["verdict"]["n"] == 36
    assert passport["words"]["gate"].startswith("int8: ")
    with zipfile.ZipFile(apk) as opened:
        said = json.loads(opened.read("assets/verdict.json"))
    parity = json.loads((exported / RUN / "parity.json").read_text("utf-8"))
    assert (said["verdict"], said["n"]) == (parity["targets"][-1]["verdict"], 36)
    for words in ("16 KB pages", "release, not debuggable", "valid (v2 and v3)"):
        assert words in shown
    assert shown.endswith("  data/runs/pictures/demo.apk\n")
    assert (exported / "data/keys/demo.keystore").is_file()


def test_it_is_the_real_app(exported, made, tools):
    passport = json.loads((exported / RUN / "apk.json").read_text("utf-8"))
    assert passport["package"] == "org.vignette.demo"
    assert passport["abis"] == ["arm64-v8a", "armeabi-v7a"]
    assert passport["sizes"]["whole"] < 7_000_000
    tree = subprocess.run(
        [tools.aapt2, "dump", "xmltree", "--file", "AndroidManifest.xml", exported / RUN / "demo.apk"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in (
        ".MainActivity",
        ".benchmark.BenchmarkActivity",
        ".benchmark.BenchmarkProvider",
        ".photos.PhotosActivity",
        ".core.SharedFiles",
    ):
        assert f'="org.vignette.demo{name}"' in tree or f'="{name}"' in tree
    assert '="android.permission.DUMP"' in tree
    assert "E: queries" not in tree


def test_repeated_it_builds_nothing(exported, made):
    before = stamps(exported / RUN)
    said = fine(here("export", "apk", "pictures", cwd=exported))
    assert "(up to date)" in said
    assert stamps(exported / RUN) == before


def test_a_keystore_of_ones_own_signs(exported, made, tmp_path):
    place = tmp_path / "place"
    shutil.copytree(exported, place)
    command = [
        *("keytool", "-genkeypair", "-keystore", tmp_path / "own.p12", "-storepass", "secret1"),
        *("-keyalg", "RSA", "-alias", "mine", "-dname", "CN=Somebody"),
    ]
    subprocess.run(command, check=True, capture_output=True)
    words = ("export", "apk", "--keystore", tmp_path / "own.p12")
    hint = "set it in VIGNETTE_KEYSTORE_PASSWORD"
    refused(here(*words, cwd=place), 2, f"--keystore {tmp_path / 'own.p12'}: its password is missing", hint)
    ended = here(*words, cwd=place, env=environment(VIGNETTE_KEYSTORE_PASSWORD="secret1"))
    assert "by your keystore" in fine(ended)
    written = (place / RUN / "apk.json").read_text("utf-8")
    assert json.loads(written)["signature"]["subject"] == "CN=Somebody"
    assert "secret1" not in written


def test_a_run_in_use_is_refused(exported, made):
    import fcntl

    with (exported / RUN / ".lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ended = here("export", "apk", "pictures", cwd=exported)
    assert ended.returncode == 1
    assert "is in use by process" in ended.stderr


def test_for_the_benchmark_every_flavour_is_inside_and_the_apps_own_is_untouched(exported, made):
    before = (exported / RUN / "demo.apk").read_bytes()
    shown = fine(here("export", "apk", "--benchmark", cwd=exported))
    assert "float32, float16, dynamic_range, to benchmark and to switch to" in shown
    assert shown.endswith("  data/runs/pictures/benchmark.apk\n")
    with zipfile.ZipFile(exported / RUN / "benchmark.apk") as opened:
        models = {name for name in opened.namelist() if name.endswith(".tflite")}
        held = json.loads(opened.read("assets/contract_float16.json"))
        said = {
            name: json.loads(opened.read(f"assets/verdict_{name}.json"))
            for name in FLAVOURS
            if name != "int8"
        }
    assert models == {f"assets/model_{flavour}.tflite" for flavour in FLAVOURS}
    assert held["model"]["file"] == "model_float16.tflite"
    parity = json.loads((exported / RUN / "parity.json").read_text("utf-8"))
    assert {name: (verdict["verdict"], verdict["n"]) for name, verdict in said.items()} == {
        row["model"]: (row["verdict"], 36) for row in parity["targets"] if row["model"] != "int8"
    }
    assert (exported / RUN / "demo.apk").read_bytes() == before
    again = fine(here("export", "apk", "--benchmark", cwd=exported))
    assert "with float32, float16, dynamic_range, int8 (up to date)" in again


def test_where_every_flavour_failed_the_benchmark_s_app_is_built_all_the_same(judged, monkeypatch):
    experiment, heard, built = judged(**dict.fromkeys(FLAVOURS, "failed")), Heard(), {}

    def build_apk(folder: Path, out: Path, **rest: Any) -> ApkInfo:
        built.update(rest, folder=folder)
        out.write_bytes(b"an app")
        return apk_info_of(hashlib.sha256(b"an app").hexdigest())

    monkeypatch.setattr(benchmark_apk.build, "build_apk", build_apk)
    benchmark_apk.make(experiment, stage.Options(), heard)
    assert built["folder"] == RUN / "export/int8"
    assert built["verdict"].verdict == "failed"
    assert heard.warned == ["int8 (agreement is 0.5) failed the gate; the app's About screen says so"]


# Which flavour.


class Heard(ProgressReporter):
    def __init__(self) -> None:
        self.warned: list[str] = []

    def warn(self, text: str) -> None:
        self.warned.append(text)


@pytest.fixture
def judged(tmp_path_factory, tmp_path, monkeypatch) -> Any:
    """`judged(int8="failed", …)`: a run of those verdicts; what is not named passed."""
    monkeypatch.chdir(copy_finished(tmp_path_factory, tmp_path / "place"))
    experiment = open_trained(Run(RUN))
    result = experiment.run.read(ParityResult, artifacts.PARITY)

    def say(**verdicts: str) -> Any:
        rows = []
        for row in result.targets:
            verdict = Verdict(verdicts.get(row.model, "passed"))
            checks = (check("agreement is 0.5"),) if verdict == Verdict.FAILED else ()
            rows.append(row.model_copy(update={"verdict": verdict, "checks": checks}))
        judged = result.model_copy(update={"targets": tuple(rows)})
        monkeypatch.setattr(stage.parity, "parity", lambda *_: judged)
        return experiment

    return say


def test_int8_goes_into_the_app_where_it_did_not_fail(judged):
    heard = Heard()
    inside = stage.choose(judged(int8="not shown"), "", heard)
    assert (inside.flavour, str(inside.verdict)) == ("int8", "not shown, n = 36")
    assert inside.folder == RUN / "export/int8"
    assert heard.warned == []


def test_where_int8_failed_the_best_other_goes_into_the_app_and_that_is_said(judged):
    heard = Heard()
    assert stage.choose(judged(int8="failed"), "", heard).flavour == "float16"
    assert heard.warned == ["the app contains float16, because int8 (agreement is 0.5) failed the gate"]
    # One that passed goes before one of which parity is not shown.
    assert stage.choose(judged(int8="failed", float16="not shown"), "", Heard()).flavour == "float32"


def test_where_all_failed_none_goes_into_the_app(judged):
    flavours = ("float32", "float16", "dynamic_range", "int8")
    with pytest.raises(GateError) as caught:
        stage.choose(judged(**dict.fromkeys(flavours, "failed")), "", Heard())
    assert caught.value.exit_code == 3
    assert caught.value.message == (
        "every flavour of data/runs/pictures failed the gate: float32 (agreement is 0.5); "
        "float16 (agreement is 0.5); dynamic_range (agreement is 0.5); int8 (agreement is 0.5)"
    )
    assert caught.value.hint == (
        "--flavour NAME builds the app with float32 or float16 or dynamic_range or int8 anyway; "
        "its About screen says so"
    )


def test_a_failed_flavour_goes_into_the_app_by_name_alone_with_its_verdict(judged):
    heard = Heard()
    inside = stage.choose(judged(int8="failed"), "int8", heard)
    assert (inside.flavour, inside.verdict.verdict) == ("int8", "failed")
    assert heard.warned == ["int8 (agreement is 0.5) failed the gate; the app's About screen says so"]
    assert json.loads(inside.verdict.as_file()) == {"verdict": "failed", "n": 36, "second_look": False}


def test_another_flavour_can_be_named(judged):
    heard = Heard()
    assert stage.choose(judged(), "dynamic_range", heard).folder == RUN / "export/dynamic_range"
    assert heard.warned == []


def test_an_unknown_flavour_or_one_that_the_run_does_not_export_is_refused(judged):
    with pytest.raises(UsageError, match="--flavour int4: no such flavour"):
        stage.Options(flavour="int4")
    experiment = judged()
    export = experiment.config.export.model_copy(update={"flavours": ("float32", "int8")})
    experiment = replace(experiment, config=experiment.config.model_copy(update={"export": export}))
    with pytest.raises(UsageError) as caught:
        stage.choose(experiment, "float16", Heard())
    assert caught.value.message == "--flavour float16: data/runs/pictures exports float32, int8"


def test_the_verb_hands_the_flavour_on(judged, capfd):
    ended = call(capfd, "export", "apk", "--flavour", "int4", cwd=Path.cwd())
    hint = "expected float32, float16, dynamic_range, int8"
    refused(ended, 2, "--flavour int4: no such flavour", hint)


def test_a_processor_can_be_named_and_an_unknown_one_is_refused(judged, capfd):
    assert stage.Options(abis=("arm64-v8a", "x86_64")).abis == ("arm64-v8a", "x86_64")
    ended = call(capfd, "export", "apk", "--abi", "x86_64", "--abi", "mips", cwd=Path.cwd())
    refused(ended, 2, "--abi mips: no such processor", "expected arm64-v8a, armeabi-v7a, x86_64, x86")


# What needs no tools.


@pytest.fixture
def place(tmp_path_factory, tmp_path) -> Path:
    return copy_finished(tmp_path_factory, tmp_path / "place")


def test_a_run_that_was_not_exported_is_refused(place):
    (place / RUN / "export/int8/contract.json").unlink()
    message = "data/runs/pictures/export/int8 is missing, or older than the model"
    refused(here("export", "apk", cwd=place), 1, message, "export it first: python -m export tflite pictures")


def test_wishes_that_contradict_each_other_are_refused(place):
    ended = here("export", "apk", "--assets-only", "--runtime", "x.aar", cwd=place)
    message = (
        "--assets-only and --fetch build nothing, so they take no benchmark, keystore, runtime or processor"
    )
    refused(ended, 2, message, "omit the other options")


def test_a_machine_without_tools_is_told_both_at_once(place, no_programs):
    import sys

    (no_programs / "python").symlink_to(sys.executable)
    ended = here("export", "apk", cwd=place)
    message = "building the APK needs a JDK (17 or later) and Maven"
    refused(ended, 1, message, "sudo apt install default-jdk-headless maven")


def test_assets_go_where_gradle_finds_them(place, monkeypatch):
    filled = app_versions.PROJECT / assets.ASSETS
    if filled.exists():
        pytest.skip("there is a model in android_demo already, which is left alone")
    try:
        ended = here("export", "apk", "--assets-only", cwd=place)
        assert "4 files for Gradle" in fine(ended)
        names = sorted(path.name for path in filled.iterdir())
        assert names == ["contract.json", "labels.txt", "model_int8.tflite", "verdict.json"]
        assert json.loads((filled / "verdict.json").read_text("utf-8"))["n"] == 36
    finally:
        shutil.rmtree(filled, ignore_errors=True)


def test_fetching_says_where_the_tools_come_from(exported):
    needs_tools()
    assert "tools  Maven: apktool-lib:3.0.3" in fine(here("export", "apk", "--fetch", cwd=exported))
