"""The app on a plain JVM: one run of Maven, and what its reports say.

The bundles are the small ones that `bundles` makes, and one of every flavour around the default
backbone with its real weights, whose depth shows where kernels differ.
"""

from __future__ import annotations

import base64
import hashlib
import json
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import numpy as np
import pytest
from referencing import Registry, Resource

from export.android.apk import programs
from export.android.benchmark import recording
from export.bundle import bundle, golden
from export.conversion import calibration, convert
from export.model_file import metadata
from pipeline.core import files, sections
from pipeline.core.packages import ROOT
from pipeline.core.quiet import quiet
from pipeline.core.size import Size
from pipeline.images import decode
from pipeline.images.letterbox import letterbox
from pipeline.tflite import convert as tflite
from pipeline.tflite import interpreter as litert
from pipeline.training import backbones

# One Maven run over the whole app.
pytestmark = pytest.mark.slow

DEMO = ROOT / "android_demo"
RUN = DEMO / "jvm/run.py"
REPORTS = DEMO / "jvm/target/surefire-reports"
WRITTEN = DEMO / "jvm/target/made/written"
SCHEMAS = {
    room: json.loads((ROOT / f"export/android/{room}/{name}.schema.json").read_text("utf-8"))
    for room, name in (("benchmark", "benchmark"), ("photos", "photo"))
}
REGISTRY = Registry().with_resources(
    [(schema["$id"], Resource.from_contents(schema)) for schema in SCHEMAS.values()]
)
FRAME = Size(224, 128)
LABELS = ("daisy", "dandelion", "roses", "sunflowers", "tulips")
# The least number of tests in each class; fewer means that some were not found.
SUITES = {
    "AboutActivityTest": 8,
    "AnswerTest": 4,
    "BenchmarkActivityTest": 22,
    "BenchmarkProviderTest": 10,
    "BenchmarkScreenTest": 24,
    "CameraTest": 18,
    "ClassifierTest": 19,
    "ConditionsTest": 6,
    "ContractTest": 57,
    "DiskTest": 6,
    "DistributionTest": 4,
    "FieldScreensTest": 5,
    "FlavourRecordsTest": 3,
    "FlavourTest": 7,
    "FramesTest": 7,
    "LensTest": 1,
    "LetterboxTest": 3,
    "LiveScreenTest": 4,
    "MainActivityTest": 27,
    "ModelFileTest": 5,
    "PermissionTest": 8,
    "PhotoMakerTest": 1,
    "PhotosActivityTest": 18,
    "PhotosTest": 11,
    "PictureTest": 13,
    "PngTest": 2,
    "QuestionTest": 5,
    "ResourcesTest": 5,
    "SampleSizeTest": 1,
    "ScreenshotTest": 9,
    "SelfTestTest": 3,
    "SharedFilesTest": 8,
    "SharingTest": 10,
    "ShutterTest": 12,
    "ThrottlingTest": 4,
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

    with quiet():
        from pipeline.training import classifier

        backbone = backbones.build(sections.Model(), FRAME, 0)
        model = classifier.build_classifier(backbone, len(LABELS), sections.Head(kind="dense", units=16))
    folders = []
    for flavour, kind in convert.FLAVOURS.items():
        folder = tmp_path_factory.mktemp("deep") / flavour

        def configure(converter, kind=kind):
            kind.configure(converter, representative)

        said = metadata.classifier(LABELS, FRAME, kind.about)
        data = metadata.write(tflite.convert(model, configure), said, FRAME)
        rules = bundle.make_contract(
            data, flavour=flavour, labels=LABELS, threshold=0.5, content_aspect=16 / 9
        )
        files.write_bytes(folder / bundle.model_name(flavour), data)
        bundle.write(rules, folder)
        folders.append(folder)
    return folders


@pytest.fixture(scope="module")
def tested(deep_bundles, jvm_target) -> subprocess.CompletedProcess[str]:
    """One run of everything."""
    lacking = missing()
    if lacking:
        pytest.skip(f"needs {', '.join(lacking)}")
    shutil.rmtree(REPORTS, ignore_errors=True)
    shutil.rmtree(WRITTEN, ignore_errors=True)
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
    assert len(passed) == len(sections.FLAVOURS) + len(deep_bundles)


def judge(kind: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(SCHEMAS[kind], registry=REGISTRY)


def documents(pattern: str) -> dict[Path, dict]:
    return {path: json.loads(path.read_text("utf-8")) for path in sorted(WRITTEN.glob(pattern))}


@pytest.mark.parametrize("kind", SCHEMAS)
def test_schema_itself_is_one(kind):
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[kind])


@pytest.mark.parametrize(
    ("kind", "pattern", "least"),
    [
        ("benchmark", "benchmark/*.json", 18),
        ("photos", "photo/*.json", 2),
        ("photos", "photos/*/*.json", 19),
    ],
)
def test_what_the_app_writes_fits_the_schema(tested, kind, pattern, least):
    found = documents(pattern)
    assert len(found) >= least
    assert {path.name: [e.message for e in judge(kind).iter_errors(d)] for path, d in found.items()} == {
        path.name: [] for path in found
    }


def test_what_the_app_writes_of_benchmarks_is_what_python_reads(tested):
    kinds = set()
    for path, document in documents("benchmark/*.json").items():
        read = recording.read(path.read_text("utf-8"), path.name)
        assert read.model_dump(mode="json", exclude_unset=True) == document
        kinds.add(type(read).__name__)
    assert kinds == {"Recording", "Failure", "Progress"}


def test_photos_hold_the_very_pixels_that_the_model_answered_to(tested):
    whole = bundle.read(DEMO / "jvm/target/made/bundles/int8")
    interpreter = litert.Interpreter(whole.data, num_threads=1, kernels=litert.BUILT_IN)
    found = documents("photos/*/*.json")
    for path, document in found.items():
        png = path.with_suffix(".png")
        assert hashlib.sha256(png.read_bytes()).hexdigest() == document["sha256"]
        picture = decode.read(png)
        frame = letterbox(picture, whole.contract.input.frame)
        assert hashlib.sha256(frame.tobytes()).hexdigest() == document["prepared_sha256"]
        # Built-in kernels on both sides: equal in every byte.
        answer = interpreter.run(frame).tobytes()
        assert answer == base64.b64decode(document["output"])
        assert document["probabilities"] == whole.contract.output.probabilities(answer).tolist()
    said = [document["truth"] for document in found.values()]
    assert {"nothing" if t is None else "none" if t["label"] is None else "label" for t in said} == {
        *("nothing", "none", "label")
    }


def test_a_machine_without_a_jdk_is_told_so(tmp_path):
    ended = subprocess.run(
        [sys.executable, RUN], env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert ended.stderr == "error: no mvn; install a JDK (17 or later) and Maven\n"


def test_kept_screens_stay_small():
    sizes = [path.stat().st_size for path in (DEMO / "jvm/golden").glob("*.png")]
    assert sum(sizes) < 30_000 * len(sizes)


def test_no_file_of_the_app_is_above_250_lines():
    long = {
        path.name: count
        for path in (
            path for kind in ("java", "py", "c", "h", "xml", "gradle") for path in DEMO.rglob(f"*.{kind}")
        )
        if "target" not in path.parts and (count := len(path.read_text("utf-8").splitlines())) > 250
    }
    assert long == {}
