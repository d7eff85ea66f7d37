"""`python -m export benchmark`: the real adb against a fake phone, what is said, and what stays behind."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from export import artifacts
from export.android.apk import apk, benchmark_apk
from export.android.apk.apk_info import ApkInfo
from export.android.apk.verdict import Verdict
from export.android.benchmark import session
from export.model_file import operators
from pipeline.core import files, stages
from pipeline.core.progress import ProgressReporter
from pipeline.core.recipes import Recipe
from pipeline.core.runs import Run
from pipeline.core.sections import FLAVOURS
from pipeline.training import experiment as experiments
from pipeline.training.experiment import Experiment
from tests.support import apk_infos, verbs
from tests.support import fake_app as fake_app_module
from tests.support.fake_app import FakeApp, wait_for
from tests.support.fake_phone import FakePhone
from tests.support.phone_fixtures import plug_in_again
from tests.support.verbs import RUN, copy_finished, fine, refused

BY_HAND = (
    "measure by hand: on the phone, open the app's menu, Benchmark, Start; share the file with this "
    "computer, then: python -m export benchmark --replay FILE"
)
ALONE = "unlock the phone, leave it alone, and run the command again"
RUNS_ON = "the app on the phone may still be measuring"
APP_BYTES = b"PK an app that only the fake phone installs" * 1000
# Few steps, so that a test is short.
SHORT = ("--seconds", 1, "--threads", "1,2", "--kernels", "XNNPACK,built-in")

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("impatient")]


@pytest.fixture
def fake_app(phone: FakePhone, place: Path) -> FakeApp:
    """The app that answers on the fake phone."""
    return FakeApp(phone, place / RUN / "export")


@pytest.fixture
def place(tmp_path_factory, tmp_path) -> Path:
    """A working directory with a finished run and an app; what the app is made of is of no interest here."""
    place = copy_finished(tmp_path_factory, tmp_path / "place")
    with contextlib.chdir(place):
        build_app()
    return place


def build_app(*flavours: str) -> None:
    """Notes an app as built around the int8 model, with the other flavours inside."""
    run = Run(RUN)
    files.write_bytes(run.path(artifacts.BENCHMARK_APK), APP_BYTES)
    run.write(apk_infos.apk_info_of(hashlib.sha256(APP_BYTES).hexdigest()), artifacts.BENCHMARK_APK_PASSPORT)
    experiment = experiments.open_trained(run)
    run.record(recipe_of(experiment, flavours or FLAVOURS))


def recipe_of(experiment: Experiment, flavours: Sequence[str]) -> Recipe:
    """The recipe of an app around the int8 model, with the other flavours inside."""
    inside = apk.choose(experiment, "int8", ProgressReporter())
    verdicts = apk.verdicts(experiment, ProgressReporter())
    others = {flavour: verdicts[flavour] for flavour in flavours if flavour != "int8"}
    return apk.recipe(experiment, apk.Options(), inside, others, benchmark_apk.STAGE)


@pytest.fixture
def impatient(monkeypatch) -> None:
    """Sessions in this process look often and wait little."""
    monkeypatch.setattr(session.Patience.__init__, "__defaults__", (1.0, 1.0, 0.02))


@pytest.fixture
def ready(phone, fake_app) -> FakePhone:
    """A phone with the app's answers, and files of its user's own among those of the app."""
    own = phone.files / "photos/20261124-120000/own.png"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"a photo")
    (phone.files / "benchmark").mkdir()
    (phone.files / "benchmark/phone-20261101-080000.json").write_text("by hand")
    return phone


@pytest.fixture
def untouched(ready) -> dict[str, bytes]:
    """What lies on the phone before anything is asked of it."""
    return ready.contents()


@pytest.fixture
def measure(capfd, place, untouched, ready):
    """`measure()`: the verb in this process; asserts that the phone is left as it was."""

    def run(*arguments: object, clean: bool = True):
        ended = verbs.call(capfd, "export", "benchmark", *SHORT, *arguments, cwd=place)
        if clean:
            assert ready.contents() == untouched, ended.stderr
        assert ready.asked("uninstall|clear|run-as|^SEND") == []
        return ended

    return run


def said(ended) -> str:
    return " ".join(ended.stdout.split())


def document(place: Path) -> dict:
    return json.loads((place / RUN / "phone.json").read_text("utf-8"))


# What goes well.


def test_every_flavour_is_measured_and_shown_next_to_this_computer(measure, ready, place):
    ended = measure("--sustained", 2)
    words = said(ended)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert words.startswith(
        "apk 0.04 MB with float32, float16, dynamic_range, int8 (up to date) please keep the"
    )
    assert "app installed" in words
    assert "starting battery 30.1 °C, thermal status none" in words
    rows = [line.split() for line in ended.stdout.splitlines()]
    measured = [row for row in rows if row and row[0] in FLAVOURS and len(row) == 15]
    assert [row[:3] for row in measured] == [
        [flavour, kernels, threads]
        for flavour in FLAVOURS
        for kernels in ("XNNPACK", "built-in")
        for threads in ("1", "2")
    ]
    found = document(place)["recording"]
    first = found["models"][0]["measurements"][0]
    assert measured[0][3] == f"{first['runs']}"
    assert measured[0][6] == f"{first['model_ms']['p50']:.1f}"
    assert measured[0][7:9] == [f"{ms:.1f}" for ms in first["model_ms"]["p50_interval"]]
    fastest = [row for row in rows if row and row[0] in FLAVOURS and len(row) == 11]
    timed = json.loads((place / RUN / "export/latency.json").read_text("utf-8"))["flavours"]
    for row in fastest:
        assert row[1:3] == ["XNNPACK", "2"]
        assert row[7] == f"{timed[row[0]]['median_ms']:.1f}"
    assert "Google Pixel 8, Android 15, 9 cores, Tensor G3, arm64-v8a; app 1.0" in words
    assert "Battery 30.1 °C before, 32.4 °C after; thermal status none, then none. Not throttled:" in words
    assert "int8 for 2 s without a pause (600 frames, XNNPACK, threads 4): 10.0 ms per frame" in words
    assert words.endswith("open data/runs/pictures/phone.json")
    assert (ready.root / "data/app/base.apk").read_bytes() == APP_BYTES
    assert ready.asked("content read")
    assert not ready.asked("content query|Android/data")


def test_by_default_every_flavour_runs_on_xnnpack_with_1_and_4_threads(place, ready, capfd):
    fine(verbs.call(capfd, "export", "benchmark", cwd=place))
    found = document(place)["recording"]
    assert found["settings"] == {
        "num_threads": [1, 4],
        "kernels": ["XNNPACK"],
        "max_seconds": 60,
        "sustained_seconds": 0,
    }
    assert [len(model["measurements"]) for model in found["models"]] == [2] * len(FLAVOURS)


def test_measured_once_it_is_shown_again_without_asking_the_phone(measure, ready, place):
    measure()
    before = len(ready.asked("^install|am start"))
    stamp = (place / RUN / "phone.json").stat().st_mtime_ns
    again = measure()
    assert "phone already measured with these files; --again repeats the benchmark" in said(again)
    assert (place / RUN / "phone.json").stat().st_mtime_ns == stamp
    assert len(ready.asked("^install|am start")) == before
    assert "app already on the phone" in said(measure("--again"))
    assert (place / RUN / "phone.json").stat().st_mtime_ns > stamp
    assert "starting" in measure("--threads", "1").stdout


def test_another_phone_is_measured_anew(measure, ready, place, connect_phone):
    measure()
    other = connect_phone()
    FakeApp(other, place / RUN / "export")
    assert "app installed" in said(measure("--serial", other.serial))
    assert other.contents() == {"Download/somebody's own.txt": b"keep me"}


def test_one_json_document_holds_all(measure, place):
    ended = measure("--json")
    found = json.loads(fine(ended))
    assert {key: found[key] for key in document(place)} == document(place)
    assert found["run"] == "pictures"
    assert found["files"] == ["data/runs/pictures/phone.json"]
    assert [model["flavour"] for model in found["recording"]["models"]] == list(FLAVOURS)


def test_quiet_says_nothing(measure):
    assert fine(measure("--quiet")) == ""


def test_a_recorded_session_is_shown_without_a_phone(measure, place, capfd, monkeypatch, tmp_path):
    measured = measure().stdout
    with monkeypatch.context() as without_adb:
        without_adb.setenv("PATH", "")
        ended = verbs.call(capfd, "export", "benchmark", "--replay", place / RUN / "phone.json", cwd=tmp_path)
    shown = measured[measured.index("\npictures: every") :].replace("data/runs", f"{place}/data/runs")
    assert fine(ended) == shown.replace("pictures: ", f"{place / RUN}/phone.json: ")


def test_a_file_that_the_app_shared_is_shown_without_a_run(measure, place, capfd, tmp_path):
    measure()
    shared = tmp_path / "phone-20261124-130000.json"
    shared.write_text(json.dumps(document(place)["recording"]), "utf-8")
    words = said(verbs.call(capfd, "export", "benchmark", "--replay", shared, cwd=tmp_path))
    assert f"{shared}: each model at its fastest, in ms" in words
    assert (
        "There are no times on this computer to compare with: python -m export parity measures them." in words
    )


def test_a_failure_that_the_app_shared_is_told(measure, capfd, tmp_path):
    failure = {
        "benchmark_version": 2,
        "session": "s",
        "state": "failed",
        "app": fake_app_module.APP,
        "runtime": "2.16.1",
    }
    failure |= {"device": fake_app_module.DEVICE, "error": "The benchmark was stopped.", "cancelled": True}
    (tmp_path / "f.json").write_text(json.dumps(failure), "utf-8")
    ended = verbs.call(capfd, "export", "benchmark", "--replay", "f.json", cwd=tmp_path)
    refused(ended, 2, "f.json has no results: The benchmark was stopped.", "measure again")


@pytest.mark.parametrize("place", ["/dev/zero", "pipe"])
def test_a_replay_of_what_never_ends_is_refused(capfd, tmp_path, place):
    os.mkfifo(tmp_path / "pipe")
    ended = verbs.call(capfd, "export", "benchmark", "--replay", place, cwd=tmp_path)
    assert ended.returncode == 2
    assert f"error: {place} cannot be read: a pipe or a device, not a regular file\n" in ended.stderr
    assert "hint: give the file that the app's benchmark shares\n" in ended.stderr


def test_a_replay_of_nothing_is_refused(capfd, tmp_path):
    ended = verbs.call(capfd, "export", "benchmark", "--replay", "none.json", cwd=tmp_path)
    hint = "give a run's phone.json, or the file that the app's benchmark shares"
    refused(ended, 2, "none.json: no such file", hint)


def test_what_the_runtime_cannot_load_is_left_out_with_the_reason(
    measure, fake_app, place, tmp_path, monkeypatch
):
    known = (operators.TABLES / "2.16.1.txt").read_text("utf-8").splitlines(keepends=True)
    (tmp_path / "2.16.1.txt").write_text("".join(line for line in known if "DEQUANTIZE" not in line))
    monkeypatch.setattr(operators, "TABLES", tmp_path)
    fake_app.flavours = ("float32", "dynamic_range", "int8")
    with contextlib.chdir(place):
        build_app(*fake_app.flavours)
    words = said(measure())
    why = (
        "tensorflow-lite 2.16.1 inside the app cannot run model_float16.tflite: "
        "DEQUANTIZE version 3 (unknown)"
    )
    assert f"note float16 is skipped: {why}" in words
    assert f"float16 was skipped: {why}." in words
    assert document(place)["skipped"] == {"float16": why}
    flavours = [model["flavour"] for model in document(place)["recording"]["models"]]
    assert flavours == ["float32", "dynamic_range", "int8"]


def test_a_runtime_that_can_load_nothing_is_refused(measure, ready, tmp_path, monkeypatch):
    (tmp_path / "2.16.1.txt").write_text("ADD 1 1\n")
    monkeypatch.setattr(operators, "TABLES", tmp_path)
    ended = measure()
    assert ended.returncode == 3
    assert ended.stderr.startswith(
        "error: the app's runtime can load no flavour of data/runs/pictures: tensorflow-lite 2.16.1 inside"
    )
    assert ready.asked("^shell|^install") == []


# What is in the way before anything is done.


def test_an_app_that_is_out_of_date_is_built(measure, ready, place, monkeypatch):
    (place / RUN / "benchmark.apk").unlink()
    built: dict[str, object] = {}

    def build_apk(folder: Path, out: Path, **rest: object) -> ApkInfo:
        built.update(rest, folder=folder)
        files.write_bytes(out, APP_BYTES)
        return apk_infos.apk_info_of(hashlib.sha256(APP_BYTES).hexdigest())

    monkeypatch.setattr(benchmark_apk.build, "build_apk", build_apk)
    assert "apk 0.04 MB with float32, float16, dynamic_range, int8 please" in said(measure())
    assert built["folder"] == RUN / "export/int8"
    assert built["flavour"] == "int8"
    assert [path.name for path in built["others"]] == ["float32", "float16", "dynamic_range"]
    assert isinstance(built["verdict"], Verdict)
    built.clear()
    assert "(up to date)" in said(measure("--again"))
    assert built == {}


def test_an_app_with_a_key_of_its_own_is_kept_until_it_is_out_of_date(measure, place):
    with contextlib.chdir(place):
        run = Run(RUN)
        recipe = recipe_of(experiments.open_trained(run), FLAVOURS)
        own = stages.recipe(benchmark_apk.STAGE, recipe.inputs, {**recipe.settings, "key": "a" * 64})
        run.record(own)
    assert "(up to date)" in said(measure())
    with contextlib.chdir(place):
        Run(RUN).record(
            stages.recipe(benchmark_apk.STAGE, own.inputs, {**own.settings, "verdict": "another"})
        )
    message = "data/runs/pictures/benchmark.apk is out of date, and was built with --keystore or --runtime"
    hint = "build it again with the same options: python -m export apk pictures --benchmark …"
    refused(measure(), 1, message, hint)


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (("--seconds", 0), "--seconds 0: expected 1 to 600", "omit it to use the default"),
        (("--sustained", 2000), "--sustained 2000: expected 0 to 1800", "omit it to use the default"),
        (
            ("--threads", "1,none"),
            "--threads 1,none: expected up to 8 numbers from 1 to 16",
            "for example --threads 1,4",
        ),
        (
            ("--kernels", "GPU"),
            "--kernels GPU: expected one or both of XNNPACK, built-in",
            "for example --kernels XNNPACK,built-in",
        ),
        (("--cool-below", 5), "--cool-below 5: expected 20 to 60 °C", "phones at rest reach about 35"),
        (("--cool-minutes", -1), "--cool-minutes -1: expected 0 to 120", "10 is enough for most phones"),
    ],
)
def test_wishes_beyond_what_the_app_does_are_refused(tmp_path, capfd, words, message, hint):
    refused(verbs.call(capfd, "export", "benchmark", *words, cwd=tmp_path), 2, message, hint)


def test_without_a_phone_the_last_figures_are_named(measure, ready, place, capfd):
    measure()
    ready.pull_cable()
    ended = verbs.call(capfd, "export", "benchmark", cwd=place)
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"error: the phone {ready.serial} is offline")
    assert ended.stderr.endswith("; --replay data/runs/pictures/phone.json shows the last results\n")


def test_a_machine_without_adb_is_told_how_to_install_it(place, capfd, no_adb):
    ended = verbs.call(capfd, "export", "benchmark", cwd=place)
    message = "adb, the program that talks to Android phones, is not installed"
    refused(ended, 1, message, "install it: sudo apt install adb")


def test_no_phone_ends_with_1(place, capfd, own_adb):
    ended = verbs.call(capfd, "export", "benchmark", cwd=place)
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: no phone is connected\nhint: use a USB cable that carries data; ")


def test_two_phones_end_with_2_until_one_is_chosen(measure, place, ready, connect_phone):
    other = connect_phone()
    ended = measure()
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: 2 phones are connected: ")
    assert f"{other.serial} (Fake Phone)" in ended.stderr
    assert "hint: choose one, e.g. --serial 127.0.0.1:" in ended.stderr
    assert ready.asked("^shell|^install") == other.asked("^shell|^install") == []
    assert measure("--serial", ready.serial).returncode == 0


def test_a_phone_that_does_not_allow_this_computer_ends_with_1(place, capfd, connect_phone):
    phone = connect_phone("unauthorized")
    ended = verbs.call(capfd, "export", "benchmark", cwd=place)
    hint = "unlock it, confirm “Allow USB debugging?”, then run the command again"
    refused(ended, 1, f"the phone {phone.serial} has not allowed this computer yet", hint)
    assert phone.log == []


def test_a_dark_or_locked_screen_is_refused(measure, ready):
    ready.shows(awake=False)
    hint = "turn it on, unlock it and keep it on, then run the command again"
    refused(measure(), 1, "the phone's screen is off", hint)
    ready.shows(locked=True)
    refused(measure(), 1, "the phone is locked", "unlock it and keep it unlocked, then run the command again")
    assert ready.asked("^install") == []


def test_what_disturbs_the_figures_is_said_and_kept(measure, ready, place):
    ready.shows(airplane=False, saver=True)
    ready.feels(level=12, charger=True)
    words = said(measure())
    for note in (
        "airplane mode is off: other apps may use processor time",
        "battery saver is on: it lowers the clock speed",
        "a charger is connected: charging heats the phone, and heat slows it down",
        "the battery is at 12%: below 20% many phones lower their clock speed",
    ):
        assert f"note {note}" in words
        assert note in document(place)["disturbances"]


# What goes wrong on the way; the phone is left as it was.


def test_a_key_that_does_not_match_is_told_and_nothing_is_uninstalled(measure, ready):
    ready.refusal = "INSTALL_FAILED_UPDATE_INCOMPATIBLE: Package org.vignette.demo signatures do not match"
    message = (
        "data/runs/pictures/benchmark.apk was not installed: the app on the phone was signed with another "
        f"key, so Android refuses to update it ({ready.refusal})"
    )
    hint = (
        "build with its key (python -m export apk --benchmark --keystore FILE); or save its photos "
        "(python -m export photos --pull), then adb uninstall org.vignette.demo and run the command again"
    )
    refused(measure(), 1, message, hint)


def test_a_phone_without_room_for_the_result_is_told(measure, fake_app, place):
    fake_app.full = True
    hint = "free some space on the phone, then run the command again"
    refused(measure(), 1, "the app on the phone could not write its result", hint)
    assert not (place / RUN / "phone.json").exists()


def test_a_phone_that_keeps_the_results_from_adb_is_told_the_way_by_hand(measure, ready):
    ready.forbids = True
    ended = measure(clean=False)
    assert ended.returncode == 1
    assert "note content read failed: the phone does not let adb ask the app (" in said(ended)
    assert "note content query failed: the phone does not let adb ask the app (" in said(ended)
    assert ended.stderr.startswith("error: the phone does not hand over the results of the benchmark: ")
    assert f"hint: {BY_HAND}; adb-" in ended.stderr
    assert ready.asked("am force-stop org.vignette.demo")


def test_a_phone_that_keeps_nothing_from_adb_is_measured_without_the_provider(measure, ready):
    ready.lacks, ready.denied = "content", ""
    ended = measure()
    assert ended.returncode == 0, ended.stderr
    assert said(ended).count("note content") == 2


def test_other_models_than_those_in_the_app_are_not_taken(measure, fake_app):
    fake_app.flavours = ("int8",)
    message = (
        "the app on the phone measured 1 models, and not those that were put into it: "
        "float32, float16, dynamic_range, int8"
    )
    refused(measure(), 1, message, ALONE)


def test_an_app_that_does_not_answer_is_told(measure, fake_app):
    fake_app.deaf = True
    refused(measure(), 1, "the app on the phone made no progress for 1 s before the first step", ALONE)


def test_a_phone_that_stays_too_warm_is_told(measure, ready):
    ready.feels(celsius=41.3, status=2)
    ended = measure("--cool-minutes", 0.005)
    assert (
        "cooling battery 41.3 °C, thermal status moderate; waiting up to 0.005 minutes for 35 °C or less"
        in said(ended)
    )
    message = (
        "the phone is still too warm after 0.005 minutes: battery 41.3 °C, thermal status moderate; "
        "expected at most 35 °C and no thermal status"
    )
    hint = (
        "take it out of its case, lay it on a cool surface and run the command again; "
        "or accept slower results: --cool-below 40"
    )
    refused(ended, 1, message, hint)


def test_an_app_that_crashes_in_the_middle_is_told_with_its_last_words(measure, fake_app):
    fake_app.crash_at = 3
    ended = measure()
    assert ended.returncode == 1
    message = (
        "the app on the phone ended while measuring float32, built-in, 2 threads: "
        "java.lang.OutOfMemoryError: Failed to allocate a 4096 byte allocation"
    )
    hint = "close other apps on the phone and run the command again; adb logcat -b crash shows more"
    refused(ended, 1, message, hint)


def test_an_app_that_ends_without_a_word_is_told(measure, fake_app):
    fake_app.crash_at, fake_app.last_words = 1, ""
    ended = measure()
    assert ": no reason in its log; Android may have killed it to free memory\n" in ended.stderr


def test_an_app_that_stands_still_is_told_and_ended(measure, fake_app, ready):
    fake_app.stands_still_at = 2
    ended = measure()
    assert ended.returncode == 1
    assert re.search(
        r"error: the app on the phone made no progress for \d s at float32, built-in, 1 threads\n",
        ended.stderr,
    )
    assert ended.stderr.endswith(f"hint: {ALONE}\n")
    assert ready.asked("am force-stop org.vignette.demo")


def test_an_app_that_says_why_it_does_not_measure_is_quoted(measure, fake_app):
    fake_app.refuses = "The benchmark “phone-1” is still running. Wait until it ends, or stop it."
    message = f"the benchmark on the phone failed: {fake_app.refuses}"
    refused(measure(), 1, message, ALONE)


def test_kernels_that_the_runtime_refuses_are_shown_as_such(measure, fake_app):
    fake_app.refused_kernels = "XNNPACK"
    words = said(measure())
    assert "int8 XNNPACK 1 – – – –" in words
    assert "int8, XNNPACK, threads 2, was not measured: The runtime refused the model: no delegate." in words


@pytest.mark.parametrize("moment", ["am start", "measures step 2"])
def test_a_cable_pulled_is_told_and_the_next_command_starts_over(
    measure, ready, fake_app, place, moment, untouched
):
    fake_app.step_seconds = 0.1
    ready.when(moment, ready.pull_cable)
    ended = measure(clean=False)
    assert ended.returncode == 1
    assert f"the phone {ready.serial} was disconnected" in ended.stderr
    assert f"hint: plug it in again, then run the command again; {RUNS_ON} (" in ended.stderr
    assert ended.stderr.endswith("; the next benchmark clears that up\n")
    assert not (place / RUN / "phone.json").exists()
    plug_in_again(ready)
    fake_app.step_seconds = 0.01
    again = measure()
    assert again.returncode == 0, again.stderr


def test_ctrl_c_stops_the_app_and_ends_with_130(place, ready, fake_app, untouched):
    fake_app.step_seconds = 0.3
    process = verbs.start("export", "benchmark", *SHORT, cwd=place)
    wait_for(lambda: ready.asked("measures step 1"), 30)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert errors == (
        "interrupted: stopping the app on the phone\ninterrupted; run the command again to start over\n"
    )
    assert process.returncode == 130
    assert ready.asked("am force-stop org.vignette.demo")
    assert ready.contents() == untouched
    assert fake_app.stopped.is_set()
    assert not (place / RUN / "phone.json").exists()


def test_a_second_ctrl_c_does_not_keep_it_from_stopping_the_app(place, ready, fake_app, untouched):
    fake_app.step_seconds, fake_app.stands_still_at = 0.2, 2
    process = verbs.start("export", "benchmark", *SHORT, cwd=place)
    wait_for(lambda: ready.asked("measures step 1"), 30)
    ready.when("force-stop", lambda: process.send_signal(signal.SIGINT))
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert ready.contents() == untouched


def test_what_a_killed_command_left_is_removed_by_the_next_one(place, ready, fake_app, untouched, measure):
    fake_app.step_seconds = 0.3
    process = verbs.start("export", "benchmark", *SHORT, cwd=place)
    wait_for(lambda: ready.asked("measures step 1"), 30)
    process.kill()
    process.communicate(timeout=10)
    assert ready.contents() != untouched
    fake_app.step_seconds = 0.01
    again = measure()
    assert again.returncode == 0, again.stderr


def test_the_real_command_runs_to_its_table_without_tensorflow(place, ready, untouched):
    ended, modules = verbs.watched("export", "benchmark", "pictures", *SHORT, cwd=place)
    assert "data/runs/pictures/phone.json" in fine(ended)
    assert ready.contents() == untouched
    assert modules.isdisjoint({"tensorflow", "keras", "matplotlib"})


def test_the_old_name_says_the_new_one(tmp_path, capfd):
    ended = verbs.call(capfd, "export", "phone", "pictures", "--runs", 5, cwd=tmp_path)
    refused(ended, 2, "the command phone has a new name", "python -m export benchmark")
