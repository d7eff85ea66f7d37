"""Replays a bundle's golden vectors, letterbox first, then model, and reports which step differs.

The same test runs on the phone. `bundle` has already checked that the files belong together.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from export.bundle import bundle as bundles
from export.bundle.contract import EXPORT_AGAIN, VERSION, Contract
from pipeline.core.errors import GateError
from pipeline.core.progress import Progress, silent
from pipeline.core.recipes import library_version
from pipeline.images.letterbox import letterbox
from pipeline.tflite import interpreter as litert
from pipeline.tflite.interpreter import Interpreter

_STAGE = "golden vectors"
# The rounding of the comparison itself.
SLACK = 5e-7


@dataclass(frozen=True)
class Kernels:
    """The outputs of one kind of kernels for all vectors.

    Attributes:
        kernels: `built-in` or `XNNPACK`.
        equal: Vectors with the same output bytes.
        largest_difference: In probability, over all vectors and labels.
        differences: The largest difference of each vector, in order.
        allowed: The largest difference allowed; 0 means equal.
        beyond: Names of the vectors that differ by more than that.
        top_changed: Names of the vectors whose top answer changed although it led by more than twice
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
        contract_version: 2, or 1 for a bundle of an earlier version.
        flavour: The model's flavour.
        runtime: What replayed the vectors, e.g. `LiteRT 2.3.0`.
        vectors: How many there are.
        names: Their names, in order.
        tolerance: The contract's, in probability.
        letterbox: Names of the vectors whose frame differs; if there are any, the model is not run,
            since its input is already wrong.
        model: One result per kind of kernels.
    """

    bundle: str
    contract_version: int
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
    def weaker(self) -> str | None:
        """Why this proves less than it could, and what to do about it; None if it does not."""
        if self.contract_version >= VERSION:
            return None
        return (
            f"{self.bundle} has contract version {self.contract_version}, which is weaker: without XNNPACK's "
            "own outputs, it holds XNNPACK, which phones run, only to a tolerance. For equal bytes in int8, "
            f"{EXPORT_AGAIN}"
        )

    @property
    def differs(self) -> str | None:
        """The first step that differs, in words; None if none does."""
        if self.letterbox:
            return f"the letterbox differs on {_names(self.letterbox, self.vectors)}; the model was not run"
        for result in self.model:
            if result.beyond and not math.isfinite(result.largest_difference):
                return (
                    f"the model ({result.kernels} kernels) gives outputs that are not finite on "
                    f"{_names(result.beyond, self.vectors)}"
                )
            if result.beyond:
                allowed = f"{result.allowed:.4f} is allowed" if result.allowed else "it must be equal"
                return (
                    f"the model ({result.kernels} kernels) differs on {_names(result.beyond, self.vectors)} "
                    f"by {result.largest_difference:.4f} in probability; {allowed}"
                )
            if result.top_changed:
                return (
                    f"the model ({result.kernels} kernels) changes the top answer on "
                    f"{_names(result.top_changed, self.vectors)}"
                )
        return None

    def as_dict(self) -> dict[str, Any]:
        """JSON values; null where a difference is not a number."""
        record = {**asdict(self), "passed": self.passed, "differs": self.differs}
        for result in record["model"]:
            differences = [value if math.isfinite(value) else None for value in result["differences"]]
            largest = None if None in differences else result["largest_difference"]
            result |= {"differences": differences, "largest_difference": largest}
        return record

    @property
    def allowed(self) -> str:
        """The difference that each kind of kernels is allowed."""
        return " / ".join("equal" if not result.allowed else f"{result.allowed:.4f}" for result in self.model)

    def cell(self, name: str) -> str:
        """The result of one vector, in a few words; empty if this bundle does not have it."""
        if name not in self.names:
            return ""
        if not self.model:
            return "not run"
        number = self.names.index(name)
        differences = [result.differences[number] for result in self.model]
        wrong = any(name in result.beyond + result.top_changed for result in self.model)
        words = " / ".join("equal" if value == 0 else f"{value:.4f}" for value in differences)
        return f"WRONG {words}" if wrong else words

    def require(self) -> None:
        """Raises GateError if a step differs."""
        if self.differs:
            raise GateError(
                f"{self.bundle} no longer reproduces its golden vectors: {self.differs}",
                "compare the versions of LiteRT, Pillow and numpy with those that made the bundle; "
                "if they are right, recreate it: python -m export tflite",
            )


def verify(folder: Path, progress: Progress = silent) -> Verification:
    """Replays a bundle's golden vectors.

    On one thread, XNNPACK must reproduce integer outputs byte for byte (`Contract.allowed`); float outputs
    and the built-in kernels must stay within the contract's tolerance (version 1: the other way round for
    integers). A changed top answer counts only if it led by more than twice the tolerance.

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
        for kernels in (litert.BUILT_IN, litert.XNNPACK):
            interpreter, raw = Interpreter(bundle.data, num_threads=1, kernels=kernels), []
            for number, frame in enumerate(frames, 1 + len(vectors) * (1 + len(results))):
                raw.append(interpreter.run(frame).tobytes())
                progress(_STAGE, number, total)
            results.append(compare(contract, kernels, raw))
    return Verification(
        bundle=str(folder),
        contract_version=contract.contract_version,
        flavour=contract.flavour,
        runtime=f"LiteRT {library_version('ai-edge-litert')}",
        vectors=len(vectors),
        names=tuple(vector.name for vector in vectors),
        tolerance=contract.tolerance,
        letterbox=tuple(wrong),
        model=tuple(results),
    )


def compare(contract: Contract, kernels: str, raw: Sequence[bytes], processor: str = "") -> Kernels:
    """How the raw outputs for the golden vectors, in order, differ from the golden ones.

    Args:
        contract: Of the bundle.
        kernels: What computed the outputs.
        raw: They themselves.
        processor: Where, as for `Contract.allowed`.
    """
    allowed = contract.allowed(kernels, processor)
    equal, differences, beyond, top_changed = 0, [], [], []
    for vector, output in zip(contract.golden.vectors, raw, strict=True):
        golden = vector.answer(kernels, processor)
        equal += output == golden
        expected, received = contract.output.probabilities(golden), contract.output.probabilities(output)
        difference = float(np.abs(expected - received).max())
        differences.append(difference)
        # This way round, NaN counts as beyond.
        if not difference <= allowed + SLACK:
            beyond.append(vector.name)
        if _leads(expected, 2 * contract.tolerance) and received.argmax() != expected.argmax():
            top_changed.append(vector.name)
    return Kernels(
        kernels=kernels,
        equal=equal,
        # np.max propagates NaN; Python's max may lose it.
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
