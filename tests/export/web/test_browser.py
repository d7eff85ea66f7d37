"""The page in a real browser, from the file system, with the network off."""

from __future__ import annotations

import base64
import contextlib
import csv
import dataclasses
import itertools
import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from export.android.photos import photos as scoring
from export.web import page, web
from export.web.page import Facts, HeldOut
from pipeline.core import stages
from pipeline.core.progress import ProgressReporter
from pipeline.core.runs import Run
from pipeline.images import decode
from pipeline.training.experiment import open_trained
from tests.support import app_cases, verbs
from tests.support.verbs import RUN

pytestmark = pytest.mark.slow

FRAMES = 500
SCRIPT, ARABIC, MARKUP = '<script>alert(1)</script> & "x"', "قطة", "*plain* | ../x [x](y)"
# The Letterbox on noise, against checksums: which lines differ.
FIT = """async ([source, lines]) => {
    const { Letterbox } = await import(source);
    const table = Int32Array.from({ length: 256 }, (_, n) => {
        for (let bit = 0; bit < 8; bit++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1;
        return n;
    });
    return lines.filter((line) => {
        const [width, height, frameWidth, frameHeight, seed, expected] = line.split(" ").map(Number);
        const noise = new Uint8Array(3 * width * height);
        for (let i = 0; i < noise.length; i++) {
            let x = (Math.imul(i, 0x9e3779b1) + seed) | 0;
            x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
            noise[i] = Math.imul(x ^ (x >>> 13), 0xc2b2ae35) >>> 24;
        }
        let sum = -1;
        for (const byte of new Letterbox(frameWidth, frameHeight).fit(noise, 3, width, height)) {
            sum = table[(sum ^ byte) & 255] ^ (sum >>> 8);
        }
        return (~sum >>> 0) !== expected;
    });
}"""
# The pixels of a file as the page reads them, in base64, and their size.
PIXELS = """async ([source, file]) => {
    const { pixelsOf } = await import(source);
    const bytes = Uint8Array.from(atob(file), (char) => char.charCodeAt(0));
    const { data, width, height } = await pixelsOf(new Blob([bytes]));
    let text = "";
    for (let i = 0; i < data.length; i++) if (i % 4 < 3) text += String.fromCharCode(data[i]);
    return [width, height, btoa(text)];
}"""


def module(name: str) -> str:
    """A module of the page that imports no other, for an empty page."""
    return (
        "data:text/javascript;base64," + base64.b64encode((page.FILES / f"{name}.js").read_bytes()).decode()
    )


@pytest.fixture(scope="module")
def empty(browser):
    context = browser.new_context(offline=True)
    yield context.new_page()
    context.close()


def pixels_of(empty, path: Path) -> np.ndarray:
    width, height, text = empty.evaluate(
        PIXELS, [module("pictures"), base64.b64encode(path.read_bytes()).decode()]
    )
    return np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width, 3)


def test_the_letterbox_equals_pythons_in_every_byte(empty):
    """A thousand random pictures and the extremes, of the same specification as the app's."""
    lines = app_cases.letterbox_cases(np.random.default_rng(1))
    assert len(lines) > 1000
    assert empty.evaluate(FIT, [module("letterbox"), lines]) == []


def test_the_fitted_size_equals_pythons(empty):
    lines = app_cases.fitted_cases(np.random.default_rng(2))
    wrong = empty.evaluate(
        """async ([source, lines]) => {
            const { fittedSize } = await import(source);
            return lines.filter((line) => {
                const [w, h, frameWidth, frameHeight, ...expected] = line.split(" ").map(Number);
                return fittedSize(w, h, frameWidth, frameHeight).join() !== expected.join();
            });
        }""",
        [module("letterbox"), lines],
    )
    assert wrong == []


