"""The page in a real browser, from the file system, with the network off."""

from __future__ import annotations

from pathlib import Path

import pytest

from export import artifacts
from pipeline.core import runs
from tests.export.report.conftest import ARABIC, MARKUP, SCRIPT
from tests.support.verbs import RUN

pytestmark = pytest.mark.slow

WIDTHS = {"phone": 390, "desktop": 1400}


class Opened:
    """A page, and everything that it complained about or asked for."""

    def __init__(self, browser, path: Path, width: int = 1400, theme: str = "light", script: bool = True):
        self.context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=theme,
            offline=True,
            java_script_enabled=script,
        )
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.complaints.append(dialog.message), dialog.dismiss()))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri())
        if script:  # which begins after the first layout
            self.page.evaluate(
                "new Promise((end) => requestAnimationFrame(() => requestAnimationFrame(end)))"
            )

    def outside(self) -> list[str]:
        return [url for url in self.asked if not url.startswith(("data:", "file:"))]


@pytest.fixture
def opened(browser):
    pages: list[Opened] = []

    def open_page(path: Path, **options) -> Opened:
        pages.append(Opened(browser, path, **options))
        return pages[-1]

    yield open_page
    for one in pages:
        one.context.close()


@pytest.fixture(scope="session")
def report(whole) -> Path:
    return whole / RUN / artifacts.REPORT


@pytest.fixture(scope="session")
def hostile_report(hostile) -> Path:
    return hostile / runs.RUNS / "hostile" / artifacts.REPORT


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_it_opens_without_a_complaint_or_a_request_and_fits_the_screen(opened, report, theme, width):
    one = opened(report, width=width, theme=theme)
    assert one.complaints == []
    assert one.outside() == []
    assert one.page.evaluate("document.documentElement.scrollWidth") <= width
    ground = one.page.evaluate("getComputedStyle(document.body).backgroundColor")
    levels = [int(level) for level in ground.removeprefix("rgb(").removesuffix(")").split(",")]
    assert (min(levels) > 200) == (theme == "light")


# Text and pictures of the tables, by line: what reaches out of its part or lies over another.
BADLY_PLACED = """() => {
    const out = [], name = (what) => what.textContent?.trim().slice(0, 40) || what.src?.slice(0, 30);
    for (const box of document.querySelectorAll(".scroll, figure, pre, nav, dl, .sheet, .maps")) {
        // Many classes against as many scroll, below and beside their names.
        if (box.querySelector(".confusion") || !box.clientWidth) continue;
        if (box.scrollWidth > box.clientWidth + 1) out.push("cut off: " + (box.ariaLabel || box.className));
    }
    for (const table of document.querySelectorAll(".scroll > table:not(.confusion)")) {
        const reach = table.closest("section").getBoundingClientRect();
        const lines = [], words = document.createTreeWalker(table, NodeFilter.SHOW_TEXT);
        while (words.nextNode()) {
            if (!words.currentNode.data.trim()) continue;
            const range = document.createRange();
            range.selectNodeContents(words.currentNode);
            for (const line of range.getClientRects()) lines.push([line, words.currentNode]);
        }
        for (const image of table.querySelectorAll("img")) lines.push([image.getBoundingClientRect(), image]);
        lines.forEach(([one, what], place) => {
            if (one.left < reach.left || one.right > reach.right) out.push("outside: " + name(what));
            for (const [other, that] of lines.slice(place + 1)) {
                const across = Math.min(one.right, other.right) - Math.max(one.left, other.left);
                const down = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
                if (that === what || across < 1 || down < 4) continue;
                out.push(`over each other: ${name(what)}, ${name(that)}`);
            }
        });
    }
    return out;
}"""


@pytest.mark.parametrize("which", ["report", "hostile_report"])
@pytest.mark.parametrize("width", [360, 768, 1100, 1600])
def test_nothing_is_cut_off_and_nothing_lies_over_another(opened, request, width, which):
    one = opened(request.getfixturevalue(which), width=width)
    # Thumbnails have no size before they are decoded.
    one.page.evaluate("Promise.all([...document.images].map((image) => image.decode()))")
    assert one.page.evaluate("document.documentElement.scrollWidth") <= width
    assert one.page.evaluate(BADLY_PLACED) == []


def test_a_table_that_does_not_fit_names_its_columns_in_every_row(opened, report):
    one = opened(report, width=360)
    cell = one.page.locator("#fails tbody tr").first.locator("td").last
    assert one.page.locator("#fails table.stacked thead").is_hidden()
    shown = one.page.evaluate("(cell) => getComputedStyle(cell, '::before').content", cell.element_handle())
    assert shown == '"most similar training picture"'
    one.page.set_viewport_size({"width": 1600, "height": 900})
    one.page.locator("table.stacked").first.wait_for(state="detached")
    assert one.page.locator("#fails thead").is_visible()


def test_its_script_never_waits_for_a_layout(browser, report):
    """To ask for a width while the page is read makes the browser lay out all of it within the script."""
    page = browser.new_page(viewport={"width": 390, "height": 900})
    page.add_init_script("""
        const own = Object.getOwnPropertyDescriptor(Element.prototype, "scrollWidth");
        window.asked = [];
        Object.defineProperty(Element.prototype, "scrollWidth", {
            get() { window.asked.push(document.currentScript !== null); return own.get.call(this); },
        });
    """)
    page.goto(report.as_uri())
    page.locator("table.stacked").first.wait_for()
    asked = page.evaluate("window.asked")
    page.close()
    assert asked
    assert not any(asked)


