from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.screenshot import FLAGS
from export.bundle import bundle
from export.model_file import metadata
from pipeline.core.sections import FLAVOURS
from tests.support import small_models, verbs

# Fixtures of several folders.
from tests.support.phone_fixtures import adb_variables, connect_phone, no_adb, own_adb, phone  # noqa: F401


@pytest.fixture(scope="session")
def small_bundles(tmp_path_factory) -> dict[str, Path]:
    """A bundle of every flavour, by its name; not to be written into."""

    def make(place: Path) -> None:
        for flavour in FLAVOURS:
            (place / flavour).mkdir()
            said = metadata.classifier(small_models.LABELS, small_models.FRAME, flavour)
            data = metadata.write(small_models.build(flavour), said, small_models.FRAME)
            (place / flavour / bundle.model_name(flavour)).write_bytes(data)
            contract = bundle.make_contract(
                data, flavour=flavour, labels=small_models.LABELS, threshold=0.4296875, content_aspect=16 / 9
            )
            bundle.write(contract, place / flavour)

    place = verbs.made_once(tmp_path_factory, "bundles", make)
    return {flavour: place / flavour for flavour in FLAVOURS}


@pytest.fixture
def int8_bundle(small_bundles, tmp_path) -> Path:
    """An int8 bundle of the test's own."""
    return Path(shutil.copytree(small_bundles["int8"], tmp_path / "int8"))


@pytest.fixture(scope="session")
def film(tmp_path_factory) -> Path:
    """What the browser's camera shows, once a test has written it; .y4m."""
    return tmp_path_factory.mktemp("camera") / "film.y4m"


@pytest.fixture(scope="session")
def browser(film) -> Iterator[Any]:
    """Debian's Chromium, headless; one for all pages, as playwright has only one in a process."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("needs chromium; make setup installs it where apt-get has it (Ubuntu has only a snap)")
    from playwright.sync_api import sync_playwright

    camera = ("--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={film}")
    with sync_playwright() as play:
        opened = play.chromium.launch(executable_path=chromium, args=[*FLAGS, *camera])
        yield opened
        opened.close()
