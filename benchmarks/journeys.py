"""What whole real data sets score by the default settings: the table of accuracy in docs/performance.md.

`train`, `evaluate` and `tflite` on flowers5 and trashnet below the folder that VIGNETTE_PICTURES names, in
folders that are gone afterwards. The tests take the same steps with a part of each set. Expected: no score
falls below its floor, flowers5 passes the gate, and trashnet keeps its own split. Exit code 1 if not.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks import measure
from benchmarks.measure import Figure

_VARIABLE = "VIGNETTE_PICTURES"


@dataclass(frozen=True)
class Floor:
    """The least accuracy of a set, the number of held-out pictures and whether its int8 file must pass."""

    out_of_fold: float
    int8: float
    held_out: int | None = None
    passes: bool = False


# Of trashnet's 431 test pictures one stands under another label in train/ and is left out.
FLOORS = {
    "flowers5": Floor(out_of_fold=0.92, int8=0.91, passes=True),
    "trashnet": Floor(out_of_fold=0.84, int8=0.85, held_out=430),
}


def main() -> None:
    """Makes the journeys and prints their table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.journeys")
    parser.add_argument("--only", choices=FLOORS, help="one of them")
    only = parser.parse_args().only
    place = os.environ.get(_VARIABLE, "")
    figures: list[Figure] = []
    for name, floor in FLOORS.items():
        source = Path(place, name).absolute()
        if only not in (None, name):
            continue
        if not place or not source.is_dir():
            print(f"skipped: {_VARIABLE} does not name a folder with {name} in it")
            continue
        figures.append(_journey(name, source, floor))
        print(figures[-1].line(), flush=True)
    if figures:
        print("\n".join(["", measure.HEADING, *(figure.row() for figure in figures)]))
        print(f"\n{measure.machine()}.")
    raise SystemExit(not all(figure.met for figure in figures))


def _journey(name: str, source: Path, floor: Floor) -> Figure:
    with tempfile.TemporaryDirectory(prefix="vignette-journey-") as folder:
        place = Path(folder)
        measure.output("pipeline", "train", str(source), folder=place)
        evaluated = json.loads(measure.output("pipeline", "evaluate", "--json", folder=place))
        exported = json.loads(measure.output("export", "tflite", "--json", folder=place))
    found, n = evaluated["out_of_fold"]["accuracy"], exported["n"]
    int8 = next(row for row in exported["targets"] if row["model"] == "int8")
    met = found >= floor.out_of_fold and int8["accuracy"] >= floor.int8
    met = met and (exported["verdict"] == "passed" or not floor.passes) and floor.held_out in (None, n)
    wanted = [f"≥ {floor.out_of_fold}", f"int8 ≥ {floor.int8}"]
    wanted += [f"n = {floor.held_out}"] * (floor.held_out is not None) + ["gate passed"] * floor.passes
    return Figure(
        f"{name}: out-of-fold accuracy, and int8 on {n:,} held-out pictures",
        f"{found:.3f}, int8 {int8['accuracy']:.3f}",
        f"Keras {exported['reference']['accuracy']:.3f}",
        f"agreement {int8['agreement']:.3f}, gate {exported['verdict']}",
        ", ".join(wanted),
        met,
    )


if __name__ == "__main__":
    main()
