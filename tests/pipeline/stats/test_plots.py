from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from pipeline.stats import class_plots, plots
from pipeline.stats.metrics import Interval

PLAIN = ["cat", "dog", "emu"]
HOSTILE = [
    "$x_1$",
    "<b>&",
    "قطة",
    "a name of exactly sixty characters, which is rather too long",
    "_under^hat",
    r"\alpha",
    "100 % {sure}",
]


def curves_of(epochs: int = 5, folds: int = 3) -> list[dict[str, list[float]]]:
    random = np.random.default_rng(0)
    names = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
    return [{name: random.random(epochs).tolist() for name in names} for _ in range(folds)]


def counts_of(labels: list[str]) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 40, (len(labels), len(labels)))


def bars_of(labels: list[str]) -> list[plots.Bar]:
    return [
        plots.Bar(label, 0.1 * at % 1, Interval(0.0, min(1, 0.1 * at % 1 + 0.1)))
        for at, label in enumerate(labels)
    ]


def search_of(rows: int) -> list[plots.Bar]:
    return [
        plots.Bar(f"l2 {0.001 * (at + 1)}, backbone efficientnet_lite0", 0.5 + at / 100, Interval(0.4, 0.9))
        for at in range(rows)
    ]


def points_of(labels: list[str]) -> list[plots.Point]:
    return [plots.Point(bar, 1 + at, at % 3 != 1) for at, bar in enumerate(bars_of(labels))]


def pictures_of(rows: int, columns: int, size: tuple[int, int] = (32, 64)) -> list[list[np.ndarray]]:
    random = np.random.default_rng(2)
    return [[random.integers(0, 256, (*size, 3), np.uint8) for _ in range(columns)] for _ in range(rows)]


Draw = Callable[[Path, list[str]], None]
DRAWINGS: dict[str, Draw] = {
    "curves.svg": lambda path, labels: plots.curves(path, curves_of(), 3, 1234),
    "classes.svg": lambda path, labels: class_plots.class_histogram(
        path, labels, {"train": [80 + at for at in range(len(labels))], "held-out": [20] * len(labels)}
    ),
    "confusion.svg": lambda path, labels: class_plots.confusion(path, labels, counts_of(labels)),
    "f1.svg": lambda path, labels: class_plots.f1(path, bars_of(labels), [40] * len(labels)),
    "search.svg": lambda path, labels: plots.search(path, search_of(len(labels)), 500),
    "frontier.png": lambda path, labels: plots.frontier(path, points_of(labels), 500, 3.5),
    "samples.png": lambda path, labels: plots.sample_sheet(
        path, labels, pictures_of(len(labels), 3), len(labels)
    ),
    "augmentation.png": lambda path, labels: plots.augmentation_sheet(
        path, labels, [np.stack(row) for row in pictures_of(len(labels), 3)]
    ),
}
BY_LABEL = [name for name in DRAWINGS if name not in ("curves.svg", "search.svg", "frontier.png")]


@pytest.fixture
def drawn(monkeypatch) -> list[Figure]:
    """The figures that are saved, as objects."""
    kept: list[Figure] = []
    save = Figure.savefig

    def keep(figure: Figure, *arguments, **options) -> None:
        save(figure, *arguments, **options)
        kept.append(figure)

    monkeypatch.setattr(Figure, "savefig", keep)
    return kept


def texts(figure: Figure) -> list[Text]:
    """The words that are to be seen; ticks beyond the limits of their axis are never drawn."""
    beyond: set[int] = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
                if not low <= tick.get_loc() <= high:
                    beyond |= {id(tick.label1), id(tick.label2)}
    return [
        text
        for text in figure.findobj(Text)
        if text.get_visible() and text.get_text().strip() and id(text) not in beyond
    ]


