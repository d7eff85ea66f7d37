"""The picture of a report for the README: its first screen, as Chromium shows it.

`python -m benchmarks.screenshot data/runs/demo/report.html docs/report.png`. Needs Debian's
Chromium on the path; the network is off. `--dark`, `--width` and `--height` change its appearance;
`--files` gives pictures to try.html.
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
    parser.add_argument("--files", type=Path, nargs="+", default=(), help="pictures to give to try.html")
    options = parser.parse_args()
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("error: chromium is missing; install it: sudo apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=list(FLAGS))
        context = browser.new_context(
            viewport={"width": options.width, "height": options.height or 1000},
            offline=True,
            color_scheme="dark" if options.dark else "light",
            reduced_motion="reduce",  # otherwise the page has not scrolled to the part yet
        )
        page = context.new_page()
        page.goto(options.page.resolve().as_uri() + (f"#{options.part}" if options.part else ""))
        if options.files:
            page.locator("body[data-ready]").wait_for()
            page.set_input_files("#files", options.files)
            page.locator(f"#cards li:nth-child({len(options.files)})").wait_for()
        page.screenshot(path=options.picture, full_page=not options.height)
        browser.close()
    size = options.picture.stat().st_size
    much = f" (over the {MOST_BYTES // 1000} kB of a picture in docs)" if size > MOST_BYTES else ""
    print(f"{options.picture}: {size / 1000:.0f} kB" + much)


if __name__ == "__main__":
    main()
