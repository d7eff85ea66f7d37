"""The oldest runtime that runs a .tflite: claimed from operator versions, and proved.

The claim is a table lookup. The proof loads the file in tflite-runtime 2.14, the last release of that
name, and compares outputs. If a converter writes versions that are too low, an old runtime loads the file
and returns garbage: then claim and proof disagree.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from export.inspection import judges
from export.model_file.operators import Claim, number
from export.model_file.structure import Part, Tensor


class Proof(Part):
    """What the judge found.

    Attributes:
        runtime: The judge, e.g. `tflite-runtime 2.14.0`.
        holds: Whether it loads the file and gives the expected outputs; null if it was not asked.
        difference: The largest from the expected outputs, in the output's own unit; null if there is none.
        against: What the outputs were compared with.
        words: Why it does not hold, or why the judge was not asked.
    """

    runtime: str
    holds: bool | None
    difference: float | None
    against: str
    words: str


def prove(
    model: Path,
    output: Tensor,
    calls: Sequence[Sequence[np.ndarray]],
    expected: Sequence[np.ndarray],
    *,
    tolerance: float,
    against: str,
    seconds: int,
) -> Proof:
    """Has the oldest runtime load and run a file.

    Args:
        model: The file.
        output: Its first output tensor.
        calls: The input tensors of each call.
        expected: The first output of each call, as real numbers.
        tolerance: The largest difference that still counts as the same output.
        against: Where the expected outputs come from, in words.
        seconds: The time limit.
    """
    judge = judges.OLDEST
    if judge.missing:
        return not_asked(judge.missing)

    def proof(holds: bool | None, words: str, difference: float | None = None) -> Proof:
        return Proof(
            runtime=judge.title, holds=holds, difference=difference, against=against, words=words[:300]
        )

    predictions = judges.ask(judge, model, calls, seconds)
    if predictions.outputs is None:
        return proof(None if predictions.timed_out else False, predictions.error)
    furthest = []
    for call, wanted in enumerate(expected):
        actual = real(predictions.outputs[f"{call}_0"], output)
        if actual.size != wanted.size:
            return proof(False, f"it returns {actual.size} numbers instead of {wanted.size}")
        furthest.append(np.abs(actual.ravel() - wanted.ravel()).max(initial=0))
    # np.max propagates NaN; Python's max may lose it.
    difference = float(np.max(furthest, initial=0))
    if not math.isfinite(difference):
        return proof(False, "its outputs are not finite")
    if not difference <= tolerance:
        return proof(
            False, f"its outputs differ by up to {difference:.3g}; {tolerance:.3g} is allowed", difference
        )
    return proof(True, "", difference)


def not_asked(why: str) -> Proof:
    """A proof that was not attempted."""
    return Proof(runtime=judges.OLDEST.distribution, holds=None, difference=None, against="", words=why)


def disagreement(claimed: Claim, proof: Proof) -> str:
    """How claim and proof contradict each other, in words; empty if they do not.

    A claim above the judge's own version says nothing about the judge.
    """
    version = judges.OLDEST.version
    if proof.holds is not False or claimed.version is None or number(claimed.version) > number(version):
        return ""
    return (
        f"its operator versions claim TensorFlow Lite {claimed.version}, "
        f"but it fails in {proof.runtime}: {proof.words}"
    )


def real(raw: np.ndarray, tensor: Tensor) -> np.ndarray:
    """A tensor's values as real numbers, float64."""
    numbers = raw.astype(np.float64)
    if tensor.scale is None:
        return numbers
    return (numbers - (tensor.zero_point or 0)) * tensor.scale
