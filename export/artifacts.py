"""What export writes into a run: file names, and rows of the table of stages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core import stages
from pipeline.core.errors import RunError
from pipeline.core.stages import FIGURES, PREDICTIONS, Command, Stage

if TYPE_CHECKING:
    from pipeline.core.runs import Run

EXPORT = "export"
CALIBRATION = f"{EXPORT}/calibration.json"
COMPENSATION = f"{EXPORT}/compensation.json"
RECALIBRATION = f"{EXPORT}/recalibration.json"
LATENCY = f"{EXPORT}/latency.json"
INT8_BUILT_IN = "int8_built_in"  # the predictions of the int8 file by the built-in kernels
PASSPORT = "passport.json"
PARITY = "parity.json"
FLIPS = f"{FIGURES}/flips.png"
SIMULATED = "simulated.json"
SIMULATED_SHEET = f"{FIGURES}/simulated.png"
PHOTOS = "photos.json"
PHOTOS_SHEET = f"{FIGURES}/photos_errors.png"
EXPLANATIONS = "explanations"
EXPLAINED = "explain.json"
TRY = "try.html"
APK = "demo.apk"
APK_PASSPORT = "apk.json"
BENCHMARK_APK = "benchmark.apk"
BENCHMARK_APK_PASSPORT = "benchmark_apk.json"
PHONE = "phone.json"
REVIEW = "review.html"
REPORT = "report.html"
REPORT_JSON = "report.json"
MODEL_CARD = "model_card.md"
NOTES = "notes.md"  # the user's own

_TFLITE = Command("export", "tflite")
_PHOTOS = Command("export", "photos", "FOLDER --run RUN")
_SIMULATE = Command("export", "simulate")
_MODEL = {"model": "model", "given": "given"}
_ANSWERS = {"keras": f"{PREDICTIONS}/keras", "*": f"{PREDICTIONS}/*"}

stages.add(
    Stage(f"{EXPORT}/*", 4, (f"{EXPORT}/*/model_*.tflite",), _MODEL, _TFLITE),
    Stage(f"{EXPORT}/*/failure", 1, command=_TFLITE),
    Stage(f"{EXPORT}/*/labels", 1, (f"{EXPORT}/*/labels.txt",), command=_TFLITE),
    Stage(f"{EXPORT}/*/contract", 1, (f"{EXPORT}/*/contract.json",), {"export": f"{EXPORT}/*"}, _TFLITE),
    Stage("compensation", 1, (COMPENSATION,), _MODEL, _TFLITE),
    Stage("recalibration", 2, (RECALIBRATION,), _MODEL, _TFLITE),
    Stage(f"{PREDICTIONS}/*", 1, (f"{PREDICTIONS}/*.npz",), {"export": f"{EXPORT}/*"}, _TFLITE),
    Stage(
        f"{PREDICTIONS}/{INT8_BUILT_IN}",
        1,
        (f"{PREDICTIONS}/{INT8_BUILT_IN}.npz",),
        {"export": f"{EXPORT}/int8"},
        _TFLITE,
    ),
    Stage(
        "parity",
        7,
        (PARITY,),
        {**_ANSWERS, INT8_BUILT_IN: f"{PREDICTIONS}/{INT8_BUILT_IN}", "latency": "latency"},
        _TFLITE,
        "the comparison with the Keras model",
    ),
    Stage(FLIPS, 1, (FLIPS,), _ANSWERS, _TFLITE),
    Stage(
        "passport",
        4,
        (PASSPORT,),
        command=Command("export", "passport"),
        title="what each file is, and which runtimes load it",
    ),
    Stage(
        "calibration",
        4,
        (CALIBRATION,),
        {"export": f"{EXPORT}/int8"},
        _TFLITE,
        "the pictures that set the integer ranges",
        flavour="int8",
    ),
    Stage("latency", 1, (LATENCY,), {"*": f"{EXPORT}/*"}, _TFLITE, "times on this computer"),
    Stage(
        "explain",
        2,
        (EXPLAINED,),
        _ANSWERS,
        Command("export", "explain"),
        "where the model looks",
        trained=True,
    ),
    Stage(
        "apk",
        2,
        (APK, APK_PASSPORT),
        # An app that was built before it could hold other flavours names the contract.
        {"contract.json": f"{EXPORT}/int8/contract", "*": f"{EXPORT}/*/contract"},
        Command("export", "apk"),
        "the app",
    ),
    Stage("web", 1, (TRY,), {"*": f"{EXPORT}/*/contract"}, Command("export", "web")),
    Stage(
        "benchmark_apk",
        2,
        (BENCHMARK_APK, BENCHMARK_APK_PASSPORT),
        {"*": f"{EXPORT}/*/contract"},
        Command("export", "apk", "RUN --benchmark"),
    ),
    Stage(
        "phone",
        2,
        (PHONE,),
        {"apk": "benchmark_apk", "*": f"{EXPORT}/*/contract"},
        Command("export", "benchmark"),
        "times on a phone",
    ),
    Stage(
        "photos",
        6,
        (PHOTOS,),
        {"held_out": f"{PREDICTIONS}/int8", "*": f"{EXPORT}/*"},
        _PHOTOS,
        "photos from the field",
        flavour="int8",
    ),
    Stage(PHOTOS_SHEET, 1, (PHOTOS_SHEET,), {"photos": "photos"}, _PHOTOS),
    Stage(
        f"{PREDICTIONS}/int8_simulated",
        1,
        (f"{PREDICTIONS}/int8_simulated.npz",),
        {"export": f"{EXPORT}/int8"},
        _SIMULATE,
    ),
    Stage(
        "simulated",
        3,
        (SIMULATED,),
        {"plain": f"{PREDICTIONS}/int8"},
        _SIMULATE,
        "the model on pictures of a screen",
        flavour="int8",
    ),
    Stage(SIMULATED_SHEET, 1, (SIMULATED_SHEET,), {"simulated": "simulated"}, _SIMULATE),
    Stage("report", 3, (REPORT, REPORT_JSON, MODEL_CARD), command=Command("export", "report")),
)


def require_bundle(run: Run, flavour: str) -> Path:
    """The folder of a flavour's bundle.

    Raises:
        RunError: It has not been exported, is older than the model, or is damaged.
    """
    bundle, contract = f"{EXPORT}/{flavour}", f"{EXPORT}/{flavour}/contract"
    folder = run.path(bundle)
    if not run.path(f"{contract}.json").is_file() or run.out_of_date(contract):
        raise RunError(
            f"{folder} is missing, or older than the model",
            f"export it first: python -m export tflite {run.name}",
        )
    run.require_whole(contract, bundle)
    return folder
