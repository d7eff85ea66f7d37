"""Runs a .tflite by LiteRT on an emulated ARM processor: the judge of what a phone computes.

    .venv-arm/bin/python judges/arm.py MODEL FOLDER COUNT

FOLDER/inputs.npz holds the input tensor of every call, named CALL_0. XNNPACK runs them all, and the built-in
kernels the first COUNT. The outputs go to answers.npz, named XNNPACK_CALL and built-in_CALL, or the reason
why there are none, in one line, to error.txt.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main(model: str, folder: Path, count: int) -> None:
    """Runs every call in FOLDER."""
    import numpy as np
    from ai_edge_litert import interpreter as runtime

    resolver = runtime.OpResolverType
    predictions = {}
    try:
        with np.load(folder / "inputs.npz", allow_pickle=False) as inputs:
            for kernels, kind, calls in (
                ("XNNPACK", resolver.AUTO, len(inputs.files)),
                ("built-in", resolver.BUILTIN_WITHOUT_DEFAULT_DELEGATES, count),
            ):
                reader = runtime.Interpreter(model, num_threads=1, experimental_op_resolver_type=kind)
                reader.allocate_tensors()
                (taken,), (given,) = reader.get_input_details(), reader.get_output_details()
                for number in range(calls):
                    reader.set_tensor(taken["index"], inputs[f"{number}_0"])
                    reader.invoke()
                    predictions[f"{kernels}_{number}"] = reader.get_tensor(given["index"])
        np.savez(folder / "answers.npz", **predictions)
    except (ValueError, RuntimeError, MemoryError) as error:
        (folder / "error.txt").write_text(" ".join(str(error).split()) or type(error).__name__, "utf-8")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
