"""How long a user waits for the first answer in a browser.

Measured: from opening try.html, with the default backbone's int8 file inside, over the self-test and the
camera's button, pressed at once, to the first answer to a camera frame; Debian's Chromium, headless, with
its own imitation of a camera. Reference: until the page has checked itself. Expected: under 3 s on 2 cores.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from pathlib import Path

from benchmarks import exported, measure
from benchmarks.measure import Figure
from benchmarks.screenshot import FLAGS
from export.web import web

TRAIN, HELD_OUT = 20, 5  # per class
TURNS, LIMIT_S = 5, 3
_CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
_SETTINGS = ("train.epochs=10", "export.compensate=false")


def run(folder: Path) -> list[Figure]:
    """The figure of this module; none without Chromium."""
    chromium = shutil.which("chromium")
    if chromium is None:
        return []
    from playwright.sync_api import sync_playwright

    place = folder / "browser"
    place.mkdir()
    with contextlib.chdir(place):
        page = web.make(exported.experiment(TRAIN, HELD_OUT, _SETTINGS).run).path.resolve()
    checked, answered = [], []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=[*FLAGS, *_CAMERA])
        for _ in range(TURNS):
            context = browser.new_context(offline=True)
            opened = context.new_page()
            begin = time.perf_counter()
            opened.goto(page.as_uri())
            opened.locator("body[data-ready]").wait_for()
            checked.append(time.perf_counter() - begin)
            opened.locator("#open").click()
            opened.locator("#bars li").first.wait_for()
            answered.append(time.perf_counter() - begin)
            context.close()
        browser.close()
    first, ready = (measure.Spread(tuple(values)) for values in (answered, checked))
    return [
        Figure(
            f"try.html, {page.stat().st_size / 1e6:.1f} MB: from opening to the first camera answer",
            first.text("{:.1f} s"),
            f"until it has checked itself {ready.text('{:.1f} s')}",
            first.per(ready).text("{:.1f}×"),
            f"< {LIMIT_S} s",
            first.median < LIMIT_S,
        )
    ]
