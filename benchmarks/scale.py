"""Whether time and memory stay in proportion as the number of pictures grows.

Measured, with the program's own commands on drawn pictures of 64 pixels in 10 classes (2 folds, 3 epochs, no
views, the backbone `tiny`): seconds and peak anonymous memory of audit, features (with the split), train,
evaluate, report, and of a second audit and a second train of unchanged pictures. Reference: the same with
fewer pictures. Time per picture is what more pictures cost beyond the smallest set, so that start-up does not
count. The two smallest sets differ by less than a second, so they take turns, twelve each, and every turn
measures the steps whose start-up varies most five times. The turns are spread over the whole time, since a
machine may be slower for minutes. What counts is the median difference within a turn.
Exit code 1 if the largest set costs over 1.3 times as much per picture as the second, if its memory
grows by over 60 MB and 400 bytes a picture, or if a second audit or train takes over 10 s for 100,000
pictures.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks import measure

SIZES = (300, 3_000, 30_000, 300_000)
CLASSES = 10
_SETTINGS = {
    "model.backbone": "tiny",
    "model.input": "64x64",
    "augment.views": 0,
    "train.folds": 2,
    "train.epochs": 3,
    "train.preset": "fast",
}
_SET = [word for key, value in _SETTINGS.items() for word in ("--set", f"{key}={value}")]
STEPS = {
    "audit": ("pipeline", "audit", "pictures"),
    "second audit": ("pipeline", "audit", "pictures"),
    "features": ("pipeline", "features", "pictures", *_SET),
    "train": ("pipeline", "train", "pictures", *_SET),
    "second train": ("pipeline", "train", "pictures", *_SET),
    "evaluate": ("pipeline", "evaluate", "pictures"),
    "report": ("export", "report", "pictures"),
}
_SLOWER, _MB, _BYTES = 1.3, 60, 400
_SECOND, _SECOND_S, _SECOND_OF = ("second audit", "second train"), 10, 100_000
_EVERY_S = 0.02
# Turns of the two smallest sets before each larger one and after all, and how often a turn measures the steps
# whose start-up varies by more than its pictures cost.
_TURNS, _TIMES, _VARY = 4, 5, ("second audit", "train", "second train")
# The seconds and peak MB of every run of a step with so many pictures, in the order of the turns.
_Runs = dict[tuple[str, int], list[tuple[float, float]]]


def main() -> None:
    """Prints every measurement as it is made, then a table, and what was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--plot", type=Path, help="where to draw the result, .svg")
    chosen = parser.parse_args()
    sizes = sorted(chosen.sizes)
    runs: _Runs = {(step, size): [] for step in STEPS for size in sizes}
    measured(sizes[0], 1)  # only warms up: it reads the libraries from disk

    def add(size: int, times: int) -> None:
        for step, run in measured(size, times).items():
            runs[step, size].append(run)
            print(f"{step}, {size:,} pictures: {run[0]:.2f} s, {run[1]:.0f} MB", flush=True)

    for large in (*sizes[2:], None):
        for size in sizes[:2] * _TURNS:
            add(size, _TIMES)
        if large:
            add(large, 1)
    print("\n| step | pictures | seconds | ms a picture | peak MB |\n|---|---|---|---|---|")
    for size, step in itertools.product(sizes, STEPS):
        seconds, peak = median(runs[step, size])
        each = f"{1000 * per_picture(runs, step, size, sizes):.3f}" if size > sizes[0] else ""
        print(f"| {step} | {size:,} | {seconds:.1f} | {each} | {peak:.0f} |")
    misses = missed(runs, sizes)
    print("", *verdicts(runs, sizes), f"{measure.machine()}.", *misses, sep="\n")
    if chosen.plot:
        plot(chosen.plot, runs, sizes)
    raise SystemExit(bool(misses))


