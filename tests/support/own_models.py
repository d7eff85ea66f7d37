"""Keras classifiers as a user might bring them, with pictures and labels that fit them.

They tell colours apart by weights set by hand, so nothing is trained.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipeline.core.progress import ProgressReporter
from pipeline.core.quiet import quiet
from pipeline.core.size import Size
from tests.conftest import draw_picture
from tests.support import verbs

# In output order, which is not that of their names.
COLOURS = {"red": (230, 40, 30), "green": (30, 210, 50), "blue": (40, 30, 220)}
LABELS = tuple(COLOURS)
FRAME = Size(48, 32)
FILE = "mine.keras"
# Few pictures prove little, and two flavours are enough.
CONFIG = """
export.flavours = ["float32", "int8"]
export.calibration_pictures = 20
data.pictures = "pictures"
"""


def build(
    frame: Size | None = FRAME, outputs: int = len(LABELS), ending: str = "linear", seed: int = 0
) -> Any:
    """A classifier that takes -1 ... 1; `frame` is None where its size is left open."""
    with quiet():
        import keras

        rng = np.random.default_rng(seed)
        pixels = keras.Input((*(frame[::-1] if frame else (None, None)), 3), name="picture")
        x = keras.layers.Conv2D(48, 3, strides=2, padding="same")(pixels)
        x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
        both = [keras.layers.GlobalAveragePooling2D()(part) for part in (pixels, x)]
        x = keras.layers.Dropout(0.2)(keras.layers.Concatenate()(both))
        model = keras.Model(pixels, keras.layers.Dense(outputs, ending, name="answer")(x))
        kernel = rng.normal(0, 0.02, (51, outputs))
        kernel[:3, : min(3, outputs)] += 8 * np.eye(3)[:, : min(3, outputs)]
        model.get_layer("answer").set_weights([kernel.astype(np.float32), np.zeros(outputs, np.float32)])
    return model


def save(path: Path, *arguments: Any, **options: Any) -> Path:
    """The file of `build`."""
    build(*arguments, **options).save(path)
    return path


def draw_pictures(folder: Path, count: int = 24) -> None:
    """`folder/COLOUR/*.png`, drawn."""
    for place, (label, colour) in enumerate(COLOURS.items()):
        (folder / label).mkdir(parents=True)
        for number in range(count):
            pixels = draw_picture(60, 40, 100 * place + number, colour)
            Image.fromarray(pixels).save(folder / label / f"{number:02d}.png")


def fill(place: Path) -> None:
    """Writes `pictures/`, `labels.txt`, `mine.keras` and `given.toml` into a working directory."""
    draw_pictures(place / "pictures")
    (place / "labels.txt").write_text("".join(f"{label}\n" for label in LABELS), "utf-8")
    (place / "given.toml").write_text(CONFIG, "utf-8")
    save(place / FILE)


def words(*more: object, file: object = FILE) -> tuple[object, ...]:
    """The arguments of `tflite` that give the model."""
    return ("--keras", file, "--pictures", "given.toml", "--labels", "labels.txt", "--range=-1,1", *more)


def given(factory: Any) -> Path:
    """A working directory with a model that was given and exported as the run `mine`; not to be changed."""

    def make(place: Path) -> None:
        from export.conversion import convert
        from export.conversion.given import Given, configured, give, run_of
        from export.inspection import inspector
        from export.parity import parity

        fill(place)
        reporter = ProgressReporter()
        with contextlib.chdir(place):
            own = Given(Path(FILE), Path("given.toml"), LABELS, Path("labels.txt"), (-1.0, 1.0))
            config = configured(own)
            run = run_of(own, config)
            with run.locked():
                experiment = give(run, config, own, reporter)
                convert.convert(experiment, reporter)
                inspector.require(inspector.of_run(run, reporter))
                parity.parity(experiment, reporter)

    return verbs.made_once(factory, "given", make)
