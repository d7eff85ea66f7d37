"""The oldest runtime that runs a .tflite: claimed from its operators' versions, and proved.

The claim is a look into a table. The proof loads the file in tflite-runtime 2.14, the last release
of that name, and compares its answers. A converter that writes too low a version makes an old
runtime load the file and answer garbage: then claim and proof disagree.
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
    """What the judge said.

    Attributes:
        runtime: Who judged, e.g. `tflite-runtime 2.14.0`.
        holds: Whether it loads the file and answers as expected; null where it was not asked.
        difference: The largest from the expected answers, in the output's own numbers; null where it is none.
        against: What was expected.
        words: Why not, or why it was not asked.
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
    """Lets the oldest runtime load a file and answer.

    Args:
        model: The file.
        output: The first tensor that it gives.
        calls: The input tensors of each call.
        expected: The first output of each, in real numbers.
        tolerance: The largest difference that still is the same answer.
        against: Where the expected answers come from, in words.
        seconds: After which the runtime is stopped.
    """
    judge = judges.OLDEST
    if judge.missing:
        return not_asked(judge.missing)

    def proof(holds: bool | None, words: str, difference: float | None = None) -> Proof:
        return Proof(
            runtime=judge.title, holds=holds, difference=difference, against=against, words=words[:300]
        )

    predictions = judges.ask(judge, model, calls, seconds)
    if predictions.found is None:
        return proof(None if predictions.timed_out else False, predictions.error)
    furthest = []
    for call, wanted in enumerate(expected):
        found = real(predictions.found[f"{call}_0"], output)
        if found.size != wanted.size:
            return proof(False, f"it answers with {found.size} numbers instead of {wanted.size}")
        furthest.append(np.abs(found.ravel() - wanted.ravel()).max(initial=0))
    # NaN is handed on, which Python's max would lose.
    difference = float(np.max(furthest, initial=0))
    if not math.isfinite(difference):
        return proof(False, "it answers with numbers that are not finite")
    if not difference <= tolerance:
        return proof(
            False, f"its answers are up to {difference:.3g} away; {tolerance:.3g} is allowed", difference
        )
    return proof(True, "", difference)


def not_asked(why: str) -> Proof:
    """A proof that was not tried."""
    return Proof(runtime=judges.OLDEST.distribution, holds=None, difference=None, against="", words=why)


def disagreement(claimed: Claim, proof: Proof) -> str:
    """Where claim and proof cannot both be true, in words; empty if they can.

    A claim above the judge's own version says nothing about what the judge does.
    """
    version = judges.OLDEST.version
    if proof.holds is not False or claimed.version is None or number(claimed.version) > number(version):
        return ""
    return (
        f"by its operators' versions TensorFlow Lite {claimed.version} is enough, "
        f"but {proof.runtime} says no: {proof.words}"
    )


def real(raw: np.ndarray, tensor: Tensor) -> np.ndarray:
    """A tensor's content in real numbers, float64."""
    numbers = raw.astype(np.float64)
    if tensor.scale is None:
        return numbers
    return (numbers - (tensor.zero_point or 0)) * tensor.scale
