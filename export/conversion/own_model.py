"""A user's own Keras classifier: opened without running its code, checked, and led to the house's border.

Whatever a model expects, the one that comes out takes RGB pixels 0 ... 255 of one fixed size and gives
probabilities. What a .keras file is, without Keras, is told by `model_file.keras_archive`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import numpy as np

from export.model_file import file_kind, keras_archive
from pipeline.core import stages
from pipeline.core.errors import DataError, UsageError
from pipeline.core.quiet import quiet
from pipeline.core.runs import Run
from pipeline.core.size import Size
from pipeline.data import stored_table
from pipeline.training.results import Frame, GivenModel

if TYPE_CHECKING:
    import keras

RAW = (0.0, 255.0)
# Float32 answers of a softmax add up to one within this.
_SUM_SLACK = 1e-3


class OwnModel(NamedTuple):
    """A user's model of one RGB picture and one vector, as its file has it.

    Attributes:
        path: The file.
        model: In Keras.
        frame: Of its input.
        outputs: How many numbers it answers with.
    """

    path: Path
    model: keras.Model
    frame: Size
    outputs: int

    def differences(self, labels: Sequence[str], frame: Size) -> list[str]:
        """What differs from other labels and another frame, each as the end of a sentence."""
        found = []
        if self.outputs != len(labels):
            named = f"{_count(len(labels), 'label')} ({', '.join(labels)})"
            found.append(f"it has {_count(self.outputs, 'output')}, not one for each of {named}")
        if self.frame != frame:
            found.append(f"it takes {self.frame}, not {frame}")
        return found


def load(path: Path, size: Size | None = None) -> OwnModel:
    """The model in a .keras file.

    Args:
        path: The file.
        size: Of its input, where the file leaves that open.

    Raises:
        DataError: The file is missing, damaged or of another kind, needs code of its own, or does not
            take one RGB picture and give one vector.
        UsageError: `size` is missing, or not the file's.
    """
    model = _open(path)
    frame = _frame(path, model, size)
    return OwnModel(path, model, frame, _outputs(path, model, frame))


def check_labels(own: OwnModel, labels: Sequence[str], where: str) -> None:
    """Raises DataError if a model has not one output per label; `where` says what names the labels."""
    if own.outputs == len(labels):
        return
    raise DataError(
        f"{own.path} has {_count(own.outputs, 'output')}, but {where} names {_count(len(labels), 'label')}",
        "train it with two outputs and a softmax"
        if own.outputs == 1
        else "name one label per output, in output order",
    )


def refuse(own: OwnModel, run: Run) -> NoReturn:
    """Raises DataError, for a verb that takes a .tflite: how the model differs from a run's."""
    table = stored_table.load(run, Path(run.config().data.pictures))
    given = run.read(GivenModel, stages.GIVEN) if run.model_was_given else None
    found = own.differences(given.labels if given else table.labels, run.read(Frame, stages.FRAME).size)
    against = (
        f"unlike the model of {run.folder}, {' and '.join(found)}"
        if found
        else (f"it has as many outputs and the same frame as the model of {run.folder}")
    )
    raise DataError(f"{own.path} is not a .tflite: it is a Keras model; {against}", file_kind.GIVE_KERAS)


def classifier(own: OwnModel, limits: tuple[float, float] = RAW) -> tuple[keras.Model, bool]:
    """The model with pixels in and probabilities out, and whether that took a softmax of its own.

    Args:
        own: As `load` returns it.
        limits: What it expects for the pixels 0 and 255.

    Returns:
        Input: RGB, float32, 0 ... 255, shape (batch, height, width, 3). Output: probabilities, float32,
        shape (batch, classes).

    Raises:
        DataError: It gives neither probabilities nor logits.
    """
    with quiet():
        import keras

        frame, (low, high) = own.frame, limits
        pixels = scaled = keras.Input((frame.height, frame.width, 3), name="pixels")
        if limits != RAW:
            scaled = keras.layers.Rescaling((high - low) / 255, low, name="range")(pixels)
        answers = own.model(scaled, training=False)
        model = keras.Model(pixels, answers, name="classifier")
        rows = _probe(model, frame)
        if _probabilities(rows):
            return model, False
        _check_linear(own, rows)
        softmax = keras.layers.Softmax(name="softmax_added")
        return keras.Model(pixels, softmax(answers), name="classifier"), True


