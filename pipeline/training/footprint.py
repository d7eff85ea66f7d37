"""How fast and how large a model's int8 file is, before the model is trained.

Neither depends on what the head learns, so the file of an untrained head is measured. The measurement is of
this computer, and cached.
"""

from __future__ import annotations

import platform

import numpy as np

from pipeline.core import files, locks, runs, stages
from pipeline.core.config import Config
from pipeline.core.documents import Document
from pipeline.core.progress import Progress
from pipeline.core.quiet import quiet
from pipeline.core.size import Size
from pipeline.tflite import convert as tflite
from pipeline.tflite import interpreter as litert
from pipeline.training import backbones
from pipeline.training.features import LIBRARIES

_WARM_UP_RUNS, _ROUNDS, _RUNS = 10, 5, 20


class Footprint(Document):
    """footprint.json: the time one thread takes for one picture with XNNPACK, and the size of the file.

    The time is the median of a round of runs; of several rounds, the fastest, which other work on the
    computer disturbed least.
    """

    latency_ms: float
    size_bytes: int


def measure(config: Config, frame: Size, classes: int, progress: Progress) -> Footprint:
    """The footprint of the model that a configuration describes, from the cache or measured now.

    Args:
        config: Names the backbone and the head.
        frame: The model's input size, in pixels.
        classes: The number of labels.
        progress: Called before and after the conversion.

    Raises:
        WeightsError: The backbone's weights are unavailable.
        ConversionError: It cannot be converted.
    """
    blocks = backbones.pooled_blocks(config.model, config.head)
    settings = {
        "backbone": config.model.backbone,
        "alpha": config.model.alpha,
        "frame": str(frame),
        "blocks": list(blocks),
        "head": [config.head.kind, config.head.units],
        "classes": classes,
        "computer": platform.node(),
    }
    recipe = stages.recipe("footprint", {"weights": backbones.weights_key(config.model)}, settings, LIBRARIES)
    cache = runs.Run(runs.CACHE / recipe.key)

    def build() -> None:
        stage = f"measuring the int8 file of {config.model.backbone} at {frame}"
        progress(stage, 0, 1)
        data = _untrained(config, frame, classes, blocks)
        interpreter = litert.Interpreter(data)
        picture = _noise(frame, 1)[0]
        for _ in range(_WARM_UP_RUNS):
            interpreter.run(picture)
        rounds = [
            float(np.median([interpreter.milliseconds(picture) for _ in range(_RUNS)]))
            for _ in range(_ROUNDS)
        ]
        cache.write(Footprint(latency_ms=min(rounds), size_bytes=len(data)), stages.FOOTPRINT)
        progress(stage, 1, 1)

    files.make_folder(cache.folder)
    with locks.waiting_for(cache.folder):
        cache.make(recipe, build)
        return cache.read(Footprint, stages.FOOTPRINT)


def _untrained(config: Config, frame: Size, classes: int, blocks: tuple[str, ...]) -> bytes:
    """The int8 file with a random head, calibrated on noise."""
    with quiet():
        import keras

        from pipeline.training import classifier

        network = backbones.build(config.model, frame, config.seed, blocks)
        model = classifier.build_classifier(network, classes, config.head, config.seed)
        random = np.random.default_rng(config.seed)
        for layer in model.layers:
            # A head of zeros has no range to quantize.
            if isinstance(layer, keras.layers.Dense):
                layer.set_weights([random.normal(0, 0.05, array.shape) for array in layer.get_weights()])
    frames = [np.zeros_like(_noise(frame, 1)[0]), np.full_like(_noise(frame, 1)[0], 255), *_noise(frame, 2)]
    batches = [[picture[np.newaxis].astype(np.float32)] for picture in frames]
    return tflite.convert(model, lambda converter: tflite.set_int8(converter, lambda: iter(batches)))


def _noise(frame: Size, count: int) -> np.ndarray:
    """Random pictures: RGB, uint8, shape (count, height, width, 3)."""
    return np.random.default_rng(0).integers(0, 256, (count, frame.height, frame.width, 3), np.uint8)