def median(runs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The medians of seconds and of peak MB."""
    seconds, peaks = zip(*runs, strict=True)
    return statistics.median(seconds), statistics.median(peaks)


def measured(size: int, times: int) -> dict[str, tuple[float, float]]:
    """Seconds and peak MB of every step with so many new pictures.

    Args:
        size: The number of pictures.
        times: How often the steps of `_VARY` are measured; the median counts.
    """
    with tempfile.TemporaryDirectory(prefix="vignette-scale-") as folder:
        draw(Path(folder) / "pictures", size, CLASSES)
        # Files that were only just written are not trusted to be unchanged.
        time.sleep(3)
        found = {}
        for step, command in STEPS.items():
            # To train again is to make another run of the same pictures and features.
            names = [["--name", f"{step}-{n}"] if step == "train" and n else [] for n in range(times)]
            repeated = [[*command, *name] for name in names] if step in _VARY else [command]
            found[step] = median([run(each, Path(folder)) for each in repeated])
        return found


def draw(folder: Path, count: int, classes: int) -> None:
    """Different pictures of 64 pixels, as JPEG, dealt to classes that differ in brightness."""
    noise = np.random.default_rng(0)
    for label in range(classes):
        (folder / f"c{label:04d}").mkdir(parents=True)
    for number in range(count):
        label = number % classes
        coarse = noise.integers(0, 128, (8, 8, 3), np.uint8) + np.uint8(127 * label // max(1, classes - 1))
        image = Image.fromarray(coarse).resize((64, 64), Image.Resampling.BICUBIC)
        image.save(folder / f"c{label:04d}/{number:07d}.jpg", quality=80)


def run(command: Sequence[str], folder: Path) -> tuple[float, float]:
    """The seconds and the peak anonymous memory, in MB, of a command of Vignette."""
    begin = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", *command, "--json"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(measure.ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    peak = 0.0

    def watch() -> None:
        nonlocal peak
        while process.poll() is None:
            peak = max(peak, anonymous_mb(process.pid))
            time.sleep(_EVERY_S)

    watching = threading.Thread(target=watch)
    watching.start()
    printed, errors = process.communicate()
    watching.join()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{errors[-3000:]}")
    json.loads(printed)
    return time.perf_counter() - begin, peak


def anonymous_mb(process: int) -> float:
    """The memory of a process without mapped files, in MB; 0 if it has ended."""
    try:
        status = Path(f"/proc/{process}/status").read_text("ascii")
        return int(status.split("RssAnon:")[1].split()[0]) / 1000
    except (OSError, IndexError):
        return 0.0


def per_picture(runs: _Runs, step: str, size: int, sizes: Sequence[int]) -> float:
    """The seconds that each picture beyond the smallest set takes."""
    own, smallest = ([seconds for seconds, _ in runs[step, each]] for each in (size, sizes[0]))
    if len(own) == len(smallest):  # turn by turn, so that a machine that slows down does not matter
        beyond = statistics.median(a - b for a, b in zip(own, smallest, strict=True))
    else:
        beyond = statistics.median(own) - statistics.median(smallest)
    return beyond / (size - sizes[0])


def verdicts(runs: _Runs, sizes: Sequence[int]) -> list[str]:
    """What the largest set costs, compared with smaller ones, a line for each step."""
    lines = []
    first, last = sizes[0], sizes[-1]
    for step in STEPS if len(sizes) > 1 else ():
        grown = median(runs[step, last])[1] - median(runs[step, first])[1]
        ratio = ""
        if len(sizes) > 2:
            times = per_picture(runs, step, last, sizes) / per_picture(runs, step, sizes[1], sizes)
            ratio = f"{times:.2f} times the time per picture of {sizes[1]:,}, "
        lines.append(
            f"{step}, {last:,} pictures: {ratio}{grown:+.0f} MB over {first:,}, "
            f"{1e6 * grown / (last - first):.0f} bytes a picture"
        )
    return lines


def missed(runs: _Runs, sizes: Sequence[int]) -> list[str]:
    """The limits that the largest set exceeds."""
    first, last, misses = sizes[0], sizes[-1], []
    for step in STEPS:
        if len(sizes) > 2:
            times = per_picture(runs, step, last, sizes) / per_picture(runs, step, sizes[1], sizes)
            # A ratio below 0 means that the second set was faster than the smallest: nothing was measured.
            wrong = not 0 < times <= _SLOWER
            misses += [f"MISSED {step}: {times:.2f} times the time, not 0 to {_SLOWER}"] * wrong
        allowed = _MB + _BYTES * last / 1e6
        grown = median(runs[step, last])[1] - median(runs[step, first])[1]
        misses += [f"MISSED {step}: {grown:.0f} > {allowed:.0f} MB more"] * (grown > allowed)
    limit = _SECOND_S * max(1, last / _SECOND_OF)
    for step in _SECOND:
        again = median(runs[step, last])[0]
        misses += [f"MISSED {step}: {again:.1f} > {limit:.0f} s"] * (again > limit)
    return misses


def plot(path: Path, runs: _Runs, sizes: Sequence[int]) -> None:
    """Seconds, on a logarithmic axis, and memory of every step over the number of pictures."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.6), layout="constrained")
    for axes, column, title in zip(
        figure.subplots(1, 2), (0, 1), ("seconds", "peak memory, MB"), strict=True
    ):
        for step in STEPS:
            axes.plot(sizes, [median(runs[step, size])[column] for size in sizes], marker="o", label=step)
        axes.set_xscale("log")
        axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
        axes.minorticks_off()
        axes.set_xlabel("pictures")
        axes.set_title(title)
    seconds, memory = figure.axes
    seconds.set_yscale("log")
    seconds.yaxis.set_major_formatter("{x:g}")
    seconds.legend()
    memory.set_ylim(bottom=0)
    figure.savefig(path)


if __name__ == "__main__":
    main()
