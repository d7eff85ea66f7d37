"""Reference against target on the same pictures: the gate.

Compares stored answers only; making them is `pipeline.evaluate`'s. The reference is the Keras
model, each target a .tflite flavour.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from export import convert
from pipeline import evaluate, features, litert, metrics, runs
from pipeline.config import Gate
from pipeline.dataset import Picture
from pipeline.errors import RunError
from pipeline.evaluate import Answers
from pipeline.runs import Recipe
from pipeline.subject import Subject
from pipeline.workers import Listener

LATENCY = f"{runs.EXPORT}/latency.json"
_LIBRARIES = ("ai-edge-litert", "numpy", "pillow")
_WARM_UP_RUNS, _RUNS = 10, 100


def parity(subject: Subject, listener: Listener) -> dict[str, Any]:
    """Compares every flavour of a run with its Keras model; writes and gives parity.json.

    Raises:
        RunError: A flavour has not been exported.
    """
    run, config = subject.run, subject.config
    for name in config.export.flavours:
        if not run.done(convert.recipe(subject, name), [convert.file_name(name)]):
            path = run.path(convert.file_name(name))
            what = "was made from another model than the run's" if path.is_file() else "is missing"
            raise RunError(f"{path} {what}", f"export it: python -m export tflite {run.name}")
    reference, made = evaluate.keras_answers(subject, listener)
    targets, keys = [], {evaluate.KERAS: made.key}
    for name in config.export.flavours:
        target, recipe = tflite_answers(subject, name, listener)
        targets.append(target)
        keys[name] = recipe.key
    latency = _latency(subject, listener)
    settings = config.gate.model_dump(mode="json")
    recipe = Recipe("parity", 1, {**keys, "latency": latency["key"]}, {"gate": settings}, ("numpy",))

    def build() -> None:
        rows = [_row(subject, target, compare(reference, target, config.gate), latency) for target in targets]
        value = {
            "n": len(reference.truth),
            "labels": list(subject.labels),
            "gate": settings,
            "reference": {"model": evaluate.KERAS, **_scores(reference)},
            "targets": rows,
            "passed": all(row["passed"] for row in rows),
        }
        runs.write_json(run.path(runs.PARITY), value)

    run.make(recipe, [runs.PARITY], build)
    return run.read_json(runs.PARITY)


def compare(reference: Answers, target: Answers, gate: Gate) -> dict[str, Any]:
    """What changed from reference to target, and every bound of the gate that it breaks.

    Both must hold the same pictures in the same order.
    """
    if not np.array_equal(reference.sha256, target.sha256):
        raise ValueError("reference and target answered different pictures")
    before, after = _scores(reference), _scores(target)
    found = {
        "agreement": metrics.agreement(reference.probabilities, target.probabilities),
        "mean_abs_dp": metrics.mean_abs_dp(reference.probabilities, target.probabilities),
        "max_abs_dp": float(np.abs(reference.probabilities - target.probabilities).max()),
        "accuracy_drop": before["accuracy"] - after["accuracy"],
        "macro_f1_drop": before["macro_f1"] - after["macro_f1"],
    }
    checks = (
        ("agreement", found["agreement"] >= gate.min_agreement, ">=", gate.min_agreement),
        ("mean_abs_dp", found["mean_abs_dp"] <= gate.max_mean_abs_dp, "<=", gate.max_mean_abs_dp),
        ("accuracy_drop", found["accuracy_drop"] <= gate.max_drop + 1e-12, "<=", gate.max_drop),
        ("macro_f1_drop", found["macro_f1_drop"] <= gate.max_f1_drop + 1e-12, "<=", gate.max_f1_drop),
    )
    broken = [
        f"{name} is {found[name]:.4f}, must be {sign} {bound:g}"
        for name, fine, sign, bound in checks
        if not fine
    ]
    return {**after, **found, "passed": not broken, "broken": broken}


def _scores(answers: Answers) -> dict[str, float]:
    counts = answers.confusion
    return {
        "accuracy": float(metrics.accuracy_of(counts)),
        "macro_f1": float(metrics.macro_f1_of(counts)),
    }


def _row(
    subject: Subject, target: Answers, comparison: dict[str, Any], latency: dict[str, Any]
) -> dict[str, Any]:
    path = subject.run.path(convert.file_name(target.model))
    return {
        "model": target.model,
        "file": path.relative_to(subject.run.folder).as_posix(),
        "size_bytes": path.stat().st_size,
        **comparison,
        "latency": latency["flavours"][target.model],
    }


def tflite_answers(subject: Subject, name: str, listener: Listener) -> tuple[Answers, Recipe]:
    """The stored answers of an exported flavour on the held-out pictures, made now if they are not there."""

    def make(pictures: Sequence[Picture], advance: Callable[[int], object]) -> np.ndarray:
        data = subject.run.path(convert.file_name(name)).read_bytes()

        def frame(picture: Picture) -> np.ndarray:
            return features.plain_view(subject.table.file(picture), subject.frame)

        return litert.answers(data, pictures, frame, advance)

    inputs = {"export": convert.recipe(subject, name).key}
    return evaluate.answers(subject, name, inputs, _LIBRARIES, make, listener)


def _latency(subject: Subject, listener: Listener) -> dict[str, Any]:
    """Times one picture through every flavour on this machine; the flavours take turns."""
    run, config = subject.run, subject.config
    keys = {name: convert.recipe(subject, name).key for name in config.export.flavours}
    threads = config.export.num_threads
    recipe = Recipe("latency", 1, keys, {"num_threads": threads}, ("ai-edge-litert",))

    def build() -> None:
        interpreters = {
            name: litert.Interpreter(run.path(convert.file_name(name)).read_bytes(), threads) for name in keys
        }
        frame = np.random.default_rng(0).integers(
            0, 256, (subject.frame.height, subject.frame.width, 3), np.uint8
        )
        took: dict[str, list[float]] = {name: [] for name in keys}
        for turn in range(_WARM_UP_RUNS + _RUNS):
            for name, interpreter in interpreters.items():
                begin = time.perf_counter()
                interpreter.run(frame)
                took[name].append(1000 * (time.perf_counter() - begin))
            listener.progress("timing the flavours", turn + 1, _WARM_UP_RUNS + _RUNS)
        flavours = {
            name: {
                "median_ms": float(np.median(values[_WARM_UP_RUNS:])),
                "p90_ms": float(np.percentile(values[_WARM_UP_RUNS:], 90)),
                "num_threads": threads,
                "delegate": litert.XNNPACK,
            }
            for name, values in took.items()
        }
        measured = {"runs": _RUNS, "warm_up_runs": _WARM_UP_RUNS, "flavours": flavours}
        runs.write_json(run.path(LATENCY), measured)

    run.make(recipe, [LATENCY], build)
    return {**run.read_json(LATENCY), "key": recipe.key}
