"""Pictures of which only one region tells anything: both maps must point at it.

The ground is grey noise; somewhere lies a square of three cells a side with a colour and a pattern,
and the class is which. The strongest cell must lie in it or one cell beside, in 95% of the pictures.
A fourth class has nothing but the ground. Without it one of the others would be what the model says
to anything, and covering the region would rightly change nothing.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from export import artifacts
from export.conversion import convert
from export.explain import border, gradcam, occlusion
from export.explain.occlusion import CELL
from pipeline.core import config as configuration
from pipeline.core import files, runs, stages
from pipeline.core.progress import ProgressReporter
from pipeline.core.quiet import quiet
from pipeline.tflite import interpreter as litert
from pipeline.training import experiment as experiments
from pipeline.training import train
from tests.support import verbs

pytestmark = pytest.mark.slow

FRAMES = {"lying": (224, 128), "square": (224, 224)}
REGION = 3 * CELL
TOLD = 0.95
NOTHING = 3


def drawn(label: int, seed: int, size: tuple[int, int]) -> tuple[np.ndarray, tuple[int, int]]:
    """A picture, and the left upper corner (x, y) of its region."""
    numbers = np.random.default_rng([label, seed])
    width, height = size
    pixels = numbers.normal(128, 10, (height, width, 1)).repeat(3, 2)
    if label == NOTHING:
        return pixels.clip(0, 255).astype(np.uint8), (0, 0)
    x, y = int(numbers.integers(0, width - REGION + 1)), int(numbers.integers(0, height - REGION + 1))
    colours = ((230, 30, 30), (30, 200, 40), (40, 60, 235))
    places = np.arange(REGION)
    stripes = (places[:, None] // 8 + (places // 8) * label) % 2
    region = np.where(stripes[..., None], colours[label], 235)
    pixels[y : y + REGION, x : x + REGION] = region + numbers.normal(0, 8, region.shape)
    return pixels.clip(0, 255).astype(np.uint8), (x, y)


def hit(cells: np.ndarray, corner: tuple[int, int], size: tuple[int, int]) -> bool:
    """Whether the middle of the strongest cell lies in the region, or at most one cell beside."""
    row, column = np.unravel_index(int(cells.argmax()), cells.shape)
    x, y = (column + 0.5) * size[0] / cells.shape[1], (row + 0.5) * size[1] / cells.shape[0]
    return (
        corner[0] - CELL <= x <= corner[0] + REGION + CELL
        and corner[1] - CELL <= y <= corner[1] + REGION + CELL
    )


def shares(place: Path, frame: tuple[int, int], backbone: str, *more: str) -> tuple[float, float]:
    """The share of right maps: Grad-CAM of the Keras model, occlusion of the int8 file."""
    for label in range(4):
        folder = place / "pictures" / "abcd"[label]
        folder.mkdir(parents=True)
        for seed in range(40):
            Image.fromarray(drawn(label, seed, frame)[0]).save(folder / f"{seed:03d}.png")
    settings = [
        f"model.backbone={backbone}",
        f"model.input={frame[0]}x{frame[1]}",
        'export.flavours=["int8"]',
        "augment.views=0",
        "train.epochs=20",
        "export.calibration_pictures=20",
        *more,
    ]
    with contextlib.chdir(place):
        run = runs.Run(runs.RUNS / "truth")
        config = configuration.load(Path("pictures"), [*verbs.TINY, *settings])
        files.make_folder(run.folder)
        train.train(run, config, ProgressReporter())
        convert.convert(experiments.open_trained(run), ProgressReporter())
        with quiet():
            from pipeline.training import classifier

            model = classifier.load(run.path(stages.MODEL))
        data = run.path(artifacts.EXPORT, "int8", "model_int8.tflite").read_bytes()
    tests = [(label, *drawn(label, 1000 + seed, frame)) for label in range(3) for seed in range(20)]
    looked = gradcam.looks(
        model, [pixels for _, pixels, _ in tests], np.array([label for label, _, _ in tests])
    )
    edge = border.mask(*frame, litert.Interpreter(data).frame)
    interpreter = litert.Interpreter(data)
    occluded = [occlusion.occlude(interpreter, pixels, edge) for _, pixels, _ in tests]
    assert (
        np.mean([found.label == label for found, (label, _, _) in zip(occluded, tests, strict=True)]) > 0.95
    )
    return (
        float(
            np.mean(
                [hit(look.cells, corner, frame) for look, (_, _, corner) in zip(looked, tests, strict=True)]
            )
        ),
        float(
            np.mean(
                [hit(one.cells, corner, frame) for one, (_, _, corner) in zip(occluded, tests, strict=True)]
            )
        ),
    )


@pytest.mark.parametrize("frame", list(FRAMES.values()), ids=list(FRAMES))
def test_both_maps_point_at_the_only_region_that_tells_anything(tmp_path, frame):
    by_gradient, by_covering = shares(tmp_path, frame, "tiny")
    assert by_gradient >= TOLD
    assert by_covering >= TOLD


def test_both_maps_point_there_with_the_pretrained_backbone(tmp_path):
    by_gradient, by_covering = shares(
        tmp_path, FRAMES["lying"], "efficientnet_lite0", "export.compensate=false"
    )
    assert by_gradient >= TOLD
    assert by_covering >= TOLD
