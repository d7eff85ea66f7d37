"""Kills a fine-tuning many times: `python -m tests.support.kill_9 FOLDER KILLS SETTING…`.

TensorFlow is imported once, here; every training is a child that was forked before anything ran.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

from pipeline.core import config, runs
from pipeline.core.progress import ProgressReporter
from pipeline.stats import plots
from pipeline.training import heads, train, tuner

# What a training imports as it goes.
IMPORTED = (heads, plots, tuner)


def main(place: Path, kills: int, settings: list[str]) -> None:
    """Trains the run `run` of `pictures` until it was killed so often, at most an epoch further each time."""
    os.chdir(place)
    run, numbers = runs.Run(runs.RUNS / "run"), random.Random(18)
    state = run.path("fine_tuning.state.npz")
    while kills:
        if (child := os.fork()) == 0:
            train.train(run, config.load(Path("pictures"), settings), ProgressReporter())
            os._exit(0)
        written = {state.stat().st_mtime_ns} if state.exists() else set()
        before, enough, ended = len(written), len(written) + numbers.randrange(2), False
        while len(written) < enough and not ended:
            with contextlib.suppress(FileNotFoundError):
                written.add(state.stat().st_mtime_ns)
            ended = os.waitpid(child, os.WNOHANG) != (0, 0)
            time.sleep(0.002)
        if not ended:
            time.sleep(numbers.uniform(0, 0.04 if enough > before else 4))
            os.kill(child, signal.SIGKILL)
            ended = not os.WIFSIGNALED(os.waitpid(child, 0)[1])
        if ended:
            shutil.rmtree(run.folder)
            continue
        kills -= 1
        sys.stdout.write(f"{len(written) - before} ")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
