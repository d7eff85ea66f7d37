"""Replays the golden vectors of a bundle: letterbox, then model, and says which step differs.

The same test runs on the phone. Whether the files of a bundle belong together is found out
before, by `bundle`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from export.bundle import bundle as bundles
from export.bundle.bundle import Bundle
from pipeline.core.errors import GateError
from pipeline.core.progress import Progress, silent
from pipeline.core.recipes import library_version
from pipeline.images.letterbox import letterbox
from pipeline.tflite import interpreter as litert
from pipeline.tflite.interpreter import Interpreter

_STAGE = "golden vectors"
# Float arithmetic of the comparison itself.
SLACK = 5e-7


@dataclass(frozen=True)
class Kernels:
    """What one kind of kernels answered to all vectors.

    Attributes:
        kernels: `built-in` or `XNNPACK`.
        equal: Vectors with the same output bytes.
        largest_difference: In probability, over all vectors and labels.
        differences: The largest of each vector, in order.
        allowed: Likewise; 0 means equal.
        beyond: Names of the vectors that differ by more.
        top_changed: Names of those whose top answer changed, though it led by more than twice
            the contract's tolerance.
    """

    kernels: str
    equal: int
    largest_difference: float
    differences: tuple[float, ...]
    allowed: float
    beyond: tuple[str, ...]
    top_changed: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return not self.beyond and not self.top_changed


@dataclass(frozen=True)
class Verification:
    """The result of a replay.

    Attributes:
        bundle: The folder.
        flavour: Of its model.
        runtime: What replayed the vectors, e.g. `LiteRT 2.3.0`.
        vectors: How many there are.
        names: Theirs, in order.
        tolerance: The contract's, in probability.
        letterbox: Names of the vectors whose frame differs; where there are any, the model was
            not run, since its input is already wrong.
        model: One result for each kind of kernels.
    """

    bundle: str
    flavour: str
    runtime: str
    vectors: int
    names: tuple[str, ...]
    tolerance: float
    letterbox: tuple[str, ...]
    model: tuple[Kernels, ...]

    @property
    def passed(self) -> bool:
        return not self.letterbox and all(result.passed for result in self.model)

    @property
    def differs(self) -> str | None:
        """The first step that differs, in words; None where all is well."""
        if self.letterbox:
            return f"the letterbox differs on {_names(self.letterbox, self.vectors)}; the model was not run"
        for result in self.model:
            if result.beyond and not math.isfinite(result.largest_difference):
                return (
                    f"the model ({result.kernels} kernels) answers {_names(result.beyond, self.vectors)} "
                    "with numbers that are not finite"
                )
            if result.beyond:
                return (
                    f"the model ({result.kernels} kernels) differs on {_names(result.beyond, self.vectors)}: "
                    f"by up to {result.largest_difference:.4f} in probability, allowed {result.allowed:.4f}"
                )
            if result.top_changed:
                return (
                    f"the model ({result.kernels} kernels) gives another top answer on "
                    f"{_names(result.top_changed, self.vectors)}"
                )
        return None

    def as_dict(self) -> dict[str, Any]:
        """JSON values; null where a difference is not a number."""
        found = {**asdict(self), "passed": self.passed, "differs": self.differs}
        for result in found["model"]:
            differences = [value if math.isfinite(value) else None for value in result["differences"]]
            largest = None if None in differences else result["largest_difference"]
            result |= {"differences": differences, "largest_difference": largest}
        return found

    @property
    def allowed(self) -> str:
        """What each kind of kernels may differ by."""
        return " / ".join("equal" if not result.allowed else f"{result.allowed:.4f}" for result in self.model)

    def cell(self, name: str) -> str:
        """What a vector came to, in a few words; empty where this bundle has no such vector."""
        if name not in self.names:
            return ""
        if not self.model:
            return "not run"
        number = self.names.index(name)
        found = [result.differences[number] for result in self.model]
        wrong = any(name in result.beyond + result.top_changed for result in self.model)
        words = " / ".join("equal" if value == 0 else f"{value:.4f}" for value in found)
        return f"WRONG {words}" if wrong else words

    def require(self) -> None:
        """Raises GateError where a step differs."""
        if self.differs:
            raise GateError(
                f"{self.bundle} does not answer as it did: {self.differs}",
                "compare the versions of LiteRT, Pillow and numpy with those that made the bundle; "
                "if they are right, make it again: python -m export tflite",
            )


def verify(folder: Path, progress: Progress = silent) -> Verification:
    """Replays a bundle's golden vectors.

    The built-in kernels on one thread must give the very bytes of an integer output, and float
    outputs within the contract's tolerance; XNNPACK must stay within it in both. A top answer
    counts only where it leads by more than twice the tolerance.

    Raises:
        BundleError: The files are damaged or do not belong together.
        ConversionError: LiteRT cannot load the model.
    """
    bundle = bundles.read(folder)
    contract = bundle.contract
    vectors = contract.golden.vectors
    total = 3 * len(vectors)
    frames, wrong = [], []
    for number, vector in enumerate(vectors, 1):
        frames.append(letterbox(vector.picture, contract.input.frame))
        if hashlib.sha256(frames[-1].tobytes()).hexdigest() != vector.prepared_sha256:
            wrong.append(vector.name)
        progress(_STAGE, number, total)
    results = []
    if not wrong:
        exact = 0.0 if contract.output.dtype == "uint8" else contract.tolerance
        for allowed, kernels in ((exact, litert.BUILT_IN), (contract.tolerance, litert.XNNPACK)):
            done = len(vectors) * (1 + len(results))
            results.append(
                _replay(
                    bundle, frames, kernels, allowed, lambda n, done=done: progress(_STAGE, done + n, total)
                )
            )
    return Verification(
        bundle=str(folder),
        flavour=contract.flavour,
        runtime=f"LiteRT {library_version('ai-edge-litert')}",
        vectors=len(vectors),
        names=tuple(vector.name for vector in vectors),
        tolerance=contract.tolerance,
        letterbox=tuple(wrong),
        model=tuple(results),
    )


def _replay(
    bundle: Bundle, frames: list[np.ndarray], kernels: str, allowed: float, advance: Callable[[int], object]
) -> Kernels:
    contract = bundle.contract
    interpreter = Interpreter(bundle.data, num_threads=1, kernels=kernels)
    equal, differences, beyond, top_changed = 0, [], [], []
    for number, (vector, frame) in enumerate(zip(contract.golden.vectors, frames, strict=True), 1):
        raw = interpreter.run(frame).tobytes()
        equal += raw == vector.answer
        expected, received = contract.output.probabilities(vector.answer), contract.output.probabilities(raw)
        difference = float(np.abs(expected - received).max())
        differences.append(difference)
        # Written so that NaN counts as beyond.
        if not difference <= allowed + SLACK:
            beyond.append(vector.name)
        if _leads(expected, 2 * contract.tolerance) and received.argmax() != expected.argmax():
            top_changed.append(vector.name)
        advance(number)
    return Kernels(
        kernels=kernels,
        equal=equal,
        # NaN is handed on, which Python's max would lose.
        largest_difference=float(np.max(differences)),
        differences=tuple(differences),
        allowed=allowed,
        beyond=tuple(beyond),
        top_changed=tuple(top_changed),
    )


def _leads(probabilities: np.ndarray, margin: float) -> bool:
    second, first = np.sort(probabilities)[-2:]
    return bool(first - second > margin)


def _names(names: tuple[str, ...], total: int) -> str:
    shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    return f"{len(names)} of {total} vectors ({shown})"
