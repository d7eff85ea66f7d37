from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from pipeline.data.collect.thumbnails import LADDER, PLACEHOLDER, Fetched, Missing, Thumbnail, best, check
from tests.support.youtube import picture, placeholder

MAXRES, SD, HQ = LADDER
GONE = Fetched(reason="HTTP 404", lasting=True)


def jpeg(pixels: np.ndarray, quality: int = 80, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, **options)
    return file.getvalue()


def server(**predictions: Fetched):
    """Gives these by the name of the size, and 404 for the others."""
    return lambda address: predictions.get(address.rsplit("/", 1)[1].replace(".", "_"), GONE)


@pytest.mark.parametrize(
    ("variant", "width", "height", "fits"),
    [
        (MAXRES, 1280, 720, True),
        (MAXRES, 1920, 1080, True),
        (MAXRES, 1279, 719, False),
        (MAXRES, 1280, 960, False),
        (MAXRES, 120, 90, False),
        (SD, 640, 480, True),
        (SD, 640, 360, False),
        (HQ, 480, 360, True),
        (HQ, 120, 90, False),
    ],
)
def test_every_size_has_its_pixels(variant, width, height, fits):
    assert variant.fits(width, height) is fits


@pytest.mark.parametrize(("variant", "inner", "rows"), [(SD, (640, 360), 60), (HQ, (480, 270), 45)])
@pytest.mark.parametrize("quality", [30, 75, 95])
def test_the_bars_in_4_3_are_cut_to_the_row_and_nothing_else_changes(draw, variant, inner, rows, quality):
    whole = np.zeros((variant.height, variant.width, 3), np.uint8)
    whole[rows:-rows] = draw(*inner, seed=quality)
    data = jpeg(whole, quality)
    found = check(data, variant, "jpg")
    assert isinstance(found, Thumbnail)
    assert (found.width, found.height, found.cut) == (*inner, rows)
    was, now = (Image.open(io.BytesIO(one)) for one in (data, found.data))
    assert now.quantization == was.quantization
    assert now.layer == was.layer
    kept = np.asarray(was)[rows:-rows].astype(int)
    assert np.abs(kept - np.asarray(now)).mean() < 3


def test_a_dark_picture_is_cut_like_any_other(draw):
    whole = np.zeros((480, 640, 3), np.uint8)
    whole[200:260] = draw(640, 60)
    found = check(jpeg(whole), SD, "jpg")
    assert isinstance(found, Thumbnail)
    assert (found.height, found.cut) == (360, 60)


def test_a_picture_that_fills_4_3_is_kept_whole_to_the_byte(draw):
    data = jpeg(draw(640, 480, tint=(200, 180, 40)))
    found = check(data, SD, "jpg")
    assert isinstance(found, Thumbnail)
    assert (found.data, found.cut, found.height) == (data, 0, 480)


def test_bars_on_one_side_only_belong_to_the_picture(draw):
    whole = np.full((480, 640, 3), 150, np.uint8)
    whole[:60] = 0
    found = check(jpeg(whole), SD, "jpg")
    assert isinstance(found, Thumbnail)
    assert found.cut == 0


def test_black_rows_of_a_16_9_picture_belong_to_it():
    whole = np.zeros((720, 1280, 3), np.uint8)
    whole[100:-100] = 170
    data = jpeg(whole)
    found = check(data, MAXRES, "jpg")
    assert isinstance(found, Thumbnail)
    assert (found.data, found.cut) == (data, 0)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "not a readable picture"),
        (b"\n <html>", "got a web page instead of a picture"),
        (picture("A0000000001", 1280, 720)[:900], "cannot be decoded"),
        (placeholder(), PLACEHOLDER),
        (picture("A0000000001", 1280, 720, "WEBP"), "WEBP instead of JPEG"),
        (picture("A0000000001", 640, 480), "640x480 pixels instead of 1280x720"),
    ],
    ids=("empty", "page", "half", "placeholder", "webp", "small"),
)
def test_what_is_wrong_is_said_and_without_a_path(data, said):
    found = check(data, MAXRES, "jpg")
    assert isinstance(found, Fetched)
    assert found.reason.startswith(said)
    assert "maxresdefault" not in found.reason
    assert found.lasting == (said == PLACEHOLDER)


def test_jpeg_is_asked_for_first_and_webp_only_where_there_is_none():
    asked: list[str] = []

    def get(address: str) -> Fetched:
        asked.append(address.removeprefix("https://i.ytimg.com/"))
        return GONE

    found = best("A0000000001", get)
    assert found == Missing("HTTP 404 for every size", lasting=True)
    sizes = ("maxresdefault", "sddefault", "hqdefault")
    assert asked == [
        *(f"vi/A0000000001/{size}.jpg" for size in sizes),
        *(f"vi_webp/A0000000001/{size}.webp" for size in sizes),
    ]


def test_reasons_are_gathered_and_only_those_that_last_count_as_lasting():
    found = best("A0000000001", server(sddefault_jpg=Fetched(b"<html>")))
    assert isinstance(found, Missing)
    assert "maxresdefault.jpg: HTTP 404; sddefault.jpg: got a web page instead of a picture" in found.reason
    assert not found.lasting
    found = best("A0000000001", server(maxresdefault_jpg=Fetched(placeholder())))
    assert isinstance(found, Missing)
    assert found.lasting


def test_silence_ends_the_search():
    silent = Fetched(reason="HTTP 500, 4 times", silent=True)
    there = Fetched(picture("A0000000001", 640, 480))
    found = best("A0000000001", server(maxresdefault_jpg=silent, sddefault_jpg=there))
    assert found == Missing("maxresdefault.jpg: HTTP 500, 4 times", lasting=False)