def outside(figure: Figure) -> list[str]:
    """The words that stand, wholly or partly, beyond the canvas."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    width, height = figure.bbox.width, figure.bbox.height
    found = []
    for text in texts(figure):
        box = text.get_window_extent(canvas.get_renderer())
        if box.x0 < -1 or box.y0 < -1 or box.x1 > width + 1 or box.y1 > height + 1:
            found.append(text.get_text())
    return found


@pytest.mark.parametrize("labels", [PLAIN, HOSTILE], ids=["plain", "hostile"])
@pytest.mark.parametrize("name", sorted(DRAWINGS))
def test_every_figure_is_written_whole(tmp_path, name, labels):
    path = tmp_path / name
    DRAWINGS[name](path, labels)
    if path.suffix == ".svg":
        root = ET.parse(path).getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
    else:
        with Image.open(path) as image:
            image.load()
            assert image.format == "PNG"
            assert min(image.size) > 50
    assert [other.name for other in tmp_path.iterdir()] == [name]


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(DRAWINGS))
def test_the_same_input_gives_the_same_bytes(tmp_path, name):
    for folder in ("one", "other"):
        DRAWINGS[name](tmp_path / folder / name, HOSTILE)
    one, other = ((tmp_path / folder / name).read_bytes() for folder in ("one", "other"))
    assert one == other


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(DRAWINGS))
@pytest.mark.parametrize("labels", [PLAIN, HOSTILE, PLAIN[:2]], ids=["plain", "hostile", "two"])
def test_no_word_stands_outside_the_canvas(tmp_path, drawn, name, labels):
    with mpl.rc_context(plots._STYLE):
        DRAWINGS[name](tmp_path / name, labels)
        assert outside(drawn[0]) == []


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("classes.svg", 40),
        ("confusion.svg", 15),
        ("f1.svg", 40),
        ("samples.png", 10),
        pytest.param("confusion.svg", 40, marks=pytest.mark.slow),
        pytest.param("samples.png", 40, marks=pytest.mark.slow),
    ],
)
def test_many_classes_still_fit(tmp_path, drawn, name, count):
    labels = [f"class number {at}" for at in range(count)]
    with mpl.rc_context(plots._STYLE):
        DRAWINGS[name](tmp_path / name, labels)
        assert outside(drawn[0]) == []
        shown = [text.get_text() for text in texts(drawn[0])]
    assert sum(text.startswith("class number") for text in shown) >= count


def drawn_labels(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].get_yticklabels()]


def test_of_many_classes_the_smallest_are_drawn(tmp_path, drawn):
    labels = [f"class {at}" for at in range(300)]
    train = [100 - at % 60 for at in range(300)]
    class_plots.class_histogram(tmp_path / "c.svg", labels, {"train": train, "held-out": [5] * 300})
    # 5 classes each of 41, 42 ... 50 training pictures.
    assert drawn_labels(drawn[0]) == [f"class {at}" for n in range(10) for at in range(59 - n, 300, 60)]
    title = drawn[0].axes[0].get_title(loc="left")
    assert title == "Pictures per class, the 50 smallest of 300 classes"
    (words, _) = (text.get_text() for text in drawn[0].legends[0].get_texts())
    assert words == f"train (n = {sum(train):,})"


def test_of_many_classes_the_weakest_are_drawn(tmp_path, drawn):
    bars = [plots.Bar(f"class {at}", 1 - at / 300, Interval(0.0, 1.0)) for at in range(300)]
    class_plots.f1(tmp_path / "f.svg", bars, list(range(300)))
    assert drawn_labels(drawn[0]) == [f"class {at} (n = {at})" for at in range(299, 249, -1)]
    assert drawn[0].axes[0].get_title(loc="left").endswith(", the 50 weakest of 300 classes")


@pytest.mark.slow
def test_of_many_classes_the_most_confused_are_drawn(tmp_path, drawn):
    counts = np.diag(np.full(300, 9))
    counts[7, 200], counts[280, 150] = 3, 1
    class_plots.confusion(tmp_path / "m.svg", [f"class {at}" for at in range(300)], counts)
    kept = sorted({7, 200, 280, 150, *[at for at in range(300) if at != 7][:46]})
    assert drawn_labels(drawn[0]) == [f"class {at}" for at in kept]
    axis = drawn[0].axes[0]
    shown = {(round(t.get_position()[1]), round(t.get_position()[0])): t.get_text() for t in axis.texts}
    assert shown[kept.index(7), kept.index(200)] == "3"
    assert shown[kept.index(280), kept.index(150)] == "1"
    # Of all pictures, and not of those that are drawn.
    title = f"Held-out pictures (n = 2,704, accuracy {2700 / 2704:.3f}), the 50 most confused of 300 classes"
    assert axis.get_title(loc="left") == title


@pytest.mark.parametrize("name", BY_LABEL)
def test_class_names_are_shown_as_they_are(tmp_path, drawn, name):
    with mpl.rc_context(plots._STYLE):
        DRAWINGS[name](tmp_path / name, HOSTILE)
        FigureCanvasAgg(drawn[0]).draw()
        seen = [text for text in texts(drawn[0]) if not text.get_text().isdigit()]
    for label in HOSTILE:
        start = label[:12].replace("$", r"\$")
        found = [text for text in seen if text.get_text().startswith(start)]
        assert found, label
        for text in found:
            # What matplotlib would set as mathematics is no plain text any more.
            assert text._preprocess_math(text.get_text())[1] is False, label


def test_a_class_name_without_a_dollar_sign_keeps_its_backslash(tmp_path, drawn):
    class_plots.class_histogram(
        tmp_path / "c.svg", [r"a\b", "cost $5", "$5 and $6"], {"train": [1, 2, 3], "held-out": [1] * 3}
    )
    seen = {text.get_text() for text in drawn[0].axes[0].get_yticklabels()}
    shown = {text.replace(r"\$", "$") for text in seen}
    assert shown == {r"a\b", "cost $5", "$5 and $6"}
    axis = drawn[0].axes[0]
    for text in axis.get_yticklabels():
        clean, is_math = text._preprocess_math(text.get_text())
        assert not is_math
        assert clean in (r"a\b", "cost $5", "$5 and $6")


def test_a_figure_of_missing_letters_warns_nobody(tmp_path, recwarn):
    class_plots.f1(tmp_path / "f1.svg", bars_of(["日本語", "قطة"]), [2, 3])
    assert [str(warning.message) for warning in recwarn] == []


# What stands where.


@pytest.mark.parametrize("count", [0, 1, 5, 30])
def test_the_title_of_a_sheet_is_as_wide_as_its_pictures_at_most(tmp_path, drawn, count):
    cells = [(np.zeros((20, 30, 3), np.uint8), "a\nb", plots.GREEN)] * count
    title = "Keras against int8, held-out pictures: 1 of 36 answers changed\nbefore → after; orange was lost"
    plots.captioned_sheet(tmp_path / "s.png", title, cells)
    FigureCanvasAgg(drawn[0]).draw()
    words = drawn[0]._suptitle.get_window_extent()
    assert drawn[0].bbox.x0 <= words.x0
    assert words.x1 <= drawn[0].bbox.x1
    assert words.y1 <= drawn[0].bbox.y1


@pytest.mark.parametrize("count", [2, 3, 12, 40])
def test_the_legend_of_the_classes_covers_nothing(tmp_path, drawn, count):
    labels = [f"class {number}" for number in range(count)]
    class_plots.class_histogram(
        tmp_path / "c.svg", labels, {"train": [100] * count, "held-out": [30] * count}
    )
    figure = drawn[0]
    FigureCanvasAgg(figure).draw()
    legend = (figure.legends or [figure.axes[0].get_legend()])[0].get_window_extent()
    axis = figure.axes[0]
    axis.legend_ = None
    assert not legend.overlaps(axis.get_tightbbox())
    assert figure.bbox.y0 <= legend.y0 < legend.y1 <= figure.bbox.y1


def test_labels_stand_in_the_given_order_from_top_to_bottom(tmp_path, drawn):
    order = ["zebra", "ant", "mouse"]
    class_plots.class_histogram(tmp_path / "c.svg", order, {"train": [5, 6, 7], "held-out": [1, 2, 3]})
    class_plots.f1(tmp_path / "f.svg", bars_of(order), [3, 3, 3])
    class_plots.confusion(tmp_path / "m.svg", order, counts_of(order))
    for figure in drawn:
        FigureCanvasAgg(figure).draw()
        axis = figure.axes[0]
        places = [
            (-axis.transData.transform((0, tick.get_loc()))[1], tick.label1.get_text().split(" (")[0])
            for tick in axis.yaxis.get_major_ticks()
        ]
        assert [label for _, label in sorted(places)] == order
    across = [tick.get_text() for tick in drawn[2].axes[0].get_xticklabels()]
    assert across == order


def test_the_confusion_matrix_has_the_truth_in_rows_and_the_answers_in_columns(tmp_path, drawn):
    counts = [[50, 3, 0], [1, 40, 7], [0, 0, 60]]
    class_plots.confusion(tmp_path / "m.svg", PLAIN, np.array(counts))
    axis = drawn[0].axes[0]
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("answer", "truth")
    assert axis.get_title(loc="left") == "Held-out pictures (n = 161, accuracy 0.932)"
    shown = {(round(t.get_position()[1]), round(t.get_position()[0])): t.get_text() for t in axis.texts}
    assert shown == {(row, column): str(counts[row][column]) for row in range(3) for column in range(3)}


def test_the_confusion_matrix_is_that_of_scikit_learn_with_names_in_any_order(tmp_path, drawn):
    """Names in the contract's order, which is not that of the alphabet here."""
    from sklearn import metrics as judge

    names = ["emu", "ant", "cat", "dog"]
    random = np.random.default_rng(3)
    truth, predictions = random.integers(0, 4, (2, 200))
    expected = judge.confusion_matrix(
        [names[t] for t in truth], [names[a] for a in predictions], labels=names
    )
    with mpl.rc_context(plots._STYLE):
        class_plots.confusion(tmp_path / "m.svg", names, expected)
    axis = drawn[0].axes[0]
    assert [label.get_text() for label in axis.get_xticklabels()] == names
    assert [label.get_text() for label in axis.get_yticklabels()] == names
    shown = {(round(t.get_position()[1]), round(t.get_position()[0])): int(t.get_text()) for t in axis.texts}
    for row, column in np.ndindex(4, 4):
        times = sum(t == row and a == column for t, a in zip(truth, predictions, strict=True))
        assert shown[row, column] == expected[row, column] == times


