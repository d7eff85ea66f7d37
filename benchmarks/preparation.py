"""How fast pictures come from disk into the model's frame.

Measured: 1280x720 JPEGs into a frame of 224x128 on all cores, as training prepares them: the
plain view, which is scored and so decoded fully, and the start of the augmented views, decoded
at reduced scale. Reference: the same pictures decoded fully and letterboxed in one thread.
Expected on 2 cores: at least 1.5 times as fast for the plain view, 3 times for the augmented.
In addition, without an expectation: complete augmented views, four from each decoded picture.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks import measure
from benchmarks.measure import Figure, Spread
from pipeline.core import parallel
from pipeline.core.sections import Augment
from pipeline.core.size import Size
from pipeline.data import synthetic
from pipeline.images import decode
from pipeline.images.letterbox import letterbox
from pipeline.images.views import plain_view, random_views

FRAME = Size(224, 128)
PER_CLASS = 20
TURNS = 9


def run(folder: Path) -> list[Figure]:
    """The figures of this module; draws its pictures below `folder`."""
    synthetic.draw_channels(folder / "few", train=PER_CLASS, test=0)
    paths = sorted((folder / "few").glob("train/*/*.jpg"))
    settings = Augment()
    views = settings.views

    def plain(path: Path) -> object:
        return plain_view(path, FRAME)

    def reduced(path: Path) -> object:
        return letterbox(decode.read(path, for_frame=FRAME), FRAME)

    def augmented(path: Path) -> object:
        return list(random_views(path, path.stem, settings, FRAME, seed=0))

    def rate(way: Callable[[Path], object], threads: int | None) -> float:
        for path in paths[:4]:
            way(path)
        taken = measure.seconds(lambda: list(parallel.ordered(way, paths, threads)))
        return len(paths) / taken

    spreads = measure.in_turns(
        {
            "reference": partial(rate, plain, 1),
            "plain": partial(rate, plain, None),
            "reduced": partial(rate, reduced, None),
            "augmented": lambda: views * rate(augmented, None),
        },
        TURNS,
    )
    cores = f"{parallel.cores()} cores"
    reference = spreads["reference"]

    def figure(what: str, name: str, least: float | None) -> Figure:
        ratio: Spread = spreads[name].per(reference)
        return Figure(
            what,
            spreads[name].text("{:.0f}") + " a second",
            "full decode + letterbox, one thread: " + reference.text("{:.0f}") + " a second",
            ratio.text("{:.1f}×"),
            f"≥ {least}×" if least else "",
            ratio.median >= least if least else None,
        )

    return [
        figure(f"1280×720 JPEG, reduced decode + letterbox, {cores}", "reduced", 3),
        figure(f"1280×720 JPEG, full decode + letterbox, {cores}", "plain", 1.5),
        figure(f"1280×720 JPEG, complete augmented views, {views} per picture, {cores}", "augmented", None),
    ]
