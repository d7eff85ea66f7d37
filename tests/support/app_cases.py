"""Golden cases for the app's letterbox and camera pictures: python -m tests.support.app_cases FOLDER.

Expected bytes come from `pipeline.images.letterbox` and `export.bundle.camera`. Inputs are noise
that both sides compute from a seed, and of the outputs only checksums are written, so that thousands
of cases fit into small files:

    letterbox.txt   width height frameWidth frameHeight seed crc32
    yuv.txt         width height lumaRow chromaRow chromaPixel rotation aspect frameWidth frameHeight
                    seed crc32OfCrop crc32OfFrame
    fitted.txt      width height frameWidth frameHeight fittedWidth fittedHeight
    percentiles.txt count seed p0 p50 p90 p99 p100, by NumPy, of the noise divided by seven
"""

from __future__ import annotations

import math
import sys
import zlib
from pathlib import Path

import numpy as np

from export.bundle import camera
from pipeline.core.size import Size
from pipeline.images.letterbox import fitted_size, letterbox

SIDES = ((224, 128), (224, 224), (192, 224), (128, 224), (96, 96), (32, 32), (64, 48), (1, 1), (5, 3))
FRAMES = tuple(Size(*sides) for sides in SIDES)
EXTREMES = (
    *((1, 1), (1, 2), (2, 1), (3, 2), (1, 4000), (4000, 1), (2, 3999), (3999, 2), (4000, 3000)),
    *((224, 128), (224, 224), (223, 127), (225, 129), (448, 256), (112, 64), (1280, 720), (720, 1280)),
    # Above a hundred times as high as wide, where one call of Pillow takes the columns first.
    *((2, 200), (2, 201), (3, 300), (3, 301), (2, 2000), (5, 501), (12, 1300), (30, 3100)),
    *((200, 2), (201, 2), (1920, 1080), (7, 5), (640, 480), (480, 640), (256, 1), (1, 256)),
)


def noise(seed: int, size: int) -> np.ndarray:
    """Bytes that depend on nothing but seed and position: murmur3's finalizer over a counter."""
    x = np.arange(size, dtype=np.uint32) * np.uint32(0x9E3779B1) + np.uint32(seed)
    x ^= x >> np.uint32(16)
    x *= np.uint32(0x85EBCA6B)
    x ^= x >> np.uint32(13)
    x *= np.uint32(0xC2B2AE35)
    x ^= x >> np.uint32(16)
    return (x >> np.uint32(24)).astype(np.uint8)


def log_uniform(rng: np.random.Generator, most: int) -> int:
    return max(1, round(math.exp(rng.uniform(0, math.log(most)))))


def any_frame(rng: np.random.Generator) -> Size:
    return FRAMES[rng.integers(len(FRAMES))]


def letterbox_cases(rng: np.random.Generator) -> list[str]:
    shapes = [(size, frame) for size in EXTREMES for frame in FRAMES[:2]]
    shapes += [(size, any_frame(rng)) for size in EXTREMES]
    shapes += [((log_uniform(rng, 1500), log_uniform(rng, 1500)), any_frame(rng)) for _ in range(1000)]
    lines = []
    for (w, h), frame in shapes:
        seed = int(rng.integers(2**31))
        prepared = letterbox(noise(seed, w * h * 3).reshape(h, w, 3), frame)
        lines.append(f"{w} {h} {frame.width} {frame.height} {seed} {zlib.crc32(prepared.tobytes())}")
    return lines


def yuv_cases(rng: np.random.Generator) -> list[str]:
    sizes = [(640, 480), (320, 240), (1, 1), (2, 2), (3, 5), (17, 9), (352, 288)]
    sizes += [(int(rng.integers(1, 120)), int(rng.integers(1, 120))) for _ in range(93)]
    lines = []
    for index, (w, h) in enumerate(sizes):
        for rotation in camera.ROTATIONS:
            half = Size((w + 1) // 2, (h + 1) // 2)
            pixel = int(rng.integers(1, 3))
            luma_row = w + int(rng.integers(0, 33)) * (index % 3 > 0)
            chroma_row = half.width * pixel + int(rng.integers(0, 33)) * (index % 2)
            aspect = (16 / 9, 1.0, 4 / 3, 9 / 16, 0.7777, 2.35, 40.0)[rng.integers(7)]
            frame = any_frame(rng)
            seed = int(rng.integers(2**30))
            # As Android delivers them: the last row ends with its last sample.
            chroma_size = chroma_row * (half.height - 1) + (half.width - 1) * pixel + 1
            luma = camera.Plane(noise(seed, luma_row * (h - 1) + w), luma_row, 1)
            blue, red = (camera.Plane(noise(seed + n, chroma_size), chroma_row, pixel) for n in (1, 2))
            inside = camera.inside_guide(luma, blue, red, Size(w, h), rotation, aspect)
            sums = zlib.crc32(inside.tobytes()), zlib.crc32(letterbox(inside, frame).tobytes())
            shape = f"{w} {h} {luma_row} {chroma_row} {pixel} {rotation} {aspect!r}"
            lines.append(f"{shape} {frame.width} {frame.height} {seed} {sums[0]} {sums[1]}")
    return lines


def fitted_cases(rng: np.random.Generator) -> list[str]:
    """Sizes up to the largest that Java's int holds, where its products overflow."""
    lines = []
    for _ in range(2000):
        w, h = log_uniform(rng, 2**31 - 1), log_uniform(rng, 2**31 - 1)
        frame = any_frame(rng)
        fitted = fitted_size(w, h, frame)
        lines.append(f"{w} {h} {frame.width} {frame.height} {fitted.width} {fitted.height}")
    return lines


def percentile_cases(rng: np.random.Generator) -> list[str]:
    lines = []
    for count in (1, 2, 3, 4, 10, 11, 50, 99, 100, 101, 1000, *rng.integers(1, 300, 20).tolist()):
        seed = int(rng.integers(2**31))
        found = np.percentile(noise(seed, count) / 7, (0, 50, 90, 99, 100))
        lines.append(f"{count} {seed} " + " ".join(repr(float(value)) for value in found))
    return lines


def main(folder: Path) -> None:
    rng = np.random.default_rng(1)
    folder.mkdir(parents=True, exist_ok=True)
    made = {
        "letterbox": letterbox_cases(rng),
        "yuv": yuv_cases(rng),
        "fitted": fitted_cases(rng),
        "percentiles": percentile_cases(rng),
    }
    for name, lines in made.items():
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
