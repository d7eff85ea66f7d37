"""The app on a plain JVM: one run of Maven, and what its reports say.

The bundles are the small ones that `bundles` makes, and one of every flavour around the default
backbone with its real weights, whose depth shows where kernels differ.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from export import bundle, calibration, convert, golden, metadata
from export.apk import programs
from pipeline import backbones, config, litert, runs
from pipeline.letterbox import Size, letterbox

# One Maven run over the whole app.
pytestmark = pytest.mark.slow

ROOT = Path(runs.__file__).parents[1]
DEMO = ROOT / "android_demo"
RUN = DEMO / "jvm/run.py"
REPORTS = DEMO / "jvm/target/surefire-reports"
FRAME = Size(224, 128)
LABELS = ("daisy", "dandelion", "roses", "sunflowers", "tulips")
# The least number of tests in each class; fewer means that some were not found.
SUITES = {
    "AnswerTest": 4,
    "CameraTest": 14,
    "ClassifierTest": 17,
    "ContractTest": 54,
    "FramesTest": 5,
    "LetterboxTest": 3,
    "MainActivityTest": 28,
    "ModelFileTest": 5,
    "PictureTest": 15,
    "ResourcesTest": 4,
    "ScreenshotTest": 5,
    "SelfTestTest": 3,
    "ViewfinderTest": 2,
    "YuvTest": 3,
}


def missing() -> list[str]:
    lacking = programs.missing_programs()
    if not shutil.which("mvn") and "Maven" not in lacking:
        lacking.append("Maven")
    if not shutil.which("gcc"):
        lacking.append("gcc")
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        lacking.append("Linux on x86-64, for which there is a native runtime")
    return lacking


@pytest.fixture(scope="module")
def deep_bundles(tmp_path_factory) -> list[Path]:
    """A bundle of every flavour of EfficientNet-Lite0, with a drawn head."""
    frames = [letterbox(picture, FRAME) for _, picture in golden.pictures(FRAME)]

    def representative():
        for frame in (*frames, *calibration.extremes(FRAME)):
            yield [frame[np.newaxis].astype(np.float32)]

    with litert.quiet():
        from pipeline import classifier

        backbone = backbones.build(config.Model(), FRAME, 0)
        model = classifier.build_classifier(backbone, len(LABELS), config.Head(kind="dense", units=16))
    folders = []
    for flavour, kind in convert.FLAVOURS.items():
        folder = tmp_path_factory.mktemp("deep") / flavour

        def configure(converter, kind=kind):
            kind.configure(converter, representative)

        said = metadata.classifier(LABELS, FRAME, kind.about)
        data = metadata.write(litert.convert(model, configure), said, FRAME)
        rules = bundle.make_contract(
            data, flavour=flavour, labels=LABELS, threshold=0.5, content_aspect=16 / 9
        )
        runs.write_bytes(folder / bundle.model_name(flavour), data)
        bundle.write(rules, folder)
        folders.append(folder)
    return folders


@pytest.fixture(scope="module")
def tested(deep_bundles) -> subprocess.CompletedProcess[str]:
    """One run of everything."""
    lacking = missing()
    if lacking:
        pytest.skip(f"needs {', '.join(lacking)}")
    shutil.rmtree(REPORTS, ignore_errors=True)
    return subprocess.run(
        [sys.executable, RUN, "--bundle", *deep_bundles], capture_output=True, text=True, check=False
    )


def suites() -> dict[str, ET.Element]:
    roots = (ET.parse(path).getroot() for path in REPORTS.glob("TEST-*.xml"))
    return {root.attrib["name"].rpartition(".")[2]: root for root in roots}


def test_maven_ends_with_success(tested):
    lines = [line for line in tested.stdout.splitlines() if "BUILD " in line]
    assert (tested.returncode, lines) == (0, ["[INFO] BUILD SUCCESS"]), tested.stdout[-6000:] + tested.stderr


def test_every_class_of_tests_ran(tested):
    ran = {name: int(root.attrib["tests"]) for name, root in suites().items()}
    assert {name: min(ran.get(name, 0), least) for name, least in SUITES.items()} == SUITES


@pytest.mark.parametrize("outcome", ["failures", "errors", "skipped"])
def test_no_test_on_the_jvm_has(outcome, tested):
    assert {name: root.attrib[outcome] for name, root in suites().items()} == dict.fromkeys(SUITES, "0")


def test_golden_vectors_of_every_real_flavour_go_through_the_apps_own_classes(tested, deep_bundles):
    names = [case.attrib["name"] for case in suites()["ClassifierTest"].iter("testcase")]
    passed = [name for name in names if name.startswith("selfTestPassesOnEveryBundle")]
    assert len(passed) == len(config.FLAVOURS) + len(deep_bundles)


def test_a_machine_without_a_jdk_is_told_so(tmp_path):
    ended = subprocess.run(
        [sys.executable, RUN], env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert ended.stderr == "error: no mvn; install a JDK 17 and Maven\n"


def test_kept_screens_stay_small():
    assert sum(path.stat().st_size for path in (DEMO / "jvm/golden").glob("*.png")) < 1_000_000


def test_no_file_of_the_app_is_above_250_lines():
    long = {
        path.name: count
        for path in (
            path for kind in ("java", "py", "c", "h", "xml", "gradle") for path in DEMO.rglob(f"*.{kind}")
        )
        if "target" not in path.parts and (count := len(path.read_text("utf-8").splitlines())) > 250
    }
    assert long == {}
