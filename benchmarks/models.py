"""What the presets bring, on real pictures, from folder to int8 file.

Measured, for flowers5 and trashnet (below the folder that VIGNETTE_PICTURES names) and each seed, with the
program's own commands: out-of-fold accuracy; held-out accuracy of the Keras model and of its int8 file; their
agreement and the probability moved; the int8 file's accuracy on simulated photos of a screen; the minutes
and the peak memory of `train` (features included) and of `tflite`. Reference, the old way: a head on the
backbone's top alone, and a plain int8 file. `balanced` continues the run of `fast`, as a user would, and
its minutes are those of both. The last rows are medians over the seeds, held against floors; exit code 1
if one is missed. Nothing here is chosen by the held-out pictures: every setting is the program's default.

Each seed takes about an hour on two cores.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from dataclasses import asdict, astuple, dataclass, fields
from functools import partial
from pathlib import Path

from benchmarks import measure

SETS = ("flowers5", "trashnet")
# The run of each way, and what its training is asked for.
WAYS = {
    "old": ("old", "--preset", "fast", "--set", "head.depths=1", "--set", "export.compensate=false"),
    "fast": ("new", "--preset", "fast"),
    "balanced": ("new", "--preset", "balanced"),
}
_VARIABLE = "VIGNETTE_PICTURES"
_HEADING = (
    "| pictures | way | seed | out-of-fold | Keras | int8 | agreement | mean abs Δp | screen | train | GB |"
)


@dataclass(frozen=True)
class Result:
    """One run: accuracies as shares, minutes of `train`, and the peak memory of both commands in GB."""

    out_of_fold: float
    keras: float
    int8: float
    agreement: float
    mean_abs_dp: float
    screen: float
    minutes: float
    memory: float

    def row(self, *names: str) -> str:
        """A line of the table."""
        shares = " | ".join(f"{getattr(self, field.name):.4f}" for field in fields(self)[:-2])
        return f"| {' | '.join(names)} | {shares} | {self.minutes:.1f} min | {self.memory:.2f} |"


# What medians have to reach. `int8_gap` is how far int8 may fall behind Keras.
FLOORS: dict[tuple[str, str], dict[str, float]] = {
    ("flowers5", "old"): {"out_of_fold": 0.92, "int8": 0.91},
    ("trashnet", "old"): {"out_of_fold": 0.84, "int8": 0.85},
    ("flowers5", "balanced"): {"out_of_fold": 0.95, "keras": 0.945, "agreement": 0.99, "screen": 0.87},
    ("trashnet", "balanced"): {"out_of_fold": 0.915, "keras": 0.91, "agreement": 0.985},
}
# What `balanced` may take. Larger sets take longer.
MOST = {"int8_gap": 0.005, "mean_abs_dp": 0.02, "memory": 2.0}
LONGEST = {"trashnet": 20.0}
SLOWER = 1.15


def missed(pictures: str, way: str, result: Result) -> list[str]:
    """The floors that a result does not reach, and for `balanced` the limits that it exceeds."""
    least = FLOORS.get((pictures, way), {})
    below = [f"{key} < {value}" for key, value in least.items() if getattr(result, key) < value]
    if way != "balanced":
        return below
    found = {**asdict(result), "int8_gap": result.keras - result.int8}
    most = MOST | ({"minutes": LONGEST[pictures]} if pictures in LONGEST else {})
    return below + [f"{key} > {value}" for key, value in most.items() if found[key] > value]


def main() -> None:
    """Trains and exports every way, printing a row as each is done and the medians at the end."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.models")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--sets", choices=SETS, nargs="+", default=SETS)
    parser.add_argument("--ways", choices=WAYS, nargs="+", default=list(WAYS))
    chosen = parser.parse_args()
    source = Path(os.environ.get(_VARIABLE, "")).absolute()
    if not os.environ.get(_VARIABLE) or not all((source / name).is_dir() for name in chosen.sets):
        print(f"skipped: {_VARIABLE} does not name a folder with {' and '.join(chosen.sets)} in it")
        return
    print(_HEADING + "\n|" + "---|" * _HEADING.count("| "), flush=True)
    found: dict[tuple[str, str], list[Result]] = {}
    with tempfile.TemporaryDirectory(prefix="vignette-models-") as place:
        for seed in chosen.seeds:
            for pictures in chosen.sets:
                for way in chosen.ways:
                    result = run(Path(place), source / pictures, way, seed)
                    found.setdefault((pictures, way), []).append(result)
                    print(result.row(pictures, way, str(seed)), flush=True)
    misses, medians = [], {}
    for (pictures, way), results in found.items():
        columns = zip(*map(astuple, results), strict=True)
        medians[pictures, way] = median = Result(*(statistics.median(column) for column in columns))
        print(median.row(pictures, way, "median"))
        misses += [f"{pictures}, {way}: {text}" for text in missed(pictures, way, median)]
    print()
    for pictures in chosen.sets:
        if {"old", "fast"} <= {*chosen.ways}:
            ratio = medians[pictures, "fast"].minutes / medians[pictures, "old"].minutes
            print(f"{pictures}: `train` takes {ratio:.2f} times as long by fast as by the old way.")
            misses += [f"{pictures}, fast: time > {SLOWER} × old"] * (ratio > SLOWER)
    print(f"{measure.machine()}.", *(f"MISSED {text}" for text in misses), sep="\n")
    raise SystemExit(bool(misses))


def run(place: Path, pictures: Path, way: str, seed: int) -> Result:
    """Trains one way, exports it, and measures it; the cache is the run's own."""
    made, *settings = WAYS[way]
    name = f"{pictures.name}-{made}-{seed}"
    folder = place / name
    folder.mkdir(exist_ok=True)
    clock = folder / "seconds"
    verb = partial(measure.output_and_peak, folder=folder)
    begin = time.perf_counter()
    _, trained = verb("pipeline", "train", str(pictures), "--name", name, "--set", f"seed={seed}", *settings)
    seconds = time.perf_counter() - begin + (float(clock.read_text()) if clock.exists() else 0)
    clock.write_text(str(seconds))
    verb("pipeline", "evaluate", name)
    _, exported = verb("export", "tflite", name, allowed=[3])
    simulated, _ = verb("export", "simulate", name, "--json")
    evaluation, parity = (
        json.loads((folder / "data/runs" / name / f"{part}.json").read_text())
        for part in ("evaluation", "parity")
    )
    (int8,) = (target for target in parity["targets"] if target["model"] == "int8")
    return Result(
        out_of_fold=evaluation["out_of_fold"]["accuracy"],
        keras=evaluation["held_out"]["accuracy"],
        int8=int8["accuracy"],
        agreement=int8["agreement"],
        mean_abs_dp=int8["mean_abs_dp"],
        screen=json.loads(simulated)["simulated"]["accuracy"],
        minutes=seconds / 60,
        memory=max(trained, exported),
    )


if __name__ == "__main__":
    main()
