from __future__ import annotations

import base64
import io
import os
import random
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.core.errors import PictureError
from pipeline.core.packages import ROOT
from pipeline.core.size import Size
from pipeline.images import decode
from pipeline.images.decode import Facts, digest, inspect, read
from pipeline.images.letterbox import fitted_size, letterbox
from tests.support.images import SWAPPED, chunk, save

ORIENTATION = 0x0112
# What a viewer does with each orientation, in numpy's words (EXIF 2.3, tag 0x0112).
UPRIGHT = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a.swapaxes(0, 1), 2),
    8: np.rot90,
}


# A picture of 32x16, the left half blue and the right one red, that is to be turned by a quarter to the
# right: by its own `irot`, and by an orientation of 6 in its EXIF that says the same.
TURNED_HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAcdtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAADRp"
    "bG9jAAAAAERAAAIAAQAAAAAB6wABAAAAAAAAADYAAgAAAAACIQABAAAAAAAAACQAAAA4aWluZgAAAAAAAgAAABVpbmZlAgAAAAABAABo"
    "dmMxAAAAABVpbmZlAgAAAQACAABFeGlmAAAAAA5waXRtAAAAAAABAAABBmlwcnAAAADlaXBjbwAAAHVodmNDAQNwAAAAkAAAAAAAHvAA"
    "/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQApQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbqrprm4CGgwIAAAAyA"
    "AAADAIRiAAEABkQBwXPBiQAAABNjb2xybmNseAABAA0ABoAAAAAUaXNwZQAAAAAAAABAAAAAQAAAAChjbGFwAAAAIAAAAAEAAAAQAAAA"
    "Af///+AAAAAC////0AAAAAIAAAAQcGl4aQAAAAADCAgIAAAACWlyb3QDAAAAGWlwbWEAAAAAAAAAAQABBoECAwWEhgAAABppcmVmAAAA"
    "AAAAAA5jZHNjAAIAAQABAAAAYm1kYXQAAAAyKAGvGSFyUkDvXaW//7sWCPSyt89k7Wdbrn+P6y85ZVK2gLXyot9mgKt2Z/Qopu1urYAA"
    "AAAGRXhpZgAATU0AKgAAAAgAAQESAAMAAAABAAYAAAAAAAA="
)


def png_header(width: int, height: int) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 10)) + chunk(b"IEND", b"")


def gif_header(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0, 0, 0) + b";"


def bmp_header(width: int, height: int) -> bytes:
    return b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)


def jpeg_of(width: int, height: int) -> bytes:
    """A JPEG whose header claims another size."""
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG")
    data = bytearray(buffer.getvalue())
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


@pytest.mark.parametrize(
    ("suffix", "file_format", "options", "exact"),
    [
        (".png", "PNG", {}, True),
        (".bmp", "BMP", {}, True),
        (".webp", "WEBP", {"lossless": True}, True),
        (".webp", "WEBP", {}, False),
        (".jpg", "JPEG", {"quality": 95}, False),
        (".jpeg", "JPEG", {"progressive": True, "quality": 95}, False),
        (".tif", "TIFF", {}, True),
        (".tiff", "TIFF", {"compression": "tiff_lzw"}, True),
        (".jp2", "JPEG2000", {"irreversible": False}, True),
        (".avif", "AVIF", {"quality": 90}, False),
    ],
)
def test_every_format_is_read(tmp_path, draw, suffix, file_format, options, exact):
    pixels = draw(60, 40)
    path = save(tmp_path / f"a{suffix}", pixels, **options)
    found = read(path)
    assert (found.dtype, found.shape) == (np.uint8, (40, 60, 3))
    assert np.abs(found.astype(int) - pixels).mean() <= (0 if exact else 8)
    quality = 95 if file_format == "JPEG" else 0
    assert inspect(path) == Facts(60, 40, file_format, quality=quality)


def test_the_content_decides_and_not_the_ending(tmp_path, draw):
    pixels = draw(20, 10)
    path = save(tmp_path / "a.jpg", pixels, format="PNG")
    np.testing.assert_array_equal(read(path), pixels)
    assert inspect(path).file_format == "PNG"


