"""Runs a .tflite on an emulated ARM processor: the judge of what a phone computes.

    .venv-arm/bin/python judges/arm.py MODEL FOLDER COUNT [LIBRARY]

LiteRT's wheel runs it, or LIBRARY, the app's native library. FOLDER/inputs.npz holds the input tensor of each
call, named CALL_0. XNNPACK runs them all, and the built-in kernels the first COUNT. The outputs go to
answers.npz, named XNNPACK_CALL and built-in_CALL, with the runtime's `version`; or the reason why there are
none, in one line, to error.txt.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

_BIONIC = Path(sys.prefix).parent.parent / "bionic.so"


def main(model: str, folder: Path, count: int, library: Path | None = None) -> None:
    """Runs every call in FOLDER."""
    try:
        version, run = _app(library, folder) if library else _litert()
        with np.load(folder / "inputs.npz", allow_pickle=False) as inputs:
            tensors = [inputs[f"{number}_0"] for number in range(len(inputs.files))]
        answers = {"version": np.array(version)}
        for kernels, asked in (("XNNPACK", tensors), ("built-in", tensors[:count])):
            for number, output in enumerate(run(model, asked, kernels == "XNNPACK")):
                answers[f"{kernels}_{number}"] = output
        np.savez(folder / "answers.npz", **answers)
    except (OSError, AttributeError, ValueError, RuntimeError, MemoryError, struct.error) as error:
        (folder / "error.txt").write_text(" ".join(str(error).split()) or type(error).__name__, "utf-8")


_Run = Callable[[str, Sequence[np.ndarray], bool], Sequence[np.ndarray]]


def _app(path: Path, folder: Path) -> tuple[str, _Run]:
    from app_library import Library

    library = Library(path, folder, _BIONIC)
    return library.version, library.run


def _litert() -> tuple[str, _Run]:
    from importlib.metadata import version

    from ai_edge_litert import interpreter as runtime

    kinds = runtime.OpResolverType

    def run(model: str, inputs: Sequence[np.ndarray], xnnpack: bool) -> list[np.ndarray]:
        kind = kinds.AUTO if xnnpack else kinds.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        reader = runtime.Interpreter(model, num_threads=1, experimental_op_resolver_type=kind)
        reader.allocate_tensors()
        (taken,), (given,) = reader.get_input_details(), reader.get_output_details()
        outputs = []
        for tensor in inputs:
            reader.set_tensor(taken["index"], tensor)
            reader.invoke()
            outputs.append(reader.get_tensor(given["index"]))
        return outputs

    return version("ai-edge-litert"), run


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), *map(Path, sys.argv[4:]))
