"""Every plot: one style, with units and n on the axes, in colours safe for colour-blind readers.

Each function writes one file atomically. It draws numbers and computes none. Those with a row for each class
are in `class_plots`.
"""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import get_font_names

from pipeline.core import files
from pipeline.stats.metrics import Interval

# Okabe and Ito's palette; their vermilion looks orange, and figures call it that.
BLUE, ORANGE, GREEN, VERMILION, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#767676"
_STYLE = {
    "font.size": 10,
    # The first covers most scripts; the others help if installed.
    "font.family": [
        "DejaVu Sans",
        *sorted({"Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans Devanagari"} & set(get_font_names())),
    ],
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "axes.axisbelow": True,
    "legend.frameon": False,
    "svg.hashsalt": "vignette",  # the same figure gives the same bytes
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
}
# A decorator of what draws.
styled = mpl.rc_context(_STYLE)  # pyright: ignore[reportArgumentType] - its stub lists every key
# Of sheets of pictures, in inches: a cell's width, and what stays empty of it.
_ACROSS, _MARGIN = 1.25, 0.06
_METADATA = {"svg": {"Date": None, "Creator": "Vignette"}, "png": {"Software": "Vignette"}}


def new_figure(width: float, height: float, columns: int = 1) -> tuple[Figure, Any]:
    """A figure of so many inches, and its axes."""
    figure = Figure((width, height), layout="constrained")
    return figure, figure.subplots(1, columns)


def save(figure: Figure, path: Path) -> None:
    """Writes the file; raises StorageError."""
    kind = path.suffix[1:]
    with files.replacing(path) as beside, warnings.catch_warnings():
        # A class name in a script without an installed font is drawn as boxes.
        warnings.filterwarnings("ignore", message=r"Glyph \d+")
        figure.savefig(beside, format=kind, dpi=110, metadata=_METADATA[kind])


def plain(text: str, limit: int = 24) -> str:
    """A class name as text: matplotlib must not read `$` as mathematics."""
    shown = text if len(text) <= limit else text[: limit - 1] + "…"
    return shown.replace("$", r"\$")


