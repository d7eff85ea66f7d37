"""The held-out score after decisions about its pictures, beside the one as given.

Pictures that are reviewed because the model erred flatter it once they are relabelled or left out, so that
this score never stands alone.
"""

from __future__ import annotations

import numpy as np

from pipeline.core.documents import Document
from pipeline.core.recipes import key_of
from pipeline.data import decisions
from pipeline.data.labels import numbers_of
from pipeline.data.splits import Split
from pipeline.evaluation.predictions import Predictions
from pipeline.stats import intervals
from pipeline.stats.metrics import Interval
from pipeline.training.experiment import Experiment


class AsDecided(Document):
    """The score on the n held-out pictures that decisions leave, with the labels that they give.

    `relabelled` and `left_out` are paths.
    """

    n: int
    accuracy: float | None
    accuracy_interval: Interval
    relabelled: tuple[str, ...]
    left_out: tuple[str, ...]


def inputs(split: Split) -> dict[str, str]:
    """The decisions about held-out pictures, for recipes; empty without any."""
    changed = decisions.changes(split.held_out)
    rows = [[[picture.path, picture.final_label] for picture in pictures] for pictures in changed]
    return {"decisions": key_of(rows)} if any(changed) else {}


def score(experiment: Experiment, predictions: Predictions) -> AsDecided | None:
    """The score; None if no decision changes a held-out picture."""
    held_out = experiment.split.held_out
    relabelled, left_out = decisions.changes(held_out)
    if not relabelled and not left_out:
        return None
    kept = np.array([picture not in left_out for picture in held_out])
    truth = numbers_of((picture.final_label for picture in held_out), experiment.labels)
    hits = (predictions.predicted == truth)[kept]
    return AsDecided(
        n=len(hits),
        accuracy=float(hits.mean()) if len(hits) else None,
        accuracy_interval=intervals.share(hits, predictions.groups[kept]),
        relabelled=tuple(picture.path for picture in relabelled),
        left_out=tuple(picture.path for picture in left_out),
    )


def sentences(decided: AsDecided | None, given: float) -> tuple[str, ...]:
    """What the decisions change about the held-out accuracy, as given before them."""
    if decided is None:
        return ()
    begin = (
        f"Your decisions relabel {len(decided.relabelled)} held-out pictures and leave out "
        f"{len(decided.left_out)}: "
    )
    if decided.accuracy is None:
        return (f"{begin}none is left to score.",)
    low, high = decided.accuracy_interval
    scores = (
        f"the held-out accuracy is {given:.3f} as given, and {decided.accuracy:.3f} as decided "
        f"({low:.3f} to {high:.3f}, n = {decided.n:,})"
    )
    return (f"{begin}{scores}. Trust the first: reviewing a model's mistakes flatters it.",)
