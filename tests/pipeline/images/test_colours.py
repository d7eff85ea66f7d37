"""Colours as they are read: profiles, sixteen bits, alpha, palettes, CMYK."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from pipeline.images import colours
from pipeline.images.colours import HIGH_BYTE, LOW_BYTE
from pipeline.images.decode import inspect, read
from tests.support.images import SWAPPED, chunk, rgb_profile, save

UNUSABLE_PROFILE = ("unusable colour profile; colours are read as sRGB",)


@pytest.mark.parametrize(("suffix", "options"), [(".png", {}), (".webp", {"lossless": True}), (".jpg", {})])
def test_colours_are_brought_to_srgb_by_the_profile(tmp_path, suffix, options):
    picture = Image.new("RGB", (16, 16), (255, 0, 0))
    path = save(tmp_path / f"a{suffix}", picture, icc_profile=SWAPPED, **options)
    red, green, blue = read(path)[8, 8].tolist()
    assert green >= 250
    assert max(red, blue) <= 5
    assert inspect(path).remarks == ()


def test_a_profile_that_is_srgb_changes_no_pixel(tmp_path, draw):
    pixels = draw(30, 20)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    np.testing.assert_array_equal(read(save(tmp_path / "a.png", pixels, icc_profile=profile)), pixels)


def test_a_linear_profile_is_used_although_srgb_is_in_its_name(tmp_path):
    data = bytearray(rgb_profile(name=b"sRGB"))
    curve = data.index(b"para\0\0\0\0\0\3\0\0")
    data[curve + 12 : curve + 32] = struct.pack(">5i", 65536, 65536, 0, 65536, 0)
    path = save(tmp_path / "a.png", Image.new("RGB", (8, 8), (128, 128, 128)), icc_profile=bytes(data))
    assert read(path)[0, 0].tolist() == pytest.approx([188] * 3, abs=2)


@pytest.mark.parametrize("profile", [b"rubbish", SWAPPED[:200], b"\0" * 128])
def test_an_unreadable_profile_is_remarked_and_the_pixels_are_kept(tmp_path, draw, profile):
    pixels = draw(30, 20)
    path = save(tmp_path / "a.png", pixels, icc_profile=profile)
    np.testing.assert_array_equal(read(path), pixels)
    assert inspect(path).remarks == UNUSABLE_PROFILE


def test_a_profile_of_another_kind_of_colours_is_remarked(tmp_path, draw):
    grey = Image.fromarray(draw(30, 20)).convert("L")
    path = save(tmp_path / "a.png", grey, icc_profile=SWAPPED)
    np.testing.assert_array_equal(read(path)[..., 1], np.asarray(grey))
    assert inspect(path).remarks == UNUSABLE_PROFILE


def test_a_profile_leaves_alpha_alone(tmp_path):
    path = save(tmp_path / "a.png", Image.new("RGBA", (8, 8), (255, 0, 0, 100)), icc_profile=SWAPPED)
    assert read(path)[0, 0].tolist() == pytest.approx([0, 100, 0], abs=1)


def test_sixteen_bits_are_cut_to_the_high_byte(tmp_path):
    values = np.linspace(0, 65535, 40 * 30).astype(np.uint16).reshape(30, 40)
    path = save(tmp_path / "a.png", values)
    with Image.open(path) as stored:
        assert stored.mode.startswith("I;16")
    np.testing.assert_array_equal(read(path), np.repeat((values >> 8).astype(np.uint8)[..., None], 3, 2))


def test_sixteen_bits_of_colour_are_cut_to_the_high_byte(tmp_path):
    values = np.linspace(0, 65535, 7 * 5 * 3).astype(">u2").reshape(5, 7, 3)
    png16(tmp_path / "a.png", values)
    np.testing.assert_array_equal(read(tmp_path / "a.png"), (values >> 8).astype(np.uint8))


def png16(path: Path, values: np.ndarray, transparent: bytes = b"") -> Path:
    """A 16-bit PNG of 1 to 4 channels, which Pillow does not write."""
    height, width, channels = values.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    lines = b"".join(b"\0" + line.astype(">u2").tobytes() for line in values)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0))
    clear = chunk(b"tRNS", transparent) if transparent else b""
    body = chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + clear + body)
    return path


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_sixteen_bits_that_hold_eight_are_read_by_the_low_byte(tmp_path, channels):
    values = np.random.default_rng(0).integers(0, 256, (30, 40, channels))
    if channels in (2, 4):
        values[..., -1] = 65535
    path = png16(tmp_path / "a.png", values)
    colours = values[..., :3] if channels > 2 else np.repeat(values[..., :1], 3, 2)
    np.testing.assert_array_equal(read(path), colours)
    assert inspect(path).remarks == (LOW_BYTE,)
    values[0, 0] = 256
    assert inspect(png16(path, values)).remarks == (HIGH_BYTE,)


def test_alpha_of_eight_bits_in_sixteen_is_read_like_its_colours(tmp_path):
    path = png16(tmp_path / "a.png", np.full((4, 4, 4), (200, 100, 50, 128)))
    assert read(path)[0, 0].tolist() == [(c * 128 + 127) // 255 for c in (200, 100, 50)]


@pytest.mark.parametrize("options", [{}, {"compression": "tiff_lzw"}])
def test_sixteen_bits_of_a_tiff_are_read_alike(tmp_path, options):
    for largest, shift in ((65535, 8), (255, 0)):
        values = np.linspace(0, largest, 40 * 30).astype(np.uint16).reshape(30, 40)
        path = save(tmp_path / "a.tif", values, **options)
        np.testing.assert_array_equal(read(path)[..., 0], values >> shift)


def test_the_transparent_value_of_sixteen_bit_grey_becomes_black(tmp_path):
    values = np.full((4, 4, 1), 65535)
    values[:, :2] = 32768
    path = png16(tmp_path / "a.png", values, struct.pack(">H", 32768))
    assert read(path)[0, :, 0].tolist() == [0, 0, 255, 255]
    # What is transparent does not decide which byte counts.
    values[:, 2:] = 200
    assert read(png16(path, values, struct.pack(">H", 32768)))[0, :, 0].tolist() == [0, 0, 200, 200]


def test_the_transparent_colour_of_sixteen_bits_is_told_from_its_neighbours(tmp_path):
    values = np.full((4, 4, 3), (0x8001, 0x4002, 0x2003))
    values[:, 2:, 2] = 0x2004
    path = png16(tmp_path / "a.png", values, struct.pack(">HHH", 0x8001, 0x4002, 0x2003))
    assert read(path)[0].tolist() == [[0, 0, 0]] * 2 + [[0x80, 0x40, 0x20]] * 2


def test_a_transform_is_made_once_for_a_profile(tmp_path, draw, monkeypatch):
    made = []
    build = ImageCms.buildTransform
    monkeypatch.setattr(ImageCms, "buildTransform", lambda *a, **k: made.append(a) or build(*a, **k))
    profile = rgb_profile(name=b"once", rXYZ=b"bXYZ", bXYZ=b"rXYZ")
    for number in range(20):
        read(save(tmp_path / f"{number}.png", draw(30, 20, number), icc_profile=profile))
    assert len(made) == 2  # and the one that asks whether it changes anything


def test_after_many_pixels_a_table_of_all_colours_answers_what_the_profile_does(tmp_path, monkeypatch):
    pixels = np.random.default_rng(5).integers(0, 256, (300, 401, 3), np.uint8)
    path = save(tmp_path / "a.png", pixels, icc_profile=rgb_profile(name=b"many", rXYZ=b"gXYZ", gXYZ=b"rXYZ"))
    converted = read(path)
    monkeypatch.setattr(colours, "_PAYS", 2 * pixels[..., 0].size)
    apply, sizes = ImageCms.ImageCmsTransform.apply, []
    monkeypatch.setattr(
        ImageCms.ImageCmsTransform, "apply", lambda of, image: sizes.append(image.size) or apply(of, image)
    )
    for _ in range(2):
        np.testing.assert_array_equal(read(path), converted)
    assert sizes == [(256, 256)] * 256


@pytest.mark.parametrize(
    ("ink", "colour"),
    [((0, 0, 0, 0), 255), ((0, 0, 0, 255), 0), ((0, 0, 0, 128), 127)],
)
def test_cmyk_is_read_by_inversion(tmp_path, ink, colour):
    path = save(tmp_path / "a.jpg", Image.new("CMYK", (16, 16), ink), quality=95)
    with Image.open(path) as stored:
        assert stored.mode == "CMYK"
    assert read(path)[8, 8].tolist() == pytest.approx([colour] * 3, abs=3)


@pytest.mark.parametrize("mode", ["L", "1", "P"])
def test_grey_and_palette_pictures_become_rgb(tmp_path, draw, mode):
    picture = Image.fromarray(draw(30, 20)).convert(mode)
    np.testing.assert_array_equal(read(save(tmp_path / "a.png", picture)), np.asarray(picture.convert("RGB")))


def over_black(rgba: np.ndarray) -> np.ndarray:
    wide = rgba.astype(int)
    return (wide[..., :3] * wide[..., 3:] + 127) // 255


@pytest.mark.parametrize(("suffix", "options"), [(".png", {}), (".webp", {"lossless": True, "exact": True})])
def test_alpha_is_laid_over_black_in_whole_numbers(tmp_path, suffix, options):
    colour, alpha = np.meshgrid(np.arange(256), np.arange(256))
    rgba = np.stack([colour, 255 - colour, np.full_like(colour, 99), alpha], 2).astype(np.uint8)
    found = read(save(tmp_path / f"a{suffix}", rgba, **options))
    np.testing.assert_array_equal(found, over_black(rgba))


def test_grey_with_alpha_is_laid_over_black(tmp_path):
    colour, alpha = np.meshgrid(np.arange(256), np.arange(256))
    picture = Image.fromarray(np.stack([colour, alpha], 2).astype(np.uint8), "LA")
    expected = over_black(np.stack([colour] * 3 + [alpha], 2))
    np.testing.assert_array_equal(read(save(tmp_path / "a.png", picture)), expected)


def test_a_palette_with_transparency_is_laid_over_black(tmp_path):
    picture = Image.new("P", (4, 1))
    picture.putpalette([10, 20, 30, 200, 100, 50, 255, 255, 255])
    picture.putdata([0, 1, 2, 1])
    path = save(tmp_path / "a.png", picture, transparency=bytes([255, 128, 0]))
    half = [(c * 128 + 127) // 255 for c in (200, 100, 50)]
    assert read(path)[0].tolist() == [[10, 20, 30], half, [0, 0, 0], half]


def test_a_transparent_colour_is_laid_over_black(tmp_path):
    picture = Image.new("RGB", (2, 1), (9, 8, 7))
    picture.putpixel((0, 0), (200, 100, 50))
    path = save(tmp_path / "a.png", picture, transparency=(200, 100, 50))
    assert read(path)[0].tolist() == [[0, 0, 0], [9, 8, 7]]