def test_of_a_gif_the_first_frame_is_read(tmp_path):
    first, second = Image.new("RGB", (9, 7), (255, 0, 0)), Image.new("RGB", (9, 7), (0, 0, 255))
    path = tmp_path / "a.gif"
    first.save(path, save_all=True, append_images=[second])
    with Image.open(path) as gif:
        assert gif.n_frames == 2
    np.testing.assert_array_equal(read(path), np.asarray(first))
    assert inspect(path).file_format == "GIF"


def test_of_an_animated_webp_and_png_the_first_frame_is_read(tmp_path):
    first, second = Image.new("RGB", (9, 7), (255, 0, 0)), Image.new("RGB", (9, 7), (0, 0, 255))
    for name, options in (("a.webp", {"lossless": True}), ("a.png", {})):
        first.save(tmp_path / name, save_all=True, append_images=[second], **options)
        np.testing.assert_array_equal(read(tmp_path / name), np.asarray(first))


def test_a_phones_jpeg_with_two_pictures_in_it_is_a_jpeg(tmp_path, draw):
    image, second = Image.fromarray(draw(40, 30)), Image.fromarray(draw(40, 30, 1))
    path = tmp_path / "a.jpg"
    image.save(path, format="MPO", save_all=True, append_images=[second])
    assert np.abs(read(path).astype(int) - np.asarray(image)).mean() < 8
    assert inspect(path).file_format == "JPEG"


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".avif", ".tif"])
def test_pictures_stand_upright(tmp_path, draw, orientation, suffix):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    stored = draw(48, 32)
    plain = read(save(tmp_path / f"plain{suffix}", stored))
    path = save(tmp_path / f"a{suffix}", stored, exif=exif)
    expected = UPRIGHT[orientation](plain)
    np.testing.assert_array_equal(read(path), expected)
    facts = inspect(path)
    assert (facts.width, facts.height) == (expected.shape[1], expected.shape[0])


def exif_entry(kind: int, count: int, value: bytes) -> bytes:
    entry = struct.pack("<HHHI4s", 1, ORIENTATION, kind, count, value)
    return b"Exif\0\0II*\0\x08\0\0\0" + entry + b"\0\0\0\0"


@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\0\0no TIFF at all",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        exif_entry(2, 4, b"abc\0"),
        exif_entry(3, 1, struct.pack("<HH", 99, 0)),
        exif_entry(3, 1, struct.pack("<HH", 0, 0)),
        exif_entry(5, 1, struct.pack("<I", 9999)),
    ],
    ids=["no TIFF", "beyond the end", "letters", "99", "0", "a fraction out of reach"],
)
def test_broken_metadata_beside_sound_pixels_does_no_harm(tmp_path, draw, exif):
    pixels = draw(480, 320)
    plain = read(save(tmp_path / "plain.jpg", pixels))
    path = save(tmp_path / "a.jpg", pixels, exif=exif)
    np.testing.assert_array_equal(read(path), plain)
    frame = Size(64, 96)
    fitted = fitted_size(480, 320, frame)
    reduced = read(path, for_frame=frame)
    assert reduced.shape[1] >= 2 * fitted.width
    assert reduced.shape[0] >= 2 * fitted.height


def test_heic_is_read_and_turned_once(tmp_path):
    (tmp_path / "a.jpg").write_bytes(TURNED_HEIC)
    found = read(tmp_path / "a.jpg").astype(int)
    assert found.shape == (32, 16, 3)
    assert np.abs(found[:12] - (20, 20, 220)).max() < 8
    assert np.abs(found[-12:] - (200, 30, 30)).max() < 8
    assert inspect(tmp_path / "a.jpg").file_format == "HEIF"


def test_animated_avif_with_alpha_is_read_by_its_first_frame_over_black(tmp_path):
    first, second = (Image.new("RGBA", (32, 32), (red, 40, 40, 128)) for red in (240, 0))
    path = tmp_path / "a.jpg"
    first.save(path, format="AVIF", save_all=True, append_images=[second], quality=100)
    assert read(path)[16, 16].tolist() == pytest.approx([120, 20, 20], abs=2)
    facts = inspect(path)
    assert (facts.file_format, facts.frames) == ("AVIF", 2)