@styled
def curves(path: Path, histories: Sequence[Mapping[str, Sequence[float]]], chosen: int, n: int) -> None:
    """Loss and accuracy by epoch, and what another number of epochs would have changed.

    Bands span the folds. Folds differ more than epochs do, so the third plot shows differences within each
    fold: where its band is clear of the line, that many epochs would have been worse in every fold.

    Args:
        path: The file.
        histories: Each fold's `train_loss`, `train_accuracy`, `validation_loss` and `validation_accuracy`,
            a value per epoch.
        chosen: The chosen epoch, counted from 1.
        n: The number of pictures.
    """
    figure, axes = new_figure(12, 3.9, 3)
    histories = [curve for curve in histories if curve["validation_loss"]]
    for axis, quantity, unit in zip(
        axes, ("loss", "accuracy"), ("cross-entropy, nats", "share correct"), strict=False
    ):
        for part, colour, style in (("train", ORANGE, "--"), ("validation", BLUE, "-")):
            values = np.array([history[f"{part}_{quantity}"] for history in histories])
            _mean_and_band(axis, values, colour, style, part)
        axis.axvline(chosen, color=GREY, linestyle=":", label=f"epoch {chosen}")
        axis.set(title=f"{quantity.capitalize()}", xlabel="epoch", ylabel=unit)
        axis.legend()
    losses = np.array([history["validation_loss"] for history in histories])
    axis = axes[2]
    difference = losses - losses[:, [chosen - 1]]
    _mean_and_band(axis, difference, BLUE, "-", "mean over the folds")
    # The first epochs are far off; what matters is how flat the curve is around the chosen epoch.
    near = difference[:, chosen // 4 :]
    top = max(near.max(), 1e-3)
    axis.set_ylim(1.3 * min(near.min(), -top / 4), 1.3 * top)
    axis.axhline(0, color=GREY, linewidth=1)
    axis.axvline(chosen, color=GREY, linestyle=":", label=f"epoch {chosen}")
    axis.set(
        title=f"Validation loss relative to epoch {chosen}",
        xlabel="epoch",
        ylabel="difference per fold, nats",
    )
    axis.legend()
    figure.suptitle(
        f"{len(histories)} folds, {n:,} pictures; bands span the folds",
        fontsize=9,
    )
    save(figure, path)


def _mean_and_band(axis: Axes, values: np.ndarray, colour: str, style: str, label: str) -> None:
    """The mean over folds and their range; values of shape (folds, epochs)."""
    epochs = np.arange(1, values.shape[1] + 1)
    marker = "o" if len(epochs) == 1 else ""  # a line needs two points
    axis.plot(epochs, values.mean(0), style, color=colour, label=label, marker=marker)
    if len(values) > 1:
        axis.fill_between(epochs, values.min(0), values.max(0), color=colour, alpha=0.2, linewidth=0)


class Bar(NamedTuple):
    """A named value with its 95% interval."""

    name: str
    value: float
    interval: Interval


def reach(bars: Sequence[Bar]) -> np.ndarray:
    """How far each interval reaches below and above its value, shape (2, bars)."""
    return np.clip(
        [
            [bar.value - bar.interval.low for bar in bars],
            [bar.interval.high - bar.value for bar in bars],
        ],
        0,
        None,
    )


@styled
def search(path: Path, candidates: Sequence[Bar], n: int) -> None:
    """The settings tried on n pictures, by out-of-fold accuracy, best first, with 95% intervals."""
    bars = candidates[:30]
    figure, axis = new_figure(8, 1.4 + 0.32 * len(bars))
    places, values = np.arange(len(bars)), [bar.value for bar in bars]
    axis.errorbar(values, places, xerr=reach(bars), fmt="o", color=BLUE, capsize=3)
    axis.set_yticks(places, [plain(bar.name, 60) for bar in bars])
    axis.invert_yaxis()
    more = f", the best {len(bars)} of {len(candidates)}" if len(bars) < len(candidates) else ""
    axis.set(title=f"Settings tried{more}", xlabel=f"out-of-fold accuracy, 95% interval (n = {n:,})")
    save(figure, path)


class Point(NamedTuple):
    """A candidate's score, the latency of its int8 file, and whether none as fast is better."""

    score: Bar
    latency_ms: float
    on_frontier: bool


@styled
def frontier(path: Path, points: Sequence[Point], n: int, limit_ms: float | None) -> None:
    """Out-of-fold accuracy on n pictures against latency; those on the frontier are named."""
    figure, axis = new_figure(8, 6)
    front = sorted((p for p in points if p.on_frontier), key=lambda p: p.latency_ms)
    axis.step([p.latency_ms for p in front], [p.score.value for p in front], where="post", color=BLUE)
    for p in points:
        shape = "os^Dv*PX"[front.index(p) % 8] if p.on_frontier else "."
        colour, name = (BLUE, plain(p.score.name, 60)) if p.on_frontier else (GREY, None)
        look = {"fmt": shape, "color": colour, "markersize": 8, "label": name}
        axis.errorbar(p.latency_ms, p.score.value, reach([p.score]), capsize=3, **look)
    if limit_ms is not None:
        axis.axvline(limit_ms, color=VERMILION, linestyle=":")
    axis.set(title="Candidates, the frontier in blue", xlabel="latency of the int8 file, ms, one thread")
    axis.set(ylabel=f"out-of-fold accuracy, 95% interval (n = {n:,})")
    figure.legend(loc="outside lower center", ncols=2, fontsize=8)
    save(figure, path)


@styled
def sample_sheet(
    path: Path, labels: Sequence[str], rows: Sequence[Sequence[np.ndarray]], classes: int
) -> None:
    """A row of pictures for each of some classes, of so many, as the model sees them: RGB, uint8."""
    some = f", {len(labels)} of {classes:,} classes" if len(labels) < classes else ""
    _sheet(path, [plain(label) for label in labels], rows, f"Training pictures, as the model sees them{some}")


@styled
def augmentation_sheet(path: Path, names: Sequence[str], views: Sequence[np.ndarray]) -> None:
    """The plain view of some pictures, and their random ones: RGB, uint8."""
    rows = [list(own[:8]) for own in views]
    _sheet(path, [plain(name) for name in names], rows, "The plain view (left) and random training views")


def _sheet(path: Path, names: Sequence[str], rows: Sequence[Sequence[np.ndarray]], title: str) -> None:
    columns = max(len(row) for row in rows)
    height, width = rows[0][0].shape[:2]
    down = _ACROSS * height / width
    figure = Figure((_ACROSS * columns + 1.2, down * len(rows) + 0.5), layout="constrained")
    axis = _in_inches(figure, _ACROSS * columns, down * len(rows))
    for number, row in enumerate(rows):
        for column, picture in enumerate(row):
            _show(axis, picture, _ACROSS * column, down * number, _ACROSS, down)
    axis.set_yticks([down * (number + 0.5) for number in range(len(rows))], names, fontsize=9)
    figure.suptitle(title, fontsize=10)
    save(figure, path)


def _in_inches(figure: Figure, width: float, height: float) -> Axes:
    """One pair of axes for all pictures, in inches from the upper left; a pair for each would be slow."""
    axis = figure.add_subplot(aspect="equal", xlim=(0, width), ylim=(height, 0), xticks=[], yticks=[])
    axis.set_anchor("N")
    axis.grid(visible=False)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    return axis


def _show(axis: Axes, picture: np.ndarray, left: float, top: float, width: float, height: float) -> None:
    """Draws a picture as large as it fits into a cell with a small margin."""
    inches = min((width - _MARGIN) / picture.shape[1], (height - _MARGIN) / picture.shape[0])
    x, y = left + width / 2, top + height / 2
    across, down = inches * picture.shape[1] / 2, inches * picture.shape[0] / 2
    axis.imshow(picture, extent=(x - across, x + across, y + down, y - down))


@styled
def captioned_sheet(
    path: Path, title: str, cells: Sequence[tuple[np.ndarray, str, str]], columns: int = 8
) -> None:
    """A grid of pictures, RGB, uint8, each with a coloured caption below."""
    columns = min(columns, max(2, len(cells)))
    rows = max(1, -(-len(cells) // columns))
    height, width = np.max([picture.shape[:2] for picture, _, _ in cells] or [(1, 1)], axis=0)
    cell, caption_height = 1.5, 0.42
    down = cell * height / width
    # About eleven letters per inch.
    lines = [
        part
        for line in title.split("\n")
        for part in textwrap.wrap(plain(line, 120), int(11 * cell * columns))
    ]
    above, row_height = 0.15 + 0.18 * len(lines), down + caption_height
    figure = Figure((cell * columns, row_height * rows + above), layout="constrained")
    axis = _in_inches(figure, cell * columns, row_height * rows)
    for number, (picture, caption, colour) in enumerate(cells):
        left, top = cell * (number % columns), row_height * (number // columns)
        _show(axis, picture, left, top, cell, down)
        text = "\n".join(plain(line, 26) for line in caption.split("\n"))
        axis.text(left + cell / 2, top + down, text, fontsize=7, color=colour, ha="center", va="top")
    if not cells:
        axis.text(0, down / 2, "none")
    figure.suptitle("\n".join(lines), fontsize=10)
    save(figure, path)
