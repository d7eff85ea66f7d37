"""Runs the benchmarks and prints the table of docs/performance.md.

`python -m benchmarks` measures everything, `--only NAME` one part. Pictures are drawn and features cached in
a temporary folder. Each module's docstring says what it measures, the reference, and what is expected. The
long comparison on real pictures is `python -m benchmarks.accuracy`.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from benchmarks import (
    apk,
    arm,
    audit,
    browser,
    cached_features,
    collecting,
    conversion,
    explanations,
    measure,
    memory,
    preparation,
    start,
)

BENCHMARKS = {
    "cached_features": cached_features.run,
    "preparation": preparation.run,
    "start": start.run,
    "collecting": collecting.run,
    "conversion": conversion.run,
    "memory": memory.run,
    "audit": audit.run,
    "explanations": explanations.run,
    "browser": browser.run,
    "arm": arm.run,
    "apk": apk.run,
}


def main() -> None:
    """Measures; prints each figure at once, and all of them at the end."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="The figures of docs/performance.md."
    )
    parser.add_argument("--only", choices=BENCHMARKS, help="one of them")
    only = parser.parse_args().only
    begin, used, figures = time.perf_counter(), measure.processor_seconds(), []
    with tempfile.TemporaryDirectory(prefix="vignette-benchmarks-") as folder:
        for name, run in BENCHMARKS.items():
            if only in (None, name):
                print(f"{name} ...", flush=True)
                for figure in run(Path(folder)):
                    print(f"  {figure.line()}", flush=True)
                    figures.append(figure)
    taken = time.perf_counter() - begin
    everyone, own = (now - then for now, then in zip(measure.processor_seconds(), used, strict=True))
    others = max(0.0, everyone - own) / taken
    print(f"\n{taken / 60:.1f} minutes. For docs/performance.md:\n\n{measure.HEADING}")
    print("\n".join(figure.row() for figure in figures))
    print(f"\n{measure.machine()}. Other programs took {others:.1f} cores meanwhile.")


if __name__ == "__main__":
    main()
