"""What many tests need: drawn pictures, small data sets, a place for runs, and real things where they are."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline.core import parallel

if TYPE_CHECKING:
    import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

_NOBODY = 65534
_WORKER_BYTES = 2_200_000_000  # of memory, at most

# What takes longest begins first, so that no core waits for another at the end; then files with slow tests.
_LONGEST = (
    "tests/journeys/",
    "tests/android_demo/test_app.py",
    "tests/faults/",
    "tests/test_conventions.py",
)


def _keep_to_one_core() -> None:
    """Keeps a worker to one core, so that its libraries start one thread each instead of waiting for others.

    Called before any of them is imported.
    """
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        cores = parallel.cores()
        parallel.keep_to(int(worker.removeprefix("gw")) % cores, cores)


_keep_to_one_core()
gc.set_threshold(10_000)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    """Each worker begins with other files, so that pytest rewrites each file in one of them, not in all."""
    report = yield
    if isinstance(collector, pytest.Directory) and (worker := os.environ.get("PYTEST_XDIST_WORKER")):
        number, of = int(worker.removeprefix("gw")), int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
        begin = len(report.result) * number // of
        report.result = report.result[begin:] + report.result[:begin]
    return report


def pytest_collection_finish() -> None:
    """Exempts what is imported by now from garbage collection, since it stays."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """What `-n auto` means: two more than cores, since some tests wait for processes, servers and kills.

    With little memory, fewer. With psutil, which Dask brings, xdist would count two cores as one.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(1, min(parallel.cores() + 2, memory // _WORKER_BYTES))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Orders the files: with `--dist loadfile --no-loadscope-reorder` they are handed out in this order."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}

    def rank(item: pytest.Item) -> tuple[int, Path]:
        for number, beginning in enumerate(_LONGEST):
            if item.nodeid.startswith(beginning):
                return number, item.path
        return len(_LONGEST) + (item.path not in slow), item.path

    items.sort(key=rank)


def draw_picture(width: int, height: int, seed: int = 0, tint: tuple[int, int, int] | None = None):
    """A drawn picture: a gradient with some shapes on it; RGB, uint8, shape (height, width, 3)."""
    import numpy as np
    from PIL import Image, ImageDraw

    numbers = np.random.default_rng(seed)
    one, other = numbers.integers(0, 256, (2, 3))
    if tint is not None:
        one = np.asarray(tint)
    slope = (np.arange(height)[:, None] / height + np.arange(width) / width) / 2
    ground = one + (other - one) * slope[..., None] * 0.6
    image = Image.fromarray(ground.astype(np.uint8))
    pen = ImageDraw.Draw(image)
    for _ in range(5):
        x, y = numbers.integers(0, width), numbers.integers(0, height)
        reach = int(numbers.integers(1, max(2, min(width, height) // 3)))
        colour = tuple(int(c) for c in numbers.integers(0, 256, 3))
        shape = pen.ellipse if numbers.random() < 0.5 else pen.rectangle
        shape((int(x) - reach, int(y) - reach, int(x) + reach, int(y) + reach), fill=colour)
    return np.asarray(image)


@pytest.fixture(scope="session")
def draw() -> Callable[..., np.ndarray]:
    """`draw(width, height, seed)`: a drawn picture, RGB, uint8."""
    return draw_picture


@pytest.fixture(scope="session")
def make_data_set() -> Callable[..., Path]:
    """`make_data_set(root, {"cat": 8, "dog": 8})`: a folder of pictures per class, each in its hue."""

    from PIL import Image

    def make(
        root: Path,
        classes: Mapping[str, int],
        size: tuple[int, int] = (48, 32),
        suffix: str = ".png",
        first_seed: int = 0,
    ) -> Path:
        hues = ((210, 40, 40), (40, 200, 60), (50, 60, 220), (220, 210, 50), (190, 60, 200))
        for number, (label, count) in enumerate(classes.items()):
            folder = root / label
            folder.mkdir(parents=True, exist_ok=True)
            for index in range(count):
                seed = first_seed + 1000 * number + index
                pixels = draw_picture(*size, seed, hues[number % len(hues)])
                Image.fromarray(pixels).save(folder / f"{first_seed + index:03d}{suffix}")
        return root

    return make


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory: runs and caches live below it, in `data/`."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def powerless() -> Iterator[Callable[[Callable[[Path], None]], Path]]:
    """`powerless(prepare)`: a folder made by `prepare`, then seen by a user who does not own it.

    As root the effective user is changed until the test ends; another user is powerless enough.
    """
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    was = os.geteuid()

    def become(prepare: Callable[[Path], None]) -> Path:
        prepare(folder)
        if was == 0:
            try:
                os.seteuid(_NOBODY)
            except OSError as error:
                pytest.skip(f"root here cannot act as another user: {error}")
        return folder

    yield become
    os.seteuid(was)
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def real_pictures() -> Path:
    """The folder with flowers5 and trashnet."""
    return _real("VIGNETTE_PICTURES", "real pictures")


@pytest.fixture(scope="session")
def real_weights() -> Path:
    """The folder with the .weights.h5 files of MobileNetV2."""
    return _real("VIGNETTE_WEIGHTS", "pretrained weights")


def _real(variable: str, what: str) -> Path:
    place = os.environ.get(variable)
    if not place:
        pytest.skip(f"needs {what}: set {variable} to their folder")
    if not Path(place).is_dir():
        pytest.skip(f"needs {what}: {variable} names {place}, which is no folder")
    return Path(place)
