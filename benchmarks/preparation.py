"""How fast pictures come from disk into the model's frame.

Measured: 1280x720 JPEGs into a frame of 224x128 on all cores, as training prepares them: the
plain view, which is scored and so decoded fully, and the start of the augmented views, decoded
at reduced scale. Reference: the same pictures decoded fully and letterboxed in one thread.
Expected on 2 cores: at least 1.5 times as fast for the plain view, 3 times for the augmented.
In addition, without an expectation: complete augmented views, four from each decoded picture.

Also measured, in one thread: full decode of the same JPEGs with an sRGB profile inside (expected: at most
1.5 times the time without one) and with Display P3, whose colours have to be converted (at most 2.5 times:
the conversion costs at most 1.5 times the decoding).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PIL import Image, ImageChops, ImageCms

from benchmarks import measure
from benchmarks.measure import Figure, Spread
from pipeline.core import parallel
from pipeline.core.sections import Augment
from pipeline.core.size import Size
from pipeline.data import synthetic
from pipeline.images import decode
from pipeline.images.letterbox import letterbox
from pipeline.images.views import plain_view, random_views

FRAME = Size(224, 128)
PER_CLASS = 20
TURNS = 9
_GRAIN = 6


# Display P3's primaries, adapted to D50, as an ICC profile holds them.
_P3 = {
    b"rXYZ": (0.51512, 0.24120, -0.00105),
    b"gXYZ": (0.29198, 0.69225, 0.04189),
    b"bXYZ": (0.15710, 0.06657, 0.78407),
}


def display_p3() -> bytes:
    """An ICC profile of Display P3: sRGB's, with other primaries."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    (count,) = struct.unpack_from(">I", data, 128)
    for entry in range(132, 132 + 12 * count, 12):
        tag, start, _ = struct.unpack_from(">4sII", data, entry)
        if tag in _P3:
            struct.pack_into(">3i", data, start + 8, *(round(value * 65536) for value in _P3[tag]))
    return bytes(data)


def _profiles(paths: Sequence[Path], folder: Path) -> list[Figure]:
    """How long decoding takes with a colour profile, against without."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    ways = {}
    for name, profile in (("none", None), ("sRGB", srgb), ("Display P3", display_p3())):
        place = folder / name
        place.mkdir(parents=True)
        for path in paths:
            with Image.open(path) as image:
                # Drawn pictures are smoother than photos, which take longer to decode.
                grain = Image.effect_noise(image.size, _GRAIN).convert("RGB")
                photo = ImageChops.add(image, grain, offset=-128)
                photo.save(place / path.name, quality=90, icc_profile=profile)
        files = sorted(place.iterdir())
        ways[name] = lambda files=files: measure.seconds(lambda: [decode.read(file) for file in files])
    found = measure.in_turns(ways, TURNS)
    figures = []
    for name, most in (("sRGB", 1.5), ("Display P3", 2.5)):
        ratio = found[name].per(found["none"])
        figures.append(
            Figure(
                f"1280×720 JPEG, full decode, {name} profile",
                found[name].text("{:.2f}") + f" s for {len(paths)}",
                "without a profile: " + found["none"].text("{:.2f}") + " s",
                ratio.text("{:.2f}×"),
                f"≤ {most}×" if most else "",
                ratio.median <= most if most else None,
            )
        )
    return figures


def run(folder: Path) -> list[Figure]:
    """The figures of this module; draws its pictures below `folder`."""
    synthetic.draw_channels(folder / "few", train=PER_CLASS, test=0)
    paths = sorted((folder / "few").glob("train/*/*.jpg"))
    settings = Augment()
    views = settings.views

    def plain(path: Path) -> object:
        return plain_view(path, FRAME)

    def reduced(path: Path) -> object:
        return letterbox(decode.read(path, for_frame=FRAME), FRAME)

    def augmented(path: Path) -> object:
        return list(random_views(path, path.stem, settings, FRAME, seed=0))

    def rate(way: Callable[[Path], object], threads: int | None) -> float:
        for path in paths[:4]:
            way(path)
        taken = measure.seconds(lambda: list(parallel.ordered(way, paths, threads)))
        return len(paths) / taken

    spreads = measure.in_turns(
        {
            "reference": partial(rate, plain, 1),
            "plain": partial(rate, plain, None),
            "reduced": partial(rate, reduced, None),
            "augmented": lambda: views * rate(augmented, None),
        },
        TURNS,
    )
    cores = f"{parallel.cores()} cores"
    reference = spreads["reference"]

    def figure(what: str, name: str, least: float | None) -> Figure:
        ratio: Spread = spreads[name].per(reference)
        return Figure(
            what,
            spreads[name].text("{:.0f}") + " a second",
            "full decode + letterbox, one thread: " + reference.text("{:.0f}") + " a second",
            ratio.text("{:.1f}×"),
            f"≥ {least}×" if least else "",
            ratio.median >= least if least else None,
        )

    return [
        figure(f"1280×720 JPEG, reduced decode + letterbox, {cores}", "reduced", 3),
        figure(f"1280×720 JPEG, full decode + letterbox, {cores}", "plain", 1.5),
        figure(f"1280×720 JPEG, complete augmented views, {views} per picture, {cores}", "augmented", None),
        *_profiles(paths, folder / "profiles"),
    ]