def test_sha256_equals_pythons(empty):
    import hashlib

    sizes = [0, 1, 55, 56, 57, 63, 64, 65, 1000]
    given = empty.evaluate(
        """async ([source, sizes]) => {
            const { sha256 } = await import(source);
            return sizes.map((size) => sha256(Uint8Array.from({ length: size }, (_, i) => i)));
        }""",
        [module("bytes"), sizes],
    )
    assert given == [hashlib.sha256(bytes(i % 256 for i in range(size))).hexdigest() for size in sizes]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_upright_by_its_exif(empty, tmp_path, draw, orientation):
    path = tmp_path / "photo.jpg"
    exif = Image.Exif()
    exif[0x0112] = orientation
    # Chroma of full resolution: browsers smooth a halved one in their own ways.
    Image.fromarray(draw(45, 30, 7)).save(path, exif=exif, subsampling=0, quality=95)
    assert np.array_equal(pixels_of(empty, path), decode.read(path))


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1", "RGBA", "LA"])
def test_the_pixels_of_a_png_are_pythons(empty, tmp_path, draw, mode):
    path = tmp_path / "picture.png"
    image = Image.fromarray(draw(61, 37, 3)).convert(mode)
    if mode in ("RGBA", "LA"):
        image.putalpha(Image.linear_gradient("L").resize(image.size))
    image.save(path)
    difference = pixels_of(empty, path).astype(int) - decode.read(path)
    # Browsers multiply by alpha in their own ways; opaque pictures are equal.
    assert np.abs(difference).max() <= (mode in ("RGBA", "LA"))


@pytest.fixture(scope="module")
def field(tmp_path_factory, place) -> Path:
    """A folder of 100 PNGs in three classes, and what else lies in such folders."""
    root = tmp_path_factory.mktemp("field") / "field"
    for label in sorted((place / "pictures").iterdir()):
        (root / label.name).mkdir(parents=True)
        for number, path in enumerate(sorted(label.iterdir())[-34:]):
            # Other bytes than the run's own pictures, and other pixels.
            with Image.open(path) as image:
                image.rotate(1 + number % 3).save(root / label.name / f"{number}.png")
    first, second, third = sorted(root.iterdir())
    (third / "33.png").unlink()
    (third / "32.png").unlink()
    for name, content in (("none/x.png", 0), ("none/y.png", 200)):
        (root / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (50, 40), (content, 200, 30)).save(root / name)
    (root / "stranger").mkdir()
    Image.new("RGB", (50, 40)).save(root / "stranger/z.png")
    shutil.copy(first / "1.png", second / "copy.png")
    (second / "broken.png").write_bytes((second / "1.png").read_bytes()[:200])
    shutil.copy(min((place / "pictures" / first.name).iterdir()), first / "known.jpg")
    (first / ".hidden.png").write_bytes(b"")
    return root


@pytest.fixture(scope="module")
def scored(place, field, tmp_path_factory):
    """What `photos` says about that folder."""
    copy = Path(shutil.copytree(place, tmp_path_factory.mktemp("scored") / "place"))
    with contextlib.chdir(copy):
        return scoring.photos(open_trained(Run(RUN)), field, ProgressReporter())[0]


def numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"\d+(?:\.\d+)?", text)]


def three(*values: float) -> list[float]:
    return [float(f"{value:.3f}") for value in values]


def test_a_dropped_folder_gets_the_scores_of_photos(
    open_page, page_file, field, scored, found, answer, tmp_path
):
    one = open_page(page_file)
    vectors = len(found.contract.golden.vectors)
    assert (
        one.text("#check") == f"Checked: answers as on your computer ({vectors} golden vectors, identical)."
    )
    one.drop(field)
    one.page.locator("#folder h2").wait_for()
    assert scored.field.n == 100
    rows = csv.DictReader(one.saved("#save-table", tmp_path).read_text("utf-8").splitlines())
    given = {row["path"]: row for row in rows}
    for path, row in given.items():
        expected = answer(decode.read(field / path))
        assert [float(row[label]) for label in found.contract.labels] == expected.tolist(), path
        assert row["answer"] == found.contract.labels[expected.argmax()]
    assert {path for path, row in given.items() if row["truth"] == "none"} == {"none/x.png", "none/y.png"}
    assert len(given) == scored.field.n + scored.out_of_scope.n

    facts = [numbers(text) for text in one.page.locator("#folder .numbers dd").all_inner_texts()]
    overall = scored.field
    assert facts[0] == [overall.n]
    assert facts[1] == [*three(overall.accuracy), 95, *three(*overall.accuracy_interval)]
    assert facts[2] == three(overall.macro_f1)
    assert facts[3] == [*three(overall.dont_know), 95, *three(*overall.dont_know_interval)]
    by_class = one.page.locator("#folder table").first.locator("tbody tr")
    assert by_class.locator("th").all_inner_texts() == [scored.labels[row.index] for row in overall.classes]
    cells = [[numbers(text) for text in row.locator("td").all_inner_texts()] for row in by_class.all()]
    assert cells == [
        [[row.n], three(row.recall, *row.recall_interval), three(row.dont_know)] for row in overall.classes
    ]
    matrix = one.page.locator("table.confusion tbody tr")
    counts = [[int(text) for text in row.locator("td").all_inner_texts()] for row in matrix.all()]
    assert counts == [list(row) for row in overall.confusion]
    interval = ", ".join(f"{bound:.3f}" for bound in scored.out_of_scope.dont_know_interval)
    assert ", ".join(map(str, numbers(one.text("#folder div > p:has-text('something else')")))).endswith(
        ", ".join(map(str, numbers(interval)))
    )

    assert "1 picture is one that the model was trained or tested on" in one.text("#folder .alarm")
    assert scored.already_in_the_run == (f"{scored.labels[0]}/known.jpg",)
    left = one.page.locator("#folder details li").all_inner_texts()
    assert sorted(line.partition(": ")[0] for line in left) == [
        entry.path for entry in scored.excluded if not entry.path.endswith(".hidden.png")
    ]

    # The pictures behind a cell, by keyboard.
    button = matrix.first.locator("button").first
    count = int(button.inner_text())
    button.focus()
    one.page.keyboard.press("Enter")
    assert one.page.locator("#cell li").count() == min(count, 48)
    assert one.page.evaluate("document.activeElement.id") == "cell"
    one.page.locator("#cell .thumb").first.click()
    assert one.page.locator("#picture").is_visible()
    assert (one.complaints, one.outside()) == ([], [])


