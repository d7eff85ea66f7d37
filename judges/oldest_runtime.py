"""Runs a .tflite in tflite-runtime 2.14, in its own environment: the judge of the oldest runtime.

    .venv-oldest/bin/python judges/oldest_runtime.py MODEL FOLDER SECONDS BYTES

FOLDER/inputs.npz holds the input tensors of every call, named CALL_INPUT. The outputs go to
answers.npz in the same form, or the reason why there are none, in one line, to error.txt. The file may
come from a stranger, so time and memory are limited.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path


def main(model: str, folder: Path, seconds: int, most_bytes: int) -> None:
    """Runs every call in FOLDER."""
    for kind, most in ((resource.RLIMIT_CPU, seconds), (resource.RLIMIT_AS, most_bytes)):
        resource.setrlimit(kind, (most, most))
    import numpy as np
    from tflite_runtime import interpreter as runtime

    try:
        reader = runtime.Interpreter(
            model_path=model,
            num_threads=1,
            experimental_op_resolver_type=runtime.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        predictions = {}
        with np.load(folder / "inputs.npz", allow_pickle=False) as inputs:
            for number, tensor in enumerate(reader.get_input_details()):
                shape = inputs[f"0_{number}"].shape
                if shape != tuple(tensor["shape"]):  # the file leaves a side open
                    reader.resize_tensor_input(tensor["index"], shape)
            reader.allocate_tensors()
            calls = sorted({int(name.split("_")[0]) for name in inputs.files})
            for call in calls:
                for number, tensor in enumerate(reader.get_input_details()):
                    reader.set_tensor(tensor["index"], inputs[f"{call}_{number}"])
                reader.invoke()
                for number, tensor in enumerate(reader.get_output_details()):
                    predictions[f"{call}_{number}"] = reader.get_tensor(tensor["index"])
        np.savez(folder / "answers.npz", **predictions)
    except (ValueError, RuntimeError, KeyError, MemoryError) as error:
        (folder / "error.txt").write_text(" ".join(str(error).split()) or type(error).__name__, "utf-8")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
