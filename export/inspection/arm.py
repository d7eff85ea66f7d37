"""What a model answers on emulated ARM processors, against the contract and against this computer.

Phones run the int8 file with XNNPACK on ARM, where it has kernels of its own. They have to give the bytes of
this computer's, with the dot-product instructions of recent processors as without; the softmax after them,
which is LiteRT's own, those that `softmax` predicts. LiteRT's wheel for ARM runs it, and the app's own
library.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from export.bundle import bundle as bundles
from export.bundle import softmax, verify
from export.bundle.bundle import Bundle
from export.bundle.verify import SLACK, Kernels
from export.inspection import judges
from pipeline.core import parallel
from pipeline.core.errors import GateError, ToolError
from pipeline.core.progress import ProgressReporter
from pipeline.images.letterbox import letterbox
from pipeline.tflite import interpreter as litert

_PROCESSORS = ("cortex-a53", "cortex-a76")  # without and with the dot-product instructions
_MACHINE = "aarch64"
_SECONDS, _SECONDS_A_PICTURE = 300, 60


@dataclass(frozen=True)
class OnArm:
    """A bundle on one processor, by one runtime.

    Attributes:
        bundle: The folder.
        flavour: The model's flavour.
        processor: Its name, e.g. `cortex-a76`.
        runtime: What ran there, e.g. `LiteRT 2.3.0` or `the app's library 2.16.1`.
        vectors: The golden vectors, by XNNPACK.
        built_in: The golden vectors, by the built-in kernels.
        pictures: How many other pictures were compared with this computer.
        equal: How many of them have the same output bytes.
        largest_difference: Of them, in probability.
        allowed: The largest difference allowed for them.
    """

    bundle: str
    flavour: str
    processor: str
    runtime: str
    vectors: Kernels
    built_in: Kernels
    pictures: int
    equal: int
    largest_difference: float
    allowed: float

    @property
    def pictures_passed(self) -> bool:
        # This way round, NaN does not pass.
        return self.largest_difference <= self.allowed + SLACK

    @property
    def passed(self) -> bool:
        return self.vectors.passed and self.built_in.passed and self.pictures_passed

    def require(self) -> None:
        """Raises GateError if a picture differs by more than is allowed."""
        if self.passed:
            return
        wrong = next((kind for kind in (self.vectors, self.built_in) if not kind.passed), None)
        n, equal, worst, allowed = (
            (len(wrong.differences), wrong.equal, wrong.largest_difference, wrong.allowed)
            if wrong
            else (self.pictures, self.equal, self.largest_difference, self.allowed)
        )
        what = f"golden vectors ({wrong.kernels} kernels)" if wrong else "held-out pictures"
        raise GateError(
            f"{self.bundle} gives other answers on ARM ({self.processor}, {self.runtime}): "
            f"{n - equal} of {n} {what} differ, by up to {worst:.4f} in probability; "
            f"{allowed:.4f} is allowed",
            "if verify without --arm passes, ship another flavour, and report this with the bundle",
        )


def verify_on_arm(
    folder: Path, pictures: Sequence[np.ndarray], reporter: ProgressReporter, library: bytes | None = None
) -> tuple[OnArm, ...]:
    """Runs the golden vectors by both kinds of kernels and other pictures by XNNPACK, on every processor.

    Args:
        folder: A bundle.
        pictures: RGB, uint8, shape (height, width, 3).
        reporter: For progress.
        library: The app's native library for arm64, which then runs them, too.

    Raises:
        BundleError: The files are damaged or do not belong together.
        ToolError: The emulator is not there, or a runtime fails on it.
    """
    if judges.ARM.missing:
        raise ToolError(
            f"ARM cannot be emulated: {judges.ARM.missing}", "run make judges, and read what it says"
        )
    bundle = bundles.read(folder)
    contract = bundle.contract
    vectors = [vector.picture for vector in contract.golden.vectors]
    frames = [letterbox(picture, contract.input.frame) for picture in (*vectors, *pictures)]
    here = softmax.runner(bundle.data, litert.XNNPACK, _MACHINE)
    expected = [here(frame).tobytes() for frame in frames[len(vectors) :]]
    runtimes = {"LiteRT": None} if library is None else {"LiteRT": None, "the app's library": library}
    combinations = [(processor, runtime) for processor in _PROCESSORS for runtime in runtimes]
    asked = parallel.ordered(
        lambda chosen: _outputs(bundle, folder, frames, chosen[0], runtimes[chosen[1]]), combinations
    )
    stage, results = "emulating ARM", []
    reporter.progress(stage, 0, len(combinations))
    for (processor, runtime), (version, outputs) in zip(combinations, asked, strict=True):
        raw, built_in = outputs[litert.XNNPACK], outputs[litert.BUILT_IN]
        others = raw[len(vectors) :]
        differences = [
            np.abs(contract.output.probabilities(there) - contract.output.probabilities(own)).max()
            for there, own in zip(others, expected, strict=True)
        ]
        results.append(
            OnArm(
                bundle=str(folder),
                flavour=contract.flavour,
                processor=processor,
                runtime=f"{runtime} {version}",
                vectors=verify.compare(contract, litert.XNNPACK, raw[: len(vectors)], _MACHINE),
                built_in=verify.compare(contract, litert.BUILT_IN, built_in, _MACHINE),
                pictures=len(pictures),
                equal=sum(there == own for there, own in zip(others, expected, strict=True)),
                # np.max propagates NaN; Python's max may lose it.
                largest_difference=float(np.max(differences, initial=0)),
                allowed=contract.allowed(litert.XNNPACK, _MACHINE),
            )
        )
        reporter.progress(stage, len(results), len(combinations))
    return tuple(results)


def _outputs(
    bundle: Bundle, folder: Path, frames: Sequence[np.ndarray], processor: str, library: bytes | None
) -> tuple[str, dict[str, list[bytes]]]:
    """The runtime's version; and by kernels, the raw outputs: built-in ones for the golden vectors only."""
    dtype, vectors = np.dtype(bundle.contract.input.dtype), len(bundle.contract.golden.vectors)
    with tempfile.NamedTemporaryFile(suffix=".so") as file:
        file.write(library or b"")
        file.flush()
        answered = judges.ask(
            judges.ARM,
            folder / bundle.contract.model.file,
            [[frame[np.newaxis].astype(dtype)] for frame in frames],
            _SECONDS + _SECONDS_A_PICTURE * len(frames),
            str(vectors),
            *([file.name] if library else []),
            variables={"ARM_CPU": processor},
        )
    if answered.outputs is None:
        what = "the app's library" if library else "LiteRT"
        raise ToolError(f"{what} on the emulated {processor}: {answered.error}", "run make judges again")
    return str(answered.outputs["version"]), {
        kernels: [answered.outputs[f"{kernels}_{number}"].tobytes() for number in range(count)]
        for kernels, count in ((litert.XNNPACK, len(frames)), (litert.BUILT_IN, vectors))
    }