def test_the_slider_shows_what_another_threshold_would_change(open_page, page_file, place):
    one = open_page(page_file)
    arrays = Run(place / RUN).read_arrays(stages.PREDICTIONS, "int8.npz")
    top = arrays["probabilities"].max(1)
    right = arrays["probabilities"].argmax(1) == arrays["truth"]
    slider = one.page.locator("#threshold")
    trained = int(slider.input_value())
    slider.focus()
    for _ in range(20):
        one.page.keyboard.press("ArrowRight")
    answered = top >= (trained + 20) / 256
    assert numbers(one.text("#effect")) == [
        *(round(100 * answered.mean()), len(top), round(100 * right[answered].mean()))
    ]
    one.page.keyboard.press("End")
    assert one.text("#effect") == f"It would answer none of the {len(top)} held-out pictures."


def test_pictures_are_labelled_and_saved_as_photos_reads_and_adopts_them(
    open_page, page_file, place, field, seen, found, answer, tmp_path
):
    one = open_page(page_file)
    label, other = sorted(found.contract.labels)[:2]
    one.page.set_input_files("#files", [field / other / "3.png", field / label / "4.png", __file__])
    one.page.locator("#problem").wait_for()
    assert one.text("#problem").startswith("1 file is not scored: test_browser.py")
    one.page.locator("#open").click()
    one.page.locator("#shutter").click()
    one.page.locator("#cards li").nth(2).wait_for()
    one.page.locator("#close").click()
    choices = one.page.locator("#cards select")
    for number, chosen in enumerate(("None of them", label, other)):
        choices.nth(number).select_option(label=chosen)
    assert one.text("#kept") == "3 pictures are labelled."
    saved = one.saved("#save-kept", tmp_path)
    assert saved.name == "pictures-photos.zip"
    copy = Path(shutil.copytree(place, tmp_path / "place"))
    with zipfile.ZipFile(saved) as packed:
        assert packed.testzip() is None
        packed.extractall(copy / "photos")
    shot = next((copy / "photos/none").glob("camera-*.png"))
    shown = one.page.locator("#cards li").first.locator("span").inner_text()
    assert f"{round(100 * answer(decode.read(shot)).max())}%" in shown
    command = one.text("#keep code").partition(" && ")[2]
    words = command.removeprefix("python -m export ").split()
    ended = verbs.here("export", *words, cwd=copy)
    assert "3 in photos, 2 of them labelled and scored" in ended.stdout
    table = (copy / "data/pictures/field.csv").read_text("utf-8").splitlines()
    assert table[1:] == [f"field/{label}/4.png,{label},", f"field/{other}/3.png,{other},"]


