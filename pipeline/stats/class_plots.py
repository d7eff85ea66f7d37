"""Plots with a row for each class, in the style of `plots`.

Of more than `MOST_CLASSES` classes, those that tell most are drawn, and the title says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from pipeline.stats.metrics import MOST_CLASSES, accuracy_of
from pipeline.stats.plots import BLUE, ORANGE, Bar, new_figure, plain, reach, save, styled


def _lowest(values: Sequence[float]) -> list[int]:
    """Which classes to draw: all, or those with the lowest values."""
    places = range(len(values))
    return sorted(places, key=values.__getitem__)[:MOST_CLASSES] if len(values) > MOST_CLASSES else [*places]


def _some(shown: Sequence[int], total: int, which: str) -> str:
    """The end of a title that says which classes are drawn; empty if all are."""
    return f", the {len(shown)} {which} of {total:,} classes" if len(shown) < total else ""


@styled
def class_histogram(path: Path, labels: Sequence[str], counts: Mapping[str, Sequence[int]]) -> None:
    """The number of training and held-out pictures per class."""
    shown = _lowest([sum(own) for own in zip(*counts.values(), strict=True)])
    figure, axis = new_figure(7, 1.5 + 0.4 * len(shown))
    places, left = np.arange(len(shown)), np.zeros(len(shown))
    for (part, values), colour in zip(counts.items(), (BLUE, ORANGE), strict=True):
        own, name = np.array(values)[shown], f"{part} (n = {sum(values):,})"
        bars = axis.barh(places, own, left=left, color=colour, label=name)
        axis.bar_label(bars, label_type="center", color="white" if colour == BLUE else "black", fontsize=8)
        left += own
    axis.set_yticks(places, [plain(labels[at]) for at in shown])
    axis.invert_yaxis()
    axis.set(title=f"Pictures per class{_some(shown, len(labels), 'smallest')}", xlabel="pictures")
    figure.legend(loc="outside lower center", ncols=2)
    save(figure, path)


def _most_confused(counts: np.ndarray) -> list[int]:
    """Which classes to draw: all, or those of the most frequent mistakes, in their order."""
    wrong = counts - np.diag(np.diagonal(counts))
    pairs = np.argwhere(wrong)
    pairs = pairs[np.argsort(-wrong[tuple(pairs.T)], kind="stable")]
    return sorted(list(dict.fromkeys([*pairs.ravel().tolist(), *range(len(counts))]))[:MOST_CLASSES])


@styled
def confusion(path: Path, labels: Sequence[str], counts: np.ndarray) -> None:
    """The confusion matrix of the held-out pictures, shape (classes, classes): rows are the truth."""
    shown = _most_confused(counts)
    side = max(4.5, 1.8 + 0.55 * len(shown))
    figure, axis = new_figure(side + 0.8, side)
    shares = (counts / np.maximum(counts.sum(1, keepdims=True), 1))[np.ix_(shown, shown)]
    own = counts[np.ix_(shown, shown)]
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    # Zeros of a part of the matrix say little, and there are many.
    numbers = np.ndindex(own.shape) if len(shown) == len(labels) else np.argwhere(own)
    for row, column in numbers:
        colour = "white" if shares[row, column] > 0.6 else "black" if own[row, column] else "#b0b0b0"
        axis.text(column, row, f"{own[row, column]}", ha="center", va="center", color=colour, fontsize=9)
    names = [plain(labels[at], 16) for at in shown]
    axis.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
    axis.set_yticks(range(len(names)), names)
    axis.grid(visible=False)
    title = f"Held-out pictures (n = {counts.sum():,}, accuracy {accuracy_of(counts):.3f})"
    title += _some(shown, len(labels), "most confused")
    axis.set(title=title, xlabel="answer", ylabel="truth")
    save(figure, path)


@styled
def f1(path: Path, classes: Sequence[Bar], counts: Sequence[int]) -> None:
    """F1 of each class on the held-out pictures, with its 95% interval; `counts` has the pictures of each."""
    shown = _lowest([bar.value for bar in classes])
    bars = [classes[at] for at in shown]
    figure, axis = new_figure(7, 1.4 + 0.4 * len(bars))
    places, values = np.arange(len(bars)), [bar.value for bar in bars]
    axis.barh(places, values, color=BLUE, xerr=reach(bars), error_kw={"ecolor": "black", "capsize": 3})
    axis.set_yticks(places, [f"{plain(classes[at].name)} (n = {counts[at]})" for at in shown])
    axis.invert_yaxis()
    title = f"F1 per class, held out (n = {sum(counts):,}){_some(shown, len(classes), 'weakest')}"
    axis.set(title=title, xlabel="F1, with 95% interval", xlim=(0, 1.02))
    save(figure, path)
