"""How long an audit takes, and whether its memory and its comparisons grow with the pictures alone.

Measured: pairing of synthetic hashes, 100,000 against 10,000 (a tenth: the reference); peak
resident memory (VmHWM) of an audit of 20,000 small pictures against 2,000, each in its own process;
and, if VIGNETTE_PICTURES has flowers5, time and memory of auditing its 3,311 photos with an empty
cache.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks import measure
from benchmarks.measure import Figure

FEW, MANY = 2_000, 20_000
HASHES, TEN_TIMES = 10_000, 100_000
_TURNS = 3


def run(folder: Path) -> list[Figure]:
    """The figures; draws its pictures below `folder`."""
    return [_pairing(), _memory(folder), *_flowers(folder)]


def _pairing() -> Figure:
    from pipeline.data.audit import near_duplicates

    hashes = np.random.default_rng(0).integers(0, 256, (TEN_TIMES, 4, 32)).astype(np.uint8)
    ways = {
        "few": lambda: measure.seconds(lambda: near_duplicates.nominate(hashes[:HASHES], 56)),
        "many": lambda: measure.seconds(lambda: near_duplicates.nominate(hashes, 56)),
    }
    took = measure.in_turns(ways, _TURNS)
    ratio = took["many"].per(took["few"])
    return Figure(
        f"near-duplicate candidates among {TEN_TIMES:,} pictures",
        took["many"].text("{:.1f} s"),
        f"{HASHES:,} pictures: " + took["few"].text("{:.2f} s"),
        ratio.text("{:.1f}×"),
        "≤ 15×",
        ratio.median <= 15,
    )


def _memory(folder: Path) -> Figure:
    peaks = {}
    for count in (FEW, MANY):
        pictures = folder / f"audit{count}"
        _draw(pictures, count)
        with tempfile.TemporaryDirectory(dir=folder) as work:
            peaks[count] = measure.child(__name__, str(pictures), folder=Path(work))["peak_mb"]
        shutil.rmtree(pictures)
    few, many = peaks[FEW], peaks[MANY]
    return Figure(
        f"peak memory of an audit, {MANY:,} small pictures",
        f"{many:.0f} MB",
        f"{FEW:,} pictures: {few:.0f} MB",
        f"{many / few:.2f}×",
        "≤ 1.15×",
        many <= 1.15 * few,
    )


def _flowers(folder: Path) -> list[Figure]:
    place = os.environ.get("VIGNETTE_PICTURES")
    if not place or not (Path(place) / "flowers5").is_dir():
        return []
    with tempfile.TemporaryDirectory(dir=folder) as work:
        result = measure.child(__name__, str(Path(place, "flowers5").resolve()), folder=Path(work))
    return [
        Figure(
            "audit of flowers5, empty cache",
            f"{result['seconds']:.0f} s, {result['peak_mb']:.0f} MB",
            "",
            "",
            "< 60 s, < 1000 MB",
            result["seconds"] < 60 and result["peak_mb"] < 1000,
        )
    ]


def _draw(root: Path, count: int) -> None:
    """Small pictures that differ, in two classes, quickly."""
    from PIL import Image

    numbers = np.random.default_rng(0)
    for label in "ab":
        (root / label).mkdir(parents=True)
    for number in range(count):
        coarse = Image.fromarray(numbers.integers(0, 256, (6, 8, 3)).astype(np.uint8))
        coarse.resize((64, 48), Image.Resampling.BICUBIC).save(root / "ab"[number % 2] / f"{number:06d}.jpg")


def _audit(pictures: str) -> dict[str, float]:
    from pipeline.__main__ import app

    begin = time.perf_counter()
    app(["audit", pictures, "--quiet"], standalone_mode=False)
    status = Path("/proc/self/status").read_text("ascii")
    return {
        "peak_mb": int(status.split("VmHWM:")[1].split()[0]) / 1000,
        "seconds": time.perf_counter() - begin,
    }


if __name__ == "__main__":
    print(json.dumps(_audit(sys.argv[1])))
