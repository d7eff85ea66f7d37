"""Whether memory stays flat as the number of pictures grows.

Measured: peak anonymous memory (RssAnon, sampled every 2 ms) beyond what the imports took,
in feature extraction (5 views, EfficientNet-Lite0, its 1280 features) and in training
the folds. Pictures and frame are small to make it quick; the features have their real size.
Reference: the same with a tenth of the pictures. Expected: the peak grows by less than 100 MB.

Each stage runs in its own process, and the backbone is converted in an earlier one: memory freed by
the converter would hide growth.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import threading
from pathlib import Path

from benchmarks import measure
from benchmarks.measure import Figure
from pipeline.core.config import Config
from pipeline.core.quiet import quiet
from pipeline.core.sections import Augment, Data, Model, Train
from pipeline.core.size import Size
from pipeline.data import synthetic
from pipeline.training import features

FEW, MANY = 500, 5000
LIMIT_MB = 100
EPOCHS = 20
_PICTURE = Size(320, 180)
_EVERY_S = 0.002


def run(folder: Path) -> list[Figure]:
    """One figure for each stage; draws its pictures below `folder`."""
    channels = len(synthetic.CHANNELS)
    drawn = {count: folder / f"small{count}" for count in (FEW, MANY)}
    for count, pictures in drawn.items():
        # The last picture of each class is held out.
        synthetic.draw_channels(pictures, train=-(-count // channels), test=1, size=_PICTURE)
    peaks = {}
    with tempfile.TemporaryDirectory(dir=folder) as cache:
        measure.child(__name__, "convert", str(drawn[FEW]), folder=Path(cache))
        for count in (FEW, MANY):
            with tempfile.TemporaryDirectory(dir=folder) as work:
                shutil.copytree(cache, work, dirs_exist_ok=True)
                for stage in ("features", "folds"):
                    peaks[stage, count] = measure.child(
                        __name__, stage, str(drawn[count]), folder=Path(work)
                    )["peak_mb"]
    figures = []
    for stage, words in (("features", "feature extraction, 5 views"), ("folds", "training the folds")):
        few, many = peaks[stage, FEW], peaks[stage, MANY]
        figures.append(
            Figure(
                f"peak memory of {words}, {MANY:,} pictures",
                f"{many:.0f} MB",
                f"{FEW} pictures: {few:.0f} MB",
                f"{many / few:.2f}×, {many - few:+.0f} MB",
                f"< {LIMIT_MB} MB more",
                many - few < LIMIT_MB,
            )
        )
    return figures


def _config(pictures: str) -> Config:
    return Config(
        data=Data(pictures=pictures),
        model=Model(input="96x64"),
        augment=Augment(views=4),
        train=Train(folds=5, epochs=EPOCHS, select_best_epoch=False),
    )


class _Peak(threading.Thread):
    """Samples the anonymous memory of this process until it is stopped."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._stopped = threading.Event()
        self.first_mb = self.peak_mb = _anonymous_mb()

    def run(self) -> None:
        while not self._stopped.wait(_EVERY_S):
            self.peak_mb = max(self.peak_mb, _anonymous_mb())

    def stop(self) -> float:
        """The peak above the first sample, in MB."""
        self._stopped.set()
        self.join()
        return max(self.peak_mb, _anonymous_mb()) - self.first_mb


def _anonymous_mb() -> float:
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.split("RssAnon:")[1].split()[0]) / 1000


def _stage(name: str, pictures: str) -> dict[str, float]:
    config = _config(pictures)
    if name == "convert":
        experiment = measure.experiment(config)
        features.compute(config, experiment.frame, experiment.table, experiment.split.held_out)
        # The backbone stays in the cache, its first features do not.
        for path in Path.cwd().rglob("records.bin"):
            path.unlink()
        shutil.rmtree(experiment.run.folder)
        return {}
    if name == "folds":
        with quiet():
            from pipeline.training import heads
        peak = _Peak()
        peak.start()
        examples = measure.examples(measure.experiment(config))
        trainer = heads.HeadTrainer(
            examples.store.width, examples.classes, config.head, config.train, config.seed
        )
        heads.run_folds(trainer, examples, config, lambda *_: None, name)
        return {"peak_mb": peak.stop()}
    peak = _Peak()
    peak.start()
    experiment = measure.experiment(config)
    features.compute(config, experiment.frame, experiment.table, experiment.split.train)
    return {"peak_mb": peak.stop()}


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    print(json.dumps(_stage(*sys.argv[1:])))
