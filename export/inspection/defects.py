"""What is wrong with a .tflite whatever its name, and what is merely worth knowing, in words."""

from __future__ import annotations

from export.inspection.examination import Examination
from export.model_file import flavours
from export.model_file.structure import short
from pipeline.core.sections import INT8


def defects(examined: Examination) -> list[str]:
    """What makes a file unusable."""
    structure, trial = examined.structure, examined.trial
    operators = ", ".join(structure.custom)
    if structure.chip:
        return [f"it is compiled for {structure.chip} ({operators}) and runs only there"]
    if structure.custom and not trial.runs:
        if all(name.startswith("Flex") for name in structure.custom):
            return [f"it does not run in LiteRT: it needs TensorFlow's own operators ({operators})"]
        return [f"it does not run in LiteRT, which lacks its custom operators ({operators})"]
    reasons = []
    if structure.variables:
        names = ", ".join(structure.variables)
        reasons.append(f"it reads variables ({names}) instead of containing its weights")
    elif structure.bare_count:
        part = "all" if structure.bare_count == structure.layers else f"{structure.bare_count} of"
        layers = f"{part} {structure.layers} layers lack theirs"
        reasons.append(
            f"it does not contain its weights: {layers} (such as {short(structure.bare_layers[0])})"
        )
    elif structure.weights == "nothing":
        reasons.append("it contains no weights: not a classifier")
    if not trial.runs:
        reasons.append(f"it does not run in LiteRT: {trial.words}")
    elif not trial.finite:
        reasons.append("its answers to black, white or random pictures are not finite")
    return reasons


def remarks(examined: Examination) -> list[str]:
    """What is worth knowing about a file, but no reason to refuse it."""
    structure, notes = examined.structure, []
    if examined.trial.constant:
        notes.append("it gives the same answer to black, white and random pictures")
    if flavours.kind(structure) == INT8:
        sides = {tensor.dtype for tensor in (*structure.inputs, *structure.outputs)}
        if "float32" in sides:
            notes.append("its input or output is float32; it calculates in integers inside")
    if not structure.batch_is_fixed:
        shapes = [" x ".join(map(str, tensor.shape)) for tensor in (examined.calls or [()])[0]]
        tried = f"; tested with an input of {' and '.join(shapes)}" if shapes else ""
        notes.append(f"its input or output has a dynamic dimension{tried}")
    if examined.metadata:
        notes.extend(examined.metadata.problems)
    return notes