def test_avif_is_not_turned_by_what_xmp_says(tmp_path, draw):
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    path = save(tmp_path / "a.avif", draw(48, 32), xmp=xmp)
    assert read(path).shape == (32, 48, 3)


def test_only_the_first_page_of_a_tiff_is_read_and_the_others_are_noted(tmp_path, draw):
    pages = [Image.fromarray(draw(40, 30, seed)) for seed in range(3)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    np.testing.assert_array_equal(read(tmp_path / "a.tif"), np.asarray(pages[0]))
    assert inspect(tmp_path / "a.tif").frames == 2


@pytest.mark.parametrize("tag", [{254: 1}, {50706: b"\1\4\0\0"}])
def test_the_preview_in_a_raw_file_is_no_picture(tmp_path, draw, tag):
    path = save(tmp_path / "a.dng", draw(40, 30), format="TIFF", tiffinfo=tag)
    with pytest.raises(PictureError, match="raw files are not supported; save it as JPEG"):
        read(path)


@pytest.mark.parametrize(
    ("size", "options", "scale"),
    [
        ((8000, 8000), {}, 1),
        ((9001, 8000), {}, 2),
        ((16320, 16320), {}, 4),
        ((8000, 8000), {"progressive": True, "subsampling": 0}, 2),
    ],
)
@pytest.mark.slow
def test_a_jpeg_above_64_megapixels_is_decoded_at_half_or_a_quarter(tmp_path, size, options, scale):
    path = save(tmp_path / "a.jpg", Image.new("L" if scale == 4 else "RGB", size, 90), **options)
    shape = tuple(-(-side // scale) for side in size[::-1])
    words = {1: (), 2: ("half",), 4: ("a quarter of",)}[scale]
    output, peak = in_a_process(path)
    assert (
        output
        == f"{(*shape, 3)} {tuple(f'so large that it is decoded at {w} its width and height' for w in words)}"
    )
    assert peak < 700


def in_a_process(path: Path) -> tuple[str, int]:
    """What reading a picture gives in a process of its own, and the most memory that it took, in MB."""
    code = (
        "import sys; from pathlib import Path\n"
        "from pipeline.core.errors import *; from pipeline.images import decode\n"
        "try:\n    pixels, facts = decode.examine(Path(sys.argv[1])); print(pixels.shape, facts.remarks)\n"
        "except PictureError as error: print(error.message)\n"
        "print([line for line in open('/proc/self/status') if line.startswith('VmHWM')][0].split()[1])"
    )
    command = [sys.executable, "-c", code, str(path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    said, peak = ended.stdout.splitlines()
    return said, int(peak) // 1000


@pytest.mark.parametrize(
    ("name", "mode", "size", "options"),
    [
        ("a.png", "RGBA", (8000, 8000), {"compress_level": 1}),
        ("a.png", "I;16", (8000, 8000), {"compress_level": 1}),
        ("a.webp", "RGBA", (6000, 6000), {"lossless": True, "quality": 0, "method": 0}),
    ],
)
@pytest.mark.slow
def test_what_is_read_costs_at_most_700_megabytes(tmp_path, name, mode, size, options):
    path = tmp_path / name
    Image.new(mode, size, (9, 200, 30, 128) if mode == "RGBA" else 3).save(path, **options)
    output, peak = in_a_process(path)
    assert output.startswith(str((*size[::-1], 3)))
    assert peak < 700


@pytest.mark.parametrize("size", [(119_000_000, 1), (63_000_000, 1), (8001, 8000)])
def test_what_is_too_large_is_refused_with_its_size_and_costs_nothing(tmp_path, size):
    line = zlib.compress((b"\0" + bytes((size[0] + 7) // 8)) * size[1])
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 1, 0, 0, 0, 0))
    (tmp_path / "wide.png").write_bytes(
        b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", line) + chunk(b"IEND", b"")
    )
    output, peak = in_a_process(tmp_path / "wide.png")
    assert f"{size[0]}x{size[1]} pixels; the limit for PNG is 64,000,000, and 65,535 on a side" in output
    assert peak < 100


def test_what_is_no_regular_file_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "endless.jpg").symlink_to("/dev/zero")
    for path in (tmp_path / "pipe.jpg", tmp_path / "endless.jpg"):
        for look in (read, inspect, digest):
            with pytest.raises(OSError, match="not a regular file"):
                look(path)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("size", [(1280, 720), (720, 1280), (1999, 333), (640, 480)])
@pytest.mark.parametrize("frame", [Size(224, 128), Size(64, 96)])
def test_reduced_decoding_stays_twice_as_large_and_close_to_full(tmp_path, draw, orientation, size, frame):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    path = save(tmp_path / "a.jpg", draw(*size, seed=7), quality=92, exif=exif)
    full, reduced = read(path), read(path, for_frame=frame)
    fitted = fitted_size(full.shape[1], full.shape[0], frame)
    assert reduced.shape[1] >= 2 * fitted.width
    assert reduced.shape[0] >= 2 * fitted.height
    apart = np.abs(letterbox(full, frame).astype(int) - letterbox(reduced, frame))
    assert apart.mean() < 2


def test_reduced_decoding_does_reduce(tmp_path, draw):
    path = save(tmp_path / "a.jpg", draw(1280, 720))
    assert read(path, for_frame=Size(224, 128)).shape == (360, 640, 3)
    assert read(path).shape == (720, 1280, 3)


def test_what_is_no_jpeg_is_decoded_fully(tmp_path, draw):
    pixels = draw(640, 480)
    np.testing.assert_array_equal(read(save(tmp_path / "a.png", pixels), Size(32, 32)), pixels)


@pytest.mark.parametrize(("suffix", "options"), [(".jpg", {}), (".png", {}), (".webp", {}), (".bmp", {})])
@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_a_truncated_picture_is_refused_by_name(tmp_path, draw, suffix, options, kept):
    path = save(tmp_path / f"a{suffix}", draw(200, 150), **options)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    with pytest.raises(PictureError) as caught:
        read(path)
    assert caught.value.message.startswith(f"{path}: ")
    assert caught.value.exit_code == 2


def test_a_truncated_gif_is_refused_by_name(tmp_path):
    path = save(tmp_path / "a.gif", np.random.default_rng(0).integers(0, 256, (90, 90), np.uint8))
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(PictureError, match=r"a\.gif: cannot be decoded"):
        read(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (
            b"only words",
            "not a readable picture; supported formats: JPEG, PNG, WebP, GIF, BMP, TIFF, JPEG 2000, AVIF",
        ),
        (b"\xff\xd8\xff", "a damaged JPEG file"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG files are not supported; save it as JPEG or PNG"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL files are not supported; save it as JPEG or PNG"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 300, "a damaged HEIC file"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif" + b"\0" * 300, "a damaged AVIF file"),
        (png_header(0, 5), "a damaged PNG file"),
        (png_header(5, 0), "a damaged PNG file"),
        (gif_header(0, 0), "a damaged GIF file"),
        (bmp_header(0, 4), "a damaged BMP file"),
        (jpeg_of(0, 9), ""),
        (jpeg_of(9, 0), ""),
        (
            png_header(100_000, 100_000),
            "100000x100000 pixels; the limit for PNG is 64,000,000, and 65,535 on a side",
        ),
        (png_header(2**31 - 1, 2**31 - 1), "the limit for PNG is 64,000,000"),
        (jpeg_of(65_500, 65_500), "65500x65500 pixels; the limit for JPEG is 1,024,000,000"),
        (gif_header(65_535, 65_535), ""),
        (bmp_header(60_000, 60_000), "60000x60000 pixels; the limit for BMP is 64,000,000"),
        (bmp_header(60_000, -60_000), "60000x60000 pixels; the limit for BMP is 64,000,000"),
    ],
    ids=lambda value: "" if isinstance(value, str) else repr(value[:30]),
)
def test_what_cannot_be_a_picture_is_refused_by_name(tmp_path, content, message):
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    for look in (read, inspect):
        with pytest.raises(PictureError) as caught:
            look(path)
        assert caught.value.message.startswith(f"{path}: ")
        assert message in caught.value.message


def test_other_formats_of_pillow_are_refused(tmp_path, draw):
    for name, message in (("PPM", "not a readable picture"), ("ICO", "ICO files are not supported")):
        path = save(tmp_path / f"{name}.jpg", draw(16, 16), format=name)
        with pytest.raises(PictureError, match=message):
            read(path)


def test_a_file_above_the_limit_of_bytes_is_not_even_read(tmp_path):
    path = tmp_path / "a.png"
    with path.open("wb") as file:
        file.truncate(decode.MAX_BYTES + 1)
    with pytest.raises(PictureError, match=r"a\.png: 200,000,001 bytes, the limit is 200,000,000"):
        read(path)


@pytest.mark.parametrize(
    "file_format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "JPEG2000", "AVIF", "HEIF"]
)
def test_damaged_files_give_pixels_or_a_picture_error_and_nothing_else(tmp_path, draw, file_format):
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[ORIENTATION], exif[0x010E] = 6, "words"
    options = {"exif": exif} if file_format in ("JPEG", "PNG", "WEBP") else {}
    options |= {"icc_profile": SWAPPED} if options else {}
    if file_format != "HEIF":  # nothing here writes it
        Image.fromarray(draw(33, 21)).save(buffer, format=file_format, **options)
    whole = buffer.getvalue() or TURNED_HEIC
    chance = random.Random(file_format)
    outcomes = set()
    for number in range(150):
        data = bytearray(whole)
        for _ in range(chance.choice((1, 1, 2, 8))):
            at = chance.randrange(min(len(data), chance.choice((64, 600, len(data)))))
            data[at] = chance.randrange(256)
        if number % 5 == 0:
            start = chance.randrange(len(data))
            del data[start : start + chance.randrange(1, 40)]
        path = tmp_path / f"{number}"
        path.write_bytes(data)
        try:
            pixels = read(path, Size(8, 8) if number % 2 else None)
            assert pixels.dtype == np.uint8
            assert pixels.shape[2] == 3
            assert pixels.size
            outcomes.add("pixels")
        except PictureError as error:
            outcomes.add("error" if str(path) in error.message else error.message)
    assert outcomes == {"pixels", "error"}


def test_random_bytes_give_a_picture_error(tmp_path):
    chance = random.Random(1)
    path = tmp_path / "a.jpg"
    starts = (b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"RIFF\x40\0\0\0WEBPVP8 ", b"GIF89a", b"BM", b"")
    for start in starts * 20:
        path.write_bytes(start + chance.randbytes(200))
        try:
            assert read(path).size
        except PictureError:
            continue


def test_digest_is_the_sha256_of_the_file(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digest(tmp_path / "a") == known


def test_bytes_in_memory_are_read_as_files_are(tmp_path, draw):
    path = tmp_path / "a.png"
    Image.fromarray(draw(40, 30)).save(path)
    pixels, file_format = decode.decode(path, path.read_bytes())
    assert file_format == "PNG"
    assert np.array_equal(pixels, decode.read(path))
    with pytest.raises(PictureError, match="not a readable picture"):
        decode.decode(path, b"")


@pytest.mark.parametrize(("quality", "subsampling"), [(30, 2), (75, 1), (95, 0)])
def test_rows_are_cut_and_the_jpeg_stays_of_its_kind(draw, quality, subsampling):
    file = io.BytesIO()
    Image.fromarray(draw(96, 80)).save(file, "JPEG", quality=quality, subsampling=subsampling)
    cut = decode.cut_rows(file.getvalue(), 12)
    before, after = Image.open(file), Image.open(io.BytesIO(cut))
    assert after.size == (96, 56)
    assert (after.quantization, after.layer) == (before.quantization, before.layer)
    kept = np.asarray(before)[12:-12].astype(int)
    # Encoded once more with the same tables: the coarser these, the more it costs.
    assert np.abs(kept - np.asarray(after)).mean() < 6


def test_rows_of_webp_are_cut_without_loss(draw):
    file = io.BytesIO()
    Image.fromarray(draw(96, 80)).save(file, "WEBP", quality=80)
    after = Image.open(io.BytesIO(decode.cut_rows(file.getvalue(), 12)))
    assert after.format == "WEBP"
    assert np.array_equal(np.asarray(after), np.asarray(Image.open(file))[12:-12])