def _open(path: Path) -> keras.Model:
    what = file_kind.describe(path)
    described = keras_archive.read(path)
    if described is None or described.damage:
        raise DataError(
            f"{path} is {what}" + ("" if described else ", not a .keras model"),
            "save it again: model.save(FILE.keras)"
            if described
            else 'save it like this: keras.models.load_model(FILE, compile=False).save("FILE.keras")',
        )
    if described.own_code:
        raise DataError(
            f"{path} needs code that is not in Keras: {', '.join(described.own_code)}",
            "no code of a file is run here; build these parts of Keras's own layers",
        )
    with quiet():
        import keras

        try:
            model = keras.models.load_model(path, compile=False, safe_mode=True)
        except Exception as error:  # Keras raises whatever its parts do
            reason = str(error).strip().split("\n", 1)[0] or type(error).__name__
            raise DataError(
                f"{path} is a damaged Keras model, or one of another version of Keras: {reason}",
                "save it again with this version: model.save(FILE.keras)",
            ) from error
        if not isinstance(model, keras.Model):
            raise DataError(f"{path} holds a {type(model).__name__}, not a model", "save the whole model")
    return model


def _frame(path: Path, model: Any, size: Size | None) -> Size:
    shape = getattr(model, "input_shape", None)
    if not (isinstance(shape, tuple) and len(shape) == 4 and shape[3] == 3):
        raise DataError(
            f"{path} does not take one RGB picture: its input is {shape}",
            "expected (batch, height, width, 3)",
        )
    height, width = shape[1:3]
    if size is None:
        if height is None or width is None:
            raise UsageError(
                f"{path} leaves its input size open", "give it: --size WIDTHxHEIGHT, as the model was trained"
            )
        return Size(width, height)
    if size != (width or size.width, height or size.height):
        raise UsageError(f"--size {size}: {path} takes {width or 'any'}x{height or 'any'}", "omit --size")
    return size


def _outputs(path: Path, model: Any, frame: Size) -> int:
    shape = model.compute_output_shape((1, frame.height, frame.width, 3))
    if not (isinstance(shape, tuple) and len(shape) == 2 and isinstance(shape[1], int)):
        raise DataError(
            f"{path} is not a classifier: its output is {shape}", "expected one vector, a number per class"
        )
    return shape[1]


def _probe(model: keras.Model, frame: Size) -> np.ndarray:
    """Answers to black, white and noise: what adds up to 1 for all of them does so by its form."""
    shape = (3, frame.height, frame.width, 3)
    pictures = np.random.default_rng(0).integers(0, 256, shape).astype(np.float32)
    pictures[0], pictures[1] = 0, 255
    return np.asarray(model.predict_on_batch(pictures), np.float32)


def _probabilities(rows: np.ndarray) -> bool:
    return bool((np.abs(rows.sum(1) - 1) < _SUM_SLACK).all() and rows.min() >= -_SUM_SLACK)


def _check_linear(own: OwnModel, rows: np.ndarray) -> None:
    """Refuses answers that are neither probabilities nor logits."""
    if not np.isfinite(rows).all():
        raise DataError(
            f"{own.path} answers black, white or noise with numbers that are not finite", "train it again"
        )
    with quiet():
        import keras

    last: Any = own.model
    while isinstance(last, keras.Model):
        # A model inside a model answers with its own last layer.
        last = last.outputs[0]._keras_history.operation if last.outputs else None  # noqa: SLF001 - no other way
    activation = getattr(last, "activation", None)
    if activation is not keras.activations.linear:
        ends = getattr(activation, "__name__", type(last).__name__)
        raise DataError(
            f"{own.path} does not give probabilities: its last layer ends with {ends}, and its answers add "
            f"up to {rows.sum(1).min():.3g} to {rows.sum(1).max():.3g}",
            "end it with a softmax, or with a linear layer: then a softmax is added",
        )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
