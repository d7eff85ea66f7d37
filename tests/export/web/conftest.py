"""One page of a finished run, and what Python answers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from export import artifacts
from export.bundle import bundle
from export.bundle.bundle import Bundle
from export.web import litert_js, web
from pipeline.core.runs import Run
from pipeline.images import decode
from pipeline.images.letterbox import letterbox
from pipeline.tflite import interpreter as litert
from tests.support import verbs

_FRAME = (320, 240)  # of the camera; the page cuts its middle out
_FPS = 60


@pytest.fixture(scope="session")
def library() -> litert_js.LiteRtJs:
    if not litert_js.ARCHIVE.is_file():
        pytest.skip("needs LiteRT.js; make setup fetches it")
    return litert_js.read()


@pytest.fixture(scope="session")
def place(tmp_path_factory, library) -> Path:
    """A working directory with a finished run and its page; not to be changed."""

    def build(place: Path) -> None:
        verbs.copy_finished(tmp_path_factory, place)
        with contextlib.chdir(place):
            web.make(Run(verbs.RUN))

    return verbs.made_once(tmp_path_factory, "with_page", build)


@pytest.fixture(scope="session")
def page_file(place) -> Path:
    return place / verbs.RUN / artifacts.TRY


@pytest.fixture(scope="session")
def found(place) -> Bundle:
    return bundle.read(place / verbs.RUN / "export/int8")


@pytest.fixture(scope="session")
def answer(found) -> Callable[[np.ndarray], np.ndarray]:
    """The probabilities of a picture by Python's XNNPACK."""
    interpreter = litert.Interpreter(found.data, num_threads=1, kernels=litert.XNNPACK)
    frame = found.contract.input.frame
    return lambda pixels: found.contract.output.probabilities(
        interpreter.run(letterbox(pixels, frame)).tobytes()
    )


@pytest.fixture(scope="session")
def sure(place, answer) -> np.ndarray:
    """The run's picture that the model is most certain of, RGB."""
    pictures = [decode.read(path) for path in sorted((place / "pictures").rglob("*.jpg"))]
    return max(pictures, key=lambda pixels: answer(pixels).max())


@pytest.fixture(scope="session")
def seen(film, sure) -> np.ndarray:
    """The picture that the camera sees, as wide as its frame."""
    _write_y4m(film, sure)
    return sure


def _write_y4m(path: Path, pixels: np.ndarray) -> None:
    """A film of two frames, the picture in the middle of grey; 4:2:0, BT.601 in the range of video."""
    width, height = _FRAME
    canvas = Image.new("RGB", _FRAME, (128, 128, 128))
    shown = Image.fromarray(pixels).resize((width, round(width * pixels.shape[0] / pixels.shape[1])))
    canvas.paste(shown, (0, (height - shown.height) // 2))
    red, green, blue = np.moveaxis(np.asarray(canvas).astype(float), 2, 0)
    luma = 16 + (65.481 * red + 128.553 * green + 24.966 * blue) / 255
    chroma = (
        128 + (-37.797 * red - 74.203 * green + 112 * blue) / 255,
        128 + (112 * red - 93.786 * green - 18.214 * blue) / 255,
    )
    halves = [part.reshape(height // 2, 2, width // 2, 2).mean((1, 3)) for part in chroma]
    frame = b"FRAME\n" + b"".join(np.rint(part).astype(np.uint8).tobytes() for part in (luma, *halves))
    path.write_bytes(f"YUV4MPEG2 W{width} H{height} F{_FPS}:1 Ip A1:1 C420jpeg\n".encode() + 2 * frame)


class Opened:
    """A page, and everything that it complained about, said or asked for."""

    def __init__(
        self, browser: Any, path: Path, script: str = "", camera: bool = True, **context: Any
    ) -> None:
        self.context = browser.new_context(
            viewport={"width": 1200, "height": 900}, offline=True, accept_downloads=True, **context
        )
        if camera:
            self.context.grant_permissions(["camera"])
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.complaints.append(dialog.message), dialog.dismiss()))
        self.page.on("request", lambda request: self.asked.append(request.url))
        if script:
            self.page.add_init_script(script)
        self.page.goto(path.as_uri())
        self.page.locator("body[data-ready], #check.alarm").first.wait_for()

    def text(self, selector: str) -> str:
        return self.page.locator(selector).inner_text()

    def drop(self, *paths: Path) -> None:
        """Drags files and folders onto the page, as a file manager does."""
        session = self.context.new_cdp_session(self.page)
        data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            session.send("Input.dispatchDragEvent", {"type": kind, "x": 300, "y": 300, "data": data})
        session.detach()

    def saved(self, selector: str, folder: Path) -> Path:
        """What a button saves."""
        with self.page.expect_download() as waiting:
            self.page.locator(selector).click()
        waiting.value.save_as(folder / waiting.value.suggested_filename)
        return folder / waiting.value.suggested_filename

    def outside(self) -> list[str]:
        return [url for url in self.asked if not url.startswith(("data:", "file:", "blob:"))]


@pytest.fixture
def open_page(browser) -> Iterator[Callable[..., Opened]]:
    pages: list[Opened] = []

    def opened(path: Path, **options: Any) -> Opened:
        pages.append(Opened(browser, path, **options))
        return pages[-1]

    yield opened
    for one in pages:
        one.context.close()