def test_curves_show_the_band_over_the_folds_and_the_chosen_epoch(tmp_path, drawn):
    history = curves_of(epochs=6)
    plots.curves(tmp_path / "c.svg", history, 3, 1234)
    for axis, quantity in zip(drawn[0].axes[:2], ("loss", "accuracy"), strict=True):
        lines = {line.get_label(): line for line in axis.get_lines()}
        assert set(lines) == {"train", "validation", "epoch 3"}
        assert list(lines["epoch 3"].get_xdata()) == [3, 3]
        for part in ("train", "validation"):
            values = np.array([curve[f"{part}_{quantity}"] for curve in history])
            np.testing.assert_allclose(lines[part].get_ydata(), values.mean(0))
            assert list(lines[part].get_xdata()) == [1, 2, 3, 4, 5, 6]
        band = axis.collections[1].get_paths()[0].vertices
        validation = np.array([curve[f"validation_{quantity}"] for curve in history])
        assert band[:, 1].min() == pytest.approx(validation.min())
        assert band[:, 1].max() == pytest.approx(validation.max())
    assert drawn[0].get_suptitle() == "3 folds, 1,234 pictures; bands span the folds"


def test_curves_show_the_difference_to_the_chosen_epoch_within_each_fold(tmp_path, drawn):
    """Folds that differ by a constant differ in nothing that the number of epochs could change."""
    base = np.array([0.9, 0.5, 0.3, 0.4, 0.6])
    history = [
        {
            "train_loss": base.tolist(),
            "train_accuracy": base.tolist(),
            "validation_loss": (base + shift).tolist(),
            "validation_accuracy": base.tolist(),
        }
        for shift in (0.0, 1.0, 5.0)
    ]
    plots.curves(tmp_path / "c.svg", history, 3, 100)
    axis = drawn[0].axes[2]
    mean = next(line for line in axis.get_lines() if line.get_label() == "mean over the folds")
    np.testing.assert_allclose(mean.get_ydata(), base - 0.3, atol=1e-12)
    heights = axis.collections[0].get_paths()[0].vertices[:, 1]
    assert (
        np.abs(np.sort(np.unique(heights.round(9))) - np.sort(np.unique((base - 0.3).round(9)))).max() < 1e-6
    )


