"""The picture of a report for the README: its first screen, as Chromium shows it.

`python -m benchmarks.screenshot data/runs/demo/report.html docs/report.png`. Needs Debian's
Chromium on the path; the network is off. Pass `--dark`, `--width` and `--height` for other looks.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-sync",
)
MOST_BYTES = 400_000


def main() -> None:
    """Renders the page and writes the picture."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.screenshot", description=__doc__)
    parser.add_argument("page", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--width", type=int, default=1400)
    parser.add_argument("--height", type=int, default=1500, help="0 for the whole page")
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--part", help="the id of a part to begin at")
    asked = parser.parse_args()
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("error: chromium is missing; install it: sudo apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=list(FLAGS))
        context = browser.new_context(
            viewport={"width": asked.width, "height": asked.height or 1000},
            offline=True,
            color_scheme="dark" if asked.dark else "light",
            reduced_motion="reduce",  # else a part is not yet reached
        )
        page = context.new_page()
        page.goto(asked.page.resolve().as_uri() + (f"#{asked.part}" if asked.part else ""))
        page.screenshot(path=asked.picture, full_page=not asked.height)
        browser.close()
    size = asked.picture.stat().st_size
    much = f" (over the {MOST_BYTES // 1000} kB of a picture in docs)" if size > MOST_BYTES else ""
    print(f"{asked.picture}: {size / 1000:.0f} kB" + much)


if __name__ == "__main__":
    main()
