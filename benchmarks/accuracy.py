"""What cached features cost in accuracy, on real pictures.

Measured: out-of-fold accuracy on flowers5 (below the folder that VIGNETTE_PICTURES names) with
heads trained on cached features: the plain view and four random ones, computed once. Reference,
the usual way: in every epoch, each picture is decoded fully, augmented afresh and sent through the
frozen Keras backbone, and Keras `fit` trains the same head on that for one epoch.

Both have the same pictures, folds, random ranges, head, optimizer, batch size and number of
epochs; both are scored on plain views after the last epoch, and none is chosen. The frozen
backbone gives the same features in every fold, so the usual way computes each new view once for all
folds that train on it. Expected: the paired
interval of the difference excludes a loss of a percentage point.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from benchmarks import measure
from benchmarks.measure import Figure
from pipeline.core import parallel
from pipeline.core.config import Config
from pipeline.core.progress import silent
from pipeline.core.quiet import quiet
from pipeline.core.sections import Data, Train
from pipeline.images import augment, decode
from pipeline.images.letterbox import letterbox
from pipeline.stats import intervals
from pipeline.training import backbones
from pipeline.training.experiment import Experiment

if TYPE_CHECKING:
    import keras

    from pipeline.training.heads import Examples

EPOCHS, FOLDS = 30, 5
MAX_LOSS = 0.01
_VARIABLE = "VIGNETTE_PICTURES"


def main() -> None:
    """Trains both ways and prints the table of docs/performance.md."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy")
    parser.add_argument("--folds", type=int, default=FOLDS)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--pictures", type=int, help="at most this many, each class in proportion; all")
    chosen = parser.parse_args()
    source = Path(os.environ.get(_VARIABLE, "")).absolute() / "flowers5"
    if not os.environ.get(_VARIABLE) or not source.is_dir():
        print(f"skipped: {_VARIABLE} does not name a folder with flowers5 in it")
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with tempfile.TemporaryDirectory(prefix="vignette-accuracy-") as folder, contextlib.chdir(folder):
        table = _table(source, Path("pictures.csv"), chosen.pictures)
        settings = Train(folds=chosen.folds, epochs=chosen.epochs, select_best_epoch=False)
        print(measure.HEADING + "\n" + _compare(Config(data=Data(pictures=str(table)), train=settings)).row())
    print(f"\n{measure.machine()}.")


def _table(source: Path, path: Path, count: int | None) -> Path:
    """Links the pictures into the working folder and lists those that take part."""
    path.with_suffix("").symlink_to(source)
    files = sorted(source.glob("*/*.*"))
    kept = files if count is None else [files[n * len(files) // count] for n in range(min(count, len(files)))]
    rows = [f"pictures/{file.parent.name}/{file.name},{file.parent.name}" for file in kept]
    path.write_text("\n".join(["path,label", *rows]) + "\n", "utf-8")
    return path


def _compare(config: Config) -> Figure:
    experiment = measure.experiment(config)
    n, epochs, folds = len(experiment.split.train), config.train.epochs, config.train.folds
    print(f"{n:,} training pictures, {folds} folds, {epochs} epochs, frame {experiment.frame}", flush=True)
    begin = time.perf_counter()
    examples = measure.examples(experiment)
    from pipeline.training import heads

    trainer = heads.HeadTrainer(
        examples.store.width, examples.classes, config.head, config.train, config.seed
    )
    cross_validation = heads.run_folds(trainer, examples, config, silent, "folds")
    cached = cross_validation.logits.argmax(1) == examples.truth
    print(f"cached features: {cached.mean():.4f} after {time.perf_counter() - begin:.0f} s", flush=True)
    begin = time.perf_counter()
    usual = _usual(experiment, examples) == examples.truth
    print(f"the usual way: {usual.mean():.4f} after {time.perf_counter() - begin:.0f} s", flush=True)
    gain = float(cached.mean() - usual.mean())
    low, high = intervals.drop(cached, usual, examples.groups)
    return Figure(
        f"out-of-fold accuracy, flowers5, n = {n:,}, {folds} folds × {epochs} epochs, cached features",
        f"{cached.mean():.3f}",
        f"fresh views in every epoch: {usual.mean():.3f}",
        f"{gain:+.4f} ({low:+.4f} to {high:+.4f}), predictions differ on {np.sum(cached != usual)}",
        f"loss < {MAX_LOSS}",
        low > -MAX_LOSS,
    )


def _usual(experiment: Experiment, examples: Examples) -> np.ndarray:
    """The out-of-fold answers of the usual way, shape (n,)."""
    with quiet():
        import keras

        config = experiment.config
        keras.utils.set_random_seed(config.seed)
        blocks = backbones.pooled_blocks(config.model, config.head)
        backbone = backbones.build(config.model, experiment.frame, config.seed, blocks)
    plain = _forward(backbone, experiment, epoch=0)
    inside = [examples.folds != fold for fold in range(config.train.folds)]
    models = [_head(plain[rows], examples.classes, config) for rows in inside]
    for epoch in range(1, config.train.epochs + 1):
        begin = time.perf_counter()
        fresh = _forward(backbone, experiment, epoch)
        for model, rows in zip(models, inside, strict=True):
            silent = cast("Any", 0)
            size = config.train.batch_size
            model.fit(fresh[rows], examples.truth[rows], batch_size=size, epochs=1, verbose=silent)
        print(f"  epoch {epoch}/{config.train.epochs}: {time.perf_counter() - begin:.0f} s", flush=True)
    predictions = np.zeros(len(plain), np.int64)
    for model, rows in zip(models, inside, strict=True):
        predictions[~rows] = np.asarray(model.predict_on_batch(plain[~rows])).argmax(1)
    return predictions


def _head(plain: np.ndarray, classes: int, config: Config) -> keras.Model:
    """One softmax layer with L2 on features standardized as the linear head does."""
    import keras

    layers = keras.layers
    standardized = layers.Normalization(
        mean=plain.mean(0), variance=np.full(plain.shape[1], plain.var(0).mean())
    )
    penalty = keras.regularizers.L2(config.head.l2)
    answer = layers.Dense(classes, "softmax", kernel_initializer="zeros", kernel_regularizer=penalty)
    model = keras.Sequential([keras.Input((plain.shape[1],)), standardized, answer])
    model.compile(keras.optimizers.Adam(config.train.learning_rate), "sparse_categorical_crossentropy")
    return model


def _forward(backbone: keras.Model, experiment: Experiment, epoch: int) -> np.ndarray:
    """Every picture decoded, prepared and sent through the backbone, float32, shape (n, width).

    Epoch 0 gives the plain views; every other epoch random ones of its own.
    """

    def view(picture: Any) -> np.ndarray:
        frame = letterbox(decode.read(experiment.table.file(picture)), experiment.frame)
        if not epoch:
            return frame
        # The cache's own views have the numbers up to config.augment.views.
        chance = augment.generator(experiment.config.seed, picture.sha256, 1000 + epoch)
        return augment.random_view(frame, experiment.config.augment, chance)

    frames = parallel.ordered(view, experiment.split.train)
    return np.concatenate([backbone.predict_on_batch(np.stack(part)) for part in _batched(frames, 32)])


def _batched(items: Iterable[Any], size: int) -> Iterable[list[Any]]:
    iterator = iter(items)
    while part := list(itertools.islice(iterator, size)):
        yield part


if __name__ == "__main__":
    main()
