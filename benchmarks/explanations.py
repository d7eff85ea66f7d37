"""How long a user waits for explanations and for the report.

Measured: explaining 100 held-out thumbnails of 1280×720 with the default backbone, Grad-CAM of the
Keras model and occlusion of the int8 file together, including loading TensorFlow; and the
report of a run with 600 held-out pictures. Reference of the first: the occlusion maps alone in one
thread, scaled from a tenth of them. Expected: under 40 s and under 15 s on 2 cores, and a report
under 10 MB.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from benchmarks import exported, measure
from benchmarks.measure import Figure
from export import artifacts
from export.conversion import convert
from export.explain import border, occlusion
from export.explain import explain as explaining
from export.report import report as reporting
from pipeline.core.progress import ProgressReporter
from pipeline.images.views import plain_view
from pipeline.tflite import interpreter as litert
from pipeline.training.experiment import Experiment

TRAIN, HELD_OUT, EXPLAINED = 40, 200, 100  # the first two per class
EXPLAIN_LIMIT_S, REPORT_LIMIT_S, REPORT_LIMIT_MB = 40, 15, 10
_TENTH = 10
_SETTINGS = ("train.epochs=30",)


def run(folder: Path) -> list[Figure]:
    """The two figures of this module."""
    place = folder / "explanations"
    place.mkdir()
    with contextlib.chdir(place):
        experiment = exported.experiment(TRAIN, HELD_OUT, _SETTINGS)
        made = experiment.run
        explained = measure.seconds(lambda: explaining.explain(experiment, ProgressReporter(), EXPLAINED))
        alone = _one_thread(experiment)
        reported = measure.seconds(lambda: reporting.report(made, ProgressReporter()))
        size = made.path(artifacts.REPORT).stat().st_size / 1e6
    return [
        Figure(
            f"explaining {EXPLAINED} pictures, both ways",
            f"{explained:.1f} s",
            f"occlusion maps alone, one thread: {alone:.1f} s, scaled from {_TENTH} pictures",
            f"{alone / explained:.1f}×",
            f"< {EXPLAIN_LIMIT_S} s",
            explained < EXPLAIN_LIMIT_S,
        ),
        Figure(
            f"report of a run with {3 * HELD_OUT} held-out pictures, {size:.1f} MB",
            f"{reported:.1f} s",
            "",
            "",
            f"< {REPORT_LIMIT_S} s, < {REPORT_LIMIT_MB} MB",
            reported < REPORT_LIMIT_S and size < REPORT_LIMIT_MB,
        ),
    ]


def _one_thread(experiment: Experiment) -> float:
    """Seconds that the maps of as many pictures take in one thread."""
    interpreter = litert.Interpreter(experiment.run.path(convert.file_name("int8")).read_bytes())
    begin = time.perf_counter()
    for picture in experiment.split.held_out[:_TENTH]:
        frame = plain_view(experiment.table.file(picture), experiment.frame)
        occlusion.occlude(interpreter, frame, border.mask(picture.width, picture.height, experiment.frame))
    return (time.perf_counter() - begin) * EXPLAINED / _TENTH
