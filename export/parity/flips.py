"""The pictures whose answer changed from reference to target, as a contact sheet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from pipeline.evaluation.predictions import Predictions

NAME = "flips.png"
MOST = 36


def order(reference: Predictions, target: Predictions) -> np.ndarray:
    """Indices of the changed answers: lost ones first, then gained, then those that stay wrong."""
    before, after, truth = reference.predicted, target.predicted, reference.truth
    changed = np.flatnonzero(before != after)
    rank = np.where(before == truth, 0, np.where(after == truth, 1, 2))[changed]
    return changed[np.argsort(rank, kind="stable")]


def draw(
    path: Path,
    title: str,
    reference: Predictions,
    target: Predictions,
    labels: Sequence[str],
    frame: Callable[[int], np.ndarray],
) -> None:
    """Writes the sheet, with at most 36 pictures.

    Args:
        path: A .png.
        title: What was compared; the count is added.
        reference: Predictions of the reference.
        target: Predictions of the target, on the same pictures.
        labels: In output order.
        frame: Returns the picture at an index: RGB, uint8.
    """
    from pipeline.stats import plots

    changed = order(reference, target)
    shown = changed[:MOST]
    columns = (reference.truth, reference.predicted, target.predicted)
    names = [tuple(labels[int(column[place])] for column in columns) for place in shown]
    count = f"{len(changed)} of {len(reference.truth):,} answers changed"
    more = f", the first {MOST} of them" if len(changed) > MOST else ""
    cells = []
    for place, (truth, before, after) in zip(shown, names, strict=True):
        colour = plots.VERMILION if before == truth else plots.GREEN if after == truth else plots.GREY
        cells.append((frame(int(place)), f"{truth}:\n{before} → {after}", colour))
    colours = "truth: before → after; orange was lost, green was gained, grey stayed wrong"
    plots.captioned_sheet(path, f"{title}: {count}{more}\n{colours}", cells, 6)