def test_the_camera_is_answered_and_given_back(open_page, page_file, seen, answer, found):
    one = open_page(page_file, locale="fr-FR")
    assert one.page.evaluate("document.documentElement.lang") == "fr"
    assert one.text("#check").startswith("Vérifié\u00a0: mêmes réponses que sur votre ordinateur")
    one.page.evaluate("""() => {
        const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        self.tracks = [];
        navigator.mediaDevices.getUserMedia = async (wish) => {
            const stream = await ask(wish);
            self.tracks.push(...stream.getTracks());
            return stream;
        };
    }""")
    states = "self.tracks.map((track) => track.readyState).join()"
    one.page.locator("#open").click()
    one.page.locator("#bars li").first.wait_for()
    expected = answer(seen)
    assert one.text("#top") == found.contract.labels[expected.argmax()]
    share = numbers(one.text("#bars li b >> nth=0"))[0] / 100
    assert abs(share - expected.max()) < 0.1  # the film is larger, and in other colours than RGB
    # The guide has the shape of the training pictures.
    box = one.page.locator("#guide").bounding_box()
    assert box["width"] / box["height"] == pytest.approx(found.contract.input.content_aspect, rel=0.02)
    hide = "(hidden) => { Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });"
    hide += "document.dispatchEvent(new Event('visibilitychange')); }"
    one.page.evaluate(hide, True)
    assert one.page.evaluate(states) == "ended"
    one.page.evaluate(hide, False)
    one.page.wait_for_function(f"() => {states} === 'ended,live'")
    one.page.locator("#flip").click()
    one.page.wait_for_function(f"() => {states} === 'ended,ended,live'")
    one.page.locator("#close").click()
    assert one.page.evaluate(states) == "ended,ended,ended"
    assert one.page.locator("#open").is_visible()
    assert (one.complaints, one.outside()) == ([], [])


REFUSED = {
    "NotAllowedError": "The browser refuses the camera.",
    "NotFoundError": "This device has no usable camera.",
    "NotReadableError": "Another app is using the camera.",
    "TypeError": "The camera failed.",
}
# A browser that protects against fingerprinting.
ALTERED = """
const read = CanvasRenderingContext2D.prototype.getImageData;
CanvasRenderingContext2D.prototype.getImageData = function (...places) {
    const pixels = read.apply(this, places);
    pixels.data[0] ^= 1;
    return pixels;
};
"""


def test_a_camera_that_cannot_be_had_is_explained_and_an_altered_canvas_found(open_page, page_file):
    one = open_page(page_file, camera=False, script=ALTERED)
    assert one.text("#check").startswith("Self-test failed: this browser alters the pixels that a page reads")
    assert one.text("#check").endswith("Answers may be wrong.")
    one.page.locator("#open").click()
    one.page.locator("#problem").wait_for()
    assert one.text("#problem").startswith(REFUSED["NotAllowedError"])
    for error, words in REFUSED.items():
        one.page.evaluate(
            "(name) => { navigator.mediaDevices.getUserMedia = async () => { throw { name }; }; }", error
        )
        one.page.locator("#open").click()
        one.page.wait_for_function(
            "(words) => document.querySelector('#problem').textContent.startsWith(words)", arg=words
        )
    one.page.evaluate("Object.defineProperty(navigator, 'mediaDevices', { value: undefined })")
    one.page.locator("#open").click()
    assert one.text("#problem").startswith("The browser denies the camera to a page opened this way.")


def test_a_tampered_page_is_refused(open_page, page_file, tmp_path):
    text = page_file.read_text("utf-8")
    start = text.index('id="model">') + 1000
    for name, changed, words in (
        (
            "model",
            text[:start] + ("A" if text[start] != "A" else "B") + text[start + 1 :],
            "is not the model",
        ),
        (
            "contract",
            text.replace('"threshold":0.', '"threshold":0.0', 1),
            "The contract inside this page is not",
        ),
    ):
        assert changed != text
        (tmp_path / f"{name}.html").write_text(changed, "utf-8")
        one = open_page(tmp_path / f"{name}.html")
        assert words in one.text("#check")
        assert one.page.locator("#check.alarm").count() == 1
        assert one.page.locator("#open").is_disabled()
    # A script that got in does not run.
    (tmp_path / "more.html").write_text(text.replace("</main>", "<script>alert(1)</script></main>"), "utf-8")
    one = open_page(tmp_path / "more.html")
    assert "1" not in one.complaints
    assert any("Content Security Policy" in complaint for complaint in one.complaints)


