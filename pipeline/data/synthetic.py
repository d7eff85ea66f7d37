"""Invented channels' thumbnails, for the demo and the tests.

Three channels, each with its own colours, lettering and layout. The habits overlap: a channel sometimes
borrows another's colours, layout or motif, so the task is not trivial. Every picture depends only on the
seed, its class and its number.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from pipeline.core import files, parallel
from pipeline.core.errors import DataError, UsageError
from pipeline.core.progress import Progress, silent
from pipeline.core.size import Size

_THUMBNAIL = Size(1280, 720)
_Colour = tuple[int, int, int]
_Pen = ImageDraw.ImageDraw


@dataclass(frozen=True)
class Channel:
    """The habits of one invented channel."""

    name: str
    words: Sequence[str]
    palettes: Sequence[tuple[_Colour, _Colour, _Colour]]
    motif: Callable[[_Pen, np.random.Generator, Size, Sequence[_Colour]], None]
    letters: str
    where: str


def draw_channels(
    folder: Path,
    *,
    train: int,
    test: int,
    size: Size = _THUMBNAIL,
    seed: int = 0,
    progress: Progress = silent,
) -> int:
    """Draws `FOLDER/{train,test}/CHANNEL/0001.jpg ...`; existing pictures stay.

    Returns:
        The number of pictures in the folder.

    Raises:
        DataError: The folder contains other files.
        UsageError: A count or a size is out of range.
        StorageError: The disk is full.
    """
    if train < 1 or test < 0 or min(size) < 16:
        raise UsageError(
            f"nothing to draw. Received: train={train}, test={test}, size={size}",
            "at least 1 training picture per class, of at least 16x16 pixels",
        )
    names = {channel.name for channel in CHANNELS}
    for place, own in ((folder, {"train", "test"}), (folder / "train", names), (folder / "test", names)):
        foreign = sorted({path.name for path in place.iterdir()} - own) if place.is_dir() else []
        if foreign:
            raise DataError(f"{place} contains other files, such as {foreign[0]}", "choose another folder")
    wanted = [
        (folder / part / channel.name / f"{number:04d}.jpg", channel, offset + number)
        for part, count, offset in (("train", train, 0), ("test", test, 100_000))
        for channel in CHANNELS
        for number in range(1, count + 1)
    ]

    def write(job: tuple[Path, Channel, int]) -> None:
        path, channel, number = job
        if not path.exists():
            image = thumbnail(channel, number, size, seed)
            file = io.BytesIO()
            image.save(file, "JPEG", quality=85)
            files.write_bytes(path, file.getvalue())

    for done, _ in enumerate(parallel.ordered(write, wanted), 1):
        progress("drawing", done, len(wanted))
    return len(wanted)


def thumbnail(channel: Channel, number: int, size: Size = _THUMBNAIL, seed: int = 0) -> Image.Image:
    """One picture of a channel, RGB."""
    random = np.random.default_rng([seed, CHANNELS.index(channel), number])
    # Now and then, each habit is another channel's.
    colours, motif, lettering = (
        channel if random.random() > _BORROWED else CHANNELS[int(random.integers(len(CHANNELS)))]
        for _ in range(3)
    )
    palette = colours.palettes[int(random.integers(len(colours.palettes)))]
    palette = tuple(_shifted(colour, random) for colour in palette)
    image = _background(size, palette, random)
    pen = ImageDraw.Draw(image)
    motif.motif(pen, random, size, palette)
    words = " ".join(random.choice(channel.words, int(random.integers(1, 4)), replace=False))
    _write_words(image, words, lettering, palette, random)
    if random.random() < 0.3:
        image = image.filter(ImageFilter.GaussianBlur(size.width / 800 * random.random()))
    return image


_BORROWED = 0.27


def _shifted(colour: _Colour, random: np.random.Generator) -> _Colour:
    r, g, b = (int(np.clip(c + random.normal(0, 28), 0, 255)) for c in colour)
    return r, g, b


def _background(size: Size, palette: Sequence[_Colour], random: np.random.Generator) -> Image.Image:
    corners = np.array([palette[0], palette[1], palette[1], palette[0]], np.float32).reshape(2, 2, 3)
    corners += random.normal(0, 20, corners.shape)
    image = Image.fromarray(np.clip(corners, 0, 255).astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)
    grain = random.normal(0, 14, (size.height // 8, size.width // 8))
    grain_image = Image.fromarray(np.clip(grain + 128, 0, 255).astype(np.uint8)).resize(size)
    return Image.blend(image, Image.merge("RGB", [grain_image] * 3), 0.18)


def _plates(pen: _Pen, random: np.random.Generator, size: Size, palette: Sequence[_Colour]) -> None:
    """Round things on a table."""
    for _ in range(int(random.integers(2, 6))):
        radius = size.height * random.uniform(0.08, 0.28)
        x, y = random.uniform(0, size.width), random.uniform(size.height * 0.2, size.height)
        for ring, colour in ((1.0, palette[2]), (0.78, palette[1]), (0.4, _shifted(palette[2], random))):
            reach = radius * ring
            pen.ellipse((x - reach, y - reach * 0.8, x + reach, y + reach * 0.8), fill=colour)


def _mountains(pen: _Pen, random: np.random.Generator, size: Size, palette: Sequence[_Colour]) -> None:
    """Mountain ranges, one in front of another."""
    for depth in range(int(random.integers(2, 5))):
        base = size.height * (0.45 + 0.15 * depth)
        steps = int(random.integers(4, 9))
        xs = np.linspace(-20, size.width + 20, steps)
        ys = base - random.uniform(0.02, 0.3, steps) * size.height * (np.arange(steps) % 2)
        line = [(float(x), float(y)) for x, y in zip(xs, ys, strict=True)]
        pen.polygon(
            [(-20, size.height), *line, (size.width + 20, size.height)], fill=_shifted(palette[2], random)
        )


def _traces(pen: _Pen, random: np.random.Generator, size: Size, palette: Sequence[_Colour]) -> None:
    """Lines at right angles, with pads at the ends."""
    thick = max(1, size.height // 120)
    for _ in range(int(random.integers(6, 16))):
        x, y = random.uniform(0, size.width), random.uniform(0, size.height)
        colour = palette[2] if random.random() < 0.7 else palette[1]
        for step in range(int(random.integers(2, 6))):
            reach = random.normal(0, size.height * 0.2)
            new = (x + reach, y) if step % 2 else (x, y + reach)
            pen.line((x, y, *new), fill=colour, width=thick)
            x, y = new
        pad = thick * 3
        pen.rectangle((x - pad, y - pad, x + pad, y + pad), fill=colour)


def _write_words(
    image: Image.Image, words: str, channel: Channel, palette: Sequence[_Colour], random: np.random.Generator
) -> None:
    width, height = image.size
    style = channel.letters
    words = words.upper() if style == "capitals" else words.lower() if style == "small" else words.title()
    scale = {"capitals": 0.17, "title": 0.13, "small": 0.10}[style] * random.uniform(0.75, 1.25)
    font = ImageFont.load_default(max(8, height * scale))
    lines = [words] if random.random() < 0.5 else words.split()
    text = "\n".join(lines)
    pen = ImageDraw.Draw(image)
    left, top, right, bottom = pen.multiline_textbbox((0, 0), text, font=font)
    across = {
        "left": 0.05,
        "middle": 0.5 - (right - left) / width / 2,
        "right": 0.95 - (right - left) / width,
    }
    x = width * across[channel.where] + random.normal(0, width * 0.04)
    y = height * random.uniform(0.08, 0.85) - (bottom - top) / 2
    light = sum(palette[0]) < 380
    ink = (250, 250, 245) if light else (15, 15, 20)
    if style == "title":
        margin = height * 0.02
        box = (x + left - margin, y + top - margin, x + right + margin, y + bottom + margin)
        pen.rectangle(box, fill=palette[1])
    stroke = math.ceil(height / 180) if style == "capitals" else 0
    edge = (15, 15, 20) if light else (250, 250, 245)
    pen.multiline_text((x, y), text, font=font, fill=ink, stroke_width=stroke, stroke_fill=edge)


CHANNELS = (
    Channel(
        "kitchen-lab",
        ("crispy", "butter", "dough", "secret", "noodles", "grill", "sauce", "midnight", "bread", "salt"),
        (((196, 92, 48), (240, 196, 120), (250, 240, 224)), ((150, 40, 44), (232, 150, 90), (246, 224, 190))),
        _plates,
        "title",
        "left",
    ),
    Channel(
        "peak-trails",
        ("summit", "storm", "alone", "ridge", "valley", "lost", "winter", "camp", "sunrise", "river"),
        (((92, 140, 190), (216, 226, 232), (60, 92, 84)), ((200, 130, 90), (240, 210, 170), (70, 64, 96))),
        _mountains,
        "capitals",
        "middle",
    ),
    Channel(
        "circuit-cellar",
        ("solder", "clock", "signal", "broken", "robot", "sensor", "power", "retro", "wires", "chip"),
        (((18, 44, 40), (40, 110, 84), (120, 232, 160)), ((30, 26, 58), (70, 60, 150), (240, 170, 90))),
        _traces,
        "small",
        "right",
    ),
)
