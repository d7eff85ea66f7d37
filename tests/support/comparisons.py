"""Answers made up for comparisons: a truth of three classes, and models that are right on so much of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from export.parity import comparison, gate
from export.parity.latency import Timing
from export.parity.result import (
    Check,
    Comparison,
    FlavourTarget,
    Judgement,
    KerasReference,
    ParityResult,
    Verdict,
)
from pipeline.core.sections import Gate
from pipeline.evaluation.predictions import Predictions
from pipeline.stats.metrics import Interval

TRUTH = np.arange(300) % 3
LABELS = ("ant", "bee", "cat")
OPEN = {
    "min_agreement": 0.0,
    "max_drop": 1.0,
    "max_f1_drop": 1.0,
    "max_mean_abs_dp": 1.0,
    "max_confidence_shift": 1.0,
    "max_coverage_drop": 1.0,
}


def predictions(probabilities: np.ndarray, truth: np.ndarray = TRUTH, model: str = "keras") -> Predictions:
    names = np.array([f"picture{number}" for number in range(len(truth))])
    return Predictions(model, names, names, truth, probabilities.astype(np.float32))


def sure(labels: np.ndarray, confidence: float = 0.9, classes: int = 3) -> np.ndarray:
    """Probabilities that put so much on these labels."""
    rows = np.full((len(labels), classes), (1 - confidence) / (classes - 1))
    rows[np.arange(len(labels)), labels] = confidence
    return rows


def flipped(count: int, start: int = 0, truth: np.ndarray = TRUTH) -> np.ndarray:
    """The truth, with so many answers moved to the next class."""
    labels = truth.copy()
    labels[start : start + count] = (labels[start : start + count] + 1) % 3
    return labels


def compared(
    reference: np.ndarray, target: np.ndarray, truth: np.ndarray = TRUTH, threshold: float | None = None
) -> Comparison:
    """What `comparison.compare` gives."""
    one, other = predictions(reference, truth), predictions(target, truth, "int8")
    return comparison.compare(one, other, LABELS, threshold)


def judged(
    reference: np.ndarray,
    target: np.ndarray,
    truth: np.ndarray = TRUTH,
    threshold: float | None = None,
    **bounds: Any,
) -> Judgement:
    """The verdict, with every bound open but those that are given."""
    return gate.judge(compared(reference, target, truth, threshold), Gate(**{**OPEN, **bounds}))


def check(text: str, verdict: Verdict = Verdict.FAILED) -> Check:
    """A check of the gate that says so."""
    return Check(
        name="agreement",
        verdict=verdict,
        value=0.5,
        interval=Interval(0.4, 0.6),
        allowed=(0.9, None),
        pictures_needed=None,
        text=text,
    )


def flavour(
    model: str = "int8", verdict: Verdict = Verdict.PASSED, reason: str = "", **fields: Any
) -> FlavourTarget:
    """A row of parity.json: a file that answers as Keras does, but for these fields."""
    row = FlavourTarget(
        **dict(compared(sure(TRUTH), sure(TRUTH), threshold=0.5)),
        verdict=verdict,
        checks=(check(reason, verdict),) if reason else (),
        model=model,
        look=1,
        words=(f"{model} is such.",),
        file=f"export/{model}/model_{model}.tflite",
        size_bytes=6_800_000,
        without_leaked=None,
        first_look=None,
        latency=Timing(median_ms=2.8, p90_ms=3.0, num_threads=2, delegate="XNNPACK"),
    )
    return row.model_copy(update=fields)


def parity_result(*targets: FlavourTarget, n: int = 100, **reference: Any) -> ParityResult:
    """A parity.json with these rows, and a Keras model with these scores."""
    keras = KerasReference(
        **dict(comparison.scores(predictions(sure(TRUTH)), 0.5)), model="keras", without_leaked=None
    )
    return ParityResult(
        n=n,
        groups=n,
        labels=LABELS,
        gate=Gate(),
        threshold=0.5,
        reference=keras.model_copy(update=reference),
        targets=targets,
        verdict=gate.overall([row.verdict for row in targets]),
    )