def test_hostile_names_are_text_and_nothing_runs(open_page, found, library, tmp_path):
    contract = found.contract.model_copy(update={"labels": (SCRIPT, ARABIC, MARKUP)})
    levels = (0,) * 257
    facts = Facts(
        run=SCRIPT, flavour="int8", gate=None, held_out=HeldOut(n=0, answered=levels, right=levels), own=()
    )
    text = page.render(dataclasses.replace(found, contract=contract), facts, library)
    (tmp_path / "hostile.html").write_text(text, "utf-8")
    one = open_page(tmp_path / "hostile.html")
    Image.new("RGB", (9, 9)).save(tmp_path / "<b>x.png")
    one.page.set_input_files("#files", [tmp_path / "<b>x.png"])
    one.page.locator("#cards li").wait_for()
    assert set(one.page.locator("#bars li bdi").all_inner_texts()) == {SCRIPT, ARABIC, MARKUP}
    assert one.page.locator("#cards bdi").inner_text() == "<b>x.png"
    # Names with a slash cannot be folders, in which pictures are kept.
    options = one.page.locator("#cards select option")
    disabled = options.evaluate_all("all => all.filter((one) => one.disabled).map((one) => one.textContent)")
    assert disabled == [SCRIPT, MARKUP]
    assert one.page.locator("h1 bdi").inner_text() == SCRIPT
    assert one.complaints == []


def test_the_float32_page_answers_within_the_tolerance(open_page, place, tmp_path):
    copy = Path(shutil.copytree(place, tmp_path / "place"))
    with contextlib.chdir(copy):
        made = web.make(Run(RUN), "float32")
    one = open_page(copy / made.path)
    assert re.fullmatch(
        r"Checked: answers as on your computer \(\d+ golden vectors, largest difference 0\.0\d%\)\.",
        one.text("#check"),
    )
    assert one.text("#about").startswith("Built-in model: float32 (model_float32.tflite, sha256 ")


def test_memory_stays_flat_over_many_frames(open_page, page_file, seen):
    one = open_page(page_file)
    one.page.evaluate("""() => {
        self.grown = 0;
        const grow = WebAssembly.Memory.prototype.grow;
        WebAssembly.Memory.prototype.grow = function (pages) {
            self.grown += pages;
            return grow.call(this, pages);
        };
        self.frames = 0;
        const read = CanvasRenderingContext2D.prototype.getImageData;
        CanvasRenderingContext2D.prototype.getImageData = function (...places) {
            self.frames++;
            return read.apply(this, places);
        };
    }""")
    one.page.set_viewport_size({"width": 320, "height": 240})  # what is not seen is not painted
    session = one.context.new_cdp_session(one.page)

    def heap() -> float:
        session.send("HeapProfiler.collectGarbage")
        return session.send("Runtime.getHeapUsage")["usedSize"]

    one.page.locator("#open").click()
    one.page.wait_for_function("() => self.frames > 30")
    before, grown = heap(), one.page.evaluate("self.grown")
    one.page.wait_for_function(f"() => self.frames > {FRAMES + 30}")
    assert heap() - before < 2_000_000
    assert one.page.evaluate("self.grown") == grown


def test_axe_finds_no_serious_fault_and_nothing_is_wider_than_the_screen(open_page, page_file, field):
    from axe_playwright_python.sync_playwright import Axe

    one = open_page(page_file)
    label = min(path.name for path in field.iterdir())
    one.page.set_input_files("#files", [field / label / "3.png"])
    one.page.locator("#cards li").wait_for()
    one.page.locator("#cards select").select_option(index=1)
    one.drop(field / "none", field / label)
    one.page.locator("table.confusion button").first.click()
    for width, theme in itertools.product((360, 1400), ("light", "dark")):
        one.page.set_viewport_size({"width": width, "height": 900})
        one.page.emulate_media(color_scheme=theme)
        assert one.page.evaluate("document.documentElement.scrollWidth") <= width
        violations = Axe().run(one.page).response["violations"]
        serious = [
            (fault["id"], fault["nodes"][0]["html"][:200])
            for fault in violations
            if fault["impact"] in ("serious", "critical")
        ]
        assert serious == []
        ground = one.page.evaluate("getComputedStyle(document.body).backgroundColor")
        levels = [int(level) for level in ground.removeprefix("rgb(").removesuffix(")").split(",")]
        assert (min(levels) > 200) == (theme == "light")
