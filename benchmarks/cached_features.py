"""What it saves to compute backbone features once.

Measured: 5 folds of 30 epochs on 600 drawn thumbnails (1280x720 JPEG), 5 views each,
EfficientNet-Lite0 in a frame of 224x128, with an empty cache: a new process, its imports, reading
every picture, the conversion of the backbone, the features and the folds.

Reference, the usual way: Keras `fit` of the same frozen backbone and a head on a tf.data
pipeline that decodes and augments in every epoch, with validation after each. It is set up
to be fast: JPEG decoding in parallel, batches prefetched (both AUTOTUNE), the backbone
with `training=False`, resizing without antialiasing, and no XLA, which is ten times slower here.
A few epochs of one fold are timed and scaled to all: start + 5 first epochs + 145 further ones.

Expected: at least 15 times faster; the aim is 30.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, cast

from benchmarks import measure
from benchmarks.measure import Figure
from pipeline.core.config import Config
from pipeline.core.quiet import quiet
from pipeline.core.sections import Augment, Data, Train
from pipeline.core.size import Size
from pipeline.data import synthetic
from pipeline.training import backbones

PICTURES = 600
FOLDS, EPOCHS = 5, 30
TIMED_EPOCHS = 4
TURNS = 3
LEAST = 15
FRAME = Size(224, 128)


def run(folder: Path) -> list[Figure]:
    """The one figure of this module; draws its pictures below `folder`."""
    drawn = folder / "thumbnails"
    synthetic.draw_channels(drawn, train=PICTURES // len(synthetic.CHANNELS), test=1)

    def cached() -> float:
        with tempfile.TemporaryDirectory(dir=folder) as empty:
            return measure.seconds(lambda: measure.child(__name__, "cached", str(drawn), folder=Path(empty)))

    def usual() -> float:
        begin = time.perf_counter()
        epochs = measure.child(__name__, "usual", str(drawn), folder=folder)["epochs"]
        start = time.perf_counter() - begin - sum(epochs)
        first, *further = epochs
        return start + FOLDS * (first + (EPOCHS - 1) * sum(further) / len(further))

    spreads = measure.in_turns({"cached": cached, "usual": usual}, TURNS)
    ratio = spreads["usual"].per(spreads["cached"])
    return [
        Figure(
            f"{FOLDS} folds × {EPOCHS} epochs, {PICTURES} thumbnails, 5 views, empty cache",
            spreads["cached"].text("{:.0f} s"),
            "decode, augment and backbone in every epoch "
            + spreads["usual"].text("{:.0f} s")
            + f", scaled from {TIMED_EPOCHS} epochs",
            ratio.text("{:.0f}×"),
            f"≥ {LEAST}×",
            ratio.median >= LEAST,
        )
    ]


def _cached(drawn: Path) -> dict[str, Any]:
    config = Config(
        data=Data(pictures=str(drawn)),
        augment=Augment(views=4),
        train=Train(folds=FOLDS, epochs=EPOCHS, select_best_epoch=False),
    )
    with quiet():
        from pipeline.training import heads
    experiment = measure.experiment(config)
    examples = measure.examples(experiment)
    if experiment.frame != FRAME or len(examples.truth) != PICTURES:
        raise RuntimeError(f"not the same work. Received: frame={experiment.frame}, n={len(examples.truth)}")
    trainer = heads.HeadTrainer(examples.store.width, examples.classes, config.head, config.train, 0)
    cross_validation = heads.run_folds(trainer, examples, config, lambda *_: None, "folds")
    return {"accuracy": float((cross_validation.logits.argmax(1) == examples.truth).mean())}


def _usual(drawn: Path) -> dict[str, Any]:
    with quiet():
        import keras
        import tensorflow as tf

    config = Config(data=Data(pictures=str(drawn)))
    layers, chance = keras.layers, config.augment
    files = sorted(str(path) for path in drawn.glob("train/*/*.jpg"))
    labels = sorted({Path(file).parent.name for file in files})
    truth = [labels.index(Path(file).parent.name) for file in files]
    views = keras.Sequential(
        [
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(chance.rotation, fill_mode="constant"),
            layers.RandomZoom(chance.zoom, fill_mode="constant"),
            layers.RandomBrightness(chance.brightness),
            layers.RandomContrast(chance.contrast),
            layers.RandomSaturation((0.5 - chance.saturation / 2, 0.5 + chance.saturation / 2)),
        ]
    )

    def load(file: Any, label: Any) -> tuple[Any, Any]:
        picture = tf.io.decode_jpeg(tf.io.read_file(file), channels=3)
        return tf.image.resize_with_pad(picture, FRAME.height, FRAME.width), label

    def batches(numbers: list[int], *, training: bool) -> Any:
        chosen = ([files[n] for n in numbers], [truth[n] for n in numbers])
        data = tf.data.Dataset.from_tensor_slices(chosen)
        data = data.shuffle(len(numbers)) if training else data
        data = data.map(load, tf.data.AUTOTUNE).batch(config.train.batch_size)
        if training:
            data = data.map(lambda x, y: (views(x, training=True), y), tf.data.AUTOTUNE)
        return data.prefetch(tf.data.AUTOTUNE)

    backbone = backbones.build(config.model, FRAME, config.seed)
    picture = keras.Input((FRAME.height, FRAME.width, 3))
    answer = layers.Dense(len(labels), "softmax")(backbone(picture, training=False))
    model = keras.Model(picture, answer)
    model.compile(
        "adam", "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=cast("Any", False)
    )

    marks: list[float] = []
    clock = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda *_: marks.append(time.perf_counter()),
        on_epoch_end=lambda *_: marks.append(time.perf_counter()),
    )
    history = model.fit(
        batches([n for n in range(len(files)) if n % FOLDS], training=True),
        validation_data=batches([n for n in range(len(files)) if n % FOLDS == 0], training=False),
        epochs=TIMED_EPOCHS,
        verbose=cast("Any", 0),
        callbacks=[clock],
    )
    epochs = [end - begin for begin, end in zip(marks[::2], marks[1::2], strict=True)]
    return {"epochs": epochs, "accuracy": history.history["val_accuracy"][-1]}


if __name__ == "__main__":
    ways = {"cached": _cached, "usual": _usual}
    print(json.dumps(ways[sys.argv[1]](Path(sys.argv[2]))))