def test_the_first_screen_says_whether_the_file_may_be_shipped(opened, report):
    one = opened(report, width=390)
    title = one.page.locator("#verdict h2")
    assert title.bounding_box()["y"] < 200
    assert title.inner_text().strip() in (
        "It may be shipped",
        "Look before you ship it",
        "Do not ship it",
    )
    assert one.page.locator("#verdict > p").count() == 3


def test_every_picture_is_decoded(opened, report):
    one = opened(report)
    sizes = one.page.evaluate("""async () => {
        await Promise.all([...document.images].map((image) => image.decode()));
        return [...document.images].map((image) => image.naturalWidth);
    }""")
    assert len(sizes) > 40
    assert min(sizes) > 0


def test_the_parts_come_in_order(opened, report):
    one = opened(report)
    ids = one.page.evaluate("[...document.querySelectorAll('main section')].map((part) => part.id)")
    assert ids == ["verdict", "file", "learned", "fails", "looks", "data", "gaps", "speed", "repeat"]


def test_tables_sort_by_their_heads_with_the_keyboard(opened, report):
    one = opened(report)
    table = one.page.locator("#file table.sorts")
    button = table.locator("th button", has_text="MB")
    button.focus()
    for way, reverse in (("ascending", False), ("descending", True)):
        one.page.keyboard.press("Enter")
        assert table.locator("th[aria-sort]").get_attribute("aria-sort") == way
        shown = [float(text) for text in table.locator("tbody tr td:nth-child(3)").all_inner_texts()]
        assert shown == sorted(shown, reverse=reverse)
    assert table.locator("tbody tr").count() == 4


def test_a_cell_opens_its_pictures_and_escape_brings_back(opened, report):
    one = opened(report)
    cell = one.page.locator("table.confusion td.right a").first
    count = int(cell.inner_text())
    cell.focus()
    one.page.keyboard.press("Enter")
    panel = one.page.locator(".cell:target")
    panel.wait_for(state="visible")
    assert f": {count} picture" in panel.locator("h4").inner_text()
    assert panel.locator("img").count() == min(count, 12)
    assert one.page.evaluate("document.activeElement.className") == "cell"
    one.page.keyboard.press("Escape")
    assert panel.count() == 0
    assert one.page.evaluate("document.activeElement.textContent") == str(count)


def test_without_its_script_cells_open_and_tables_are_read(opened, report):
    one = opened(report, script=False)
    cell = one.page.locator("table.confusion td.right a").first
    cell.click()
    assert one.page.locator(".cell:target").is_visible()
    assert one.page.locator("th button").count() == 0


def test_the_keyboard_reaches_every_link_and_its_focus_is_seen(opened, report):
    one = opened(report)
    reached = set()
    for _ in range(12):
        one.page.keyboard.press("Tab")
        reached.add(one.page.evaluate("document.activeElement.getAttribute('href')"))
        outline = one.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none"
    assert {"#verdict", "#file", "#learned", "#fails", "#looks", "#data", "#gaps"} <= reached


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_axe_finds_no_serious_fault(opened, report, theme, width):
    from axe_playwright_python.sync_playwright import Axe

    one = opened(report, theme=theme, width=width)
    one.page.evaluate("location.hash = document.querySelector('.cell').id")
    found = Axe().run(one.page).response["violations"]
    serious = [
        (fault["id"], fault["nodes"][0]["html"][:200])
        for fault in found
        if fault["impact"] in ("serious", "critical")
    ]
    assert serious == []


def test_hostile_names_are_text_and_nothing_runs(opened, hostile_report):
    one = opened(hostile_report)
    assert one.complaints == []
    assert one.page.locator("script").count() == 1
    heads = [
        head.strip("\u2068\u2069") for head in one.page.locator("table.confusion thead th").all_inner_texts()
    ]
    assert heads[1:] == sorted([SCRIPT, ARABIC, MARKUP])
    body = one.page.locator("body").inner_text()
    for name in (SCRIPT, ARABIC, MARKUP):
        assert body.count(name) > 5
    reviewed = opened(hostile_report.with_name(artifacts.REVIEW))
    assert reviewed.complaints == []
    assert reviewed.page.locator("script").count() == 2
    choices = reviewed.page.locator("#choices span").all_inner_texts()
    assert choices == sorted([SCRIPT, ARABIC, MARKUP])
    assert any(name in reviewed.page.inner_text("#said") for name in choices)
    # Numbers beside a name that runs from right to left stay where they are.
    assert body.count(f"\u2068{ARABIC}\u2069") == body.count(ARABIC)


def test_a_script_that_got_in_would_not_run(opened, report, tmp_path):
    tampered = tmp_path / "tampered.html"
    text = report.read_text("utf-8")
    tampered.write_text(
        text.replace("</main>", "<script>alert(1)</script><img src=x onerror=alert(2)></main>")
    )
    one = opened(tampered)
    assert not {"1", "2"} & set(one.complaints)
    assert any("Content Security Policy" in complaint for complaint in one.complaints)


def test_it_prints_with_dark_ink_on_white_and_without_navigation(opened, report):
    one = opened(report, theme="dark", width=720)  # A4 without its margins
    one.page.emulate_media(media="print", color_scheme="dark")
    assert one.page.evaluate("document.documentElement.scrollWidth") <= 720
    assert one.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not one.page.locator("nav").is_visible()
    assert len(one.page.pdf()) > 50_000