def test_curves_of_one_epoch_can_be_seen(tmp_path, drawn):
    """One point has no line, so it needs a mark."""
    plots.curves(tmp_path / "c.svg", curves_of(epochs=1), 1, 1234)
    for axis in drawn[0].axes:
        named = [line for line in axis.get_lines() if not line.get_label().startswith(("epoch 1", "_"))]
        marks = [line.get_marker() for line in named]
        assert all(mark not in ("None", "", None) for mark in marks)


def test_a_fold_without_pictures_has_no_curve(tmp_path, drawn):
    history = curves_of()
    history.append({name: [] for name in history[0]})
    plots.curves(tmp_path / "c.svg", history, 3, 1234)
    assert drawn[0].get_suptitle().startswith("3 folds")


def test_f1_bars_have_their_intervals(tmp_path, drawn):
    class_plots.f1(tmp_path / "f.svg", [plots.Bar("a", 0.8, Interval(0.7, 0.85))], [12])
    axis = drawn[0].axes[0]
    (bar,) = axis.patches
    assert bar.get_width() == pytest.approx(0.8)
    (segment,) = axis.collections[0].get_segments()
    assert sorted(segment[:, 0]) == pytest.approx([0.7, 0.85])
    assert axis.get_yticklabels()[0].get_text() == "a (n = 12)"


def test_a_long_search_says_how_many_are_shown(tmp_path, drawn):
    plots.search(tmp_path / "s.svg", search_of(45), 500)
    assert drawn[0].axes[0].get_title(loc="left") == "Settings tried, the best 30 of 45"


def test_a_sheet_shows_the_pixels_it_was_given(tmp_path, drawn):
    rows = pictures_of(2, 3)
    rows[1] = rows[1][:2]
    plots.sample_sheet(tmp_path / "s.png", ["a", "b"], rows, 2)
    shown = [image.get_array() for image in drawn[0].axes[0].images]
    expected = [picture for row in rows for picture in row]
    assert len(shown) == len(expected)
    for one, other in zip(shown, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_look_of_other_figures_is_left_alone(tmp_path):
    before = dict(mpl.rcParams)
    for name, draw in DRAWINGS.items():
        draw(tmp_path / name, PLAIN)
    assert dict(mpl.rcParams) == before


def test_no_date_and_no_path_gets_into_a_figure(tmp_path):
    for name, draw in DRAWINGS.items():
        draw(tmp_path / name, PLAIN)
        data = (tmp_path / name).read_bytes()
        assert str(tmp_path).encode() not in data
        assert not re.search(rb"20\d\d-\d\d-\d\d", data)
