"""What is odd about the pictures of a data set, one Finding a kind, with what to do about it.

Reads the table and the sketches; opens no picture. Which pictures are copies of each other is
asked in `near_duplicates` and told here in words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from pipeline.core.filetypes import ENDINGS
from pipeline.data.dataset import Picture, Table
from pipeline.data.folders import Excluded, Note

SMALL_SIDE = 64
_UNIFORM = 4.0
_FLAT = 0.90
_BAR = 0.02
_UNBALANCED = 3.0
_FEW = 20
_PLAIN_MODES = ("RGB", "L", "P", "1", "YCbCr")


@dataclass(frozen=True)
class ImageIssue:
    """One kind of oddity.

    Attributes:
        kind: Its name in audit.json.
        title: What it is, in a few words.
        advice: What to do, in words.
        pictures: Where it is, by path; of groups, one after the other.
        count: How many pictures, classes or groups there are of it.
        matters: Whether somebody should do something; the others are told and handled.
    """

    kind: str
    title: str
    advice: str
    pictures: tuple[str, ...]
    count: int
    matters: bool = True


def of_files(excluded: Sequence[Excluded]) -> list[ImageIssue]:
    """What is wrong with files that are not used."""
    by_kind: dict[str, list[str]] = {"unreadable": [], "other_format": [], "passed_over": []}
    for entry in excluded:
        by_kind[entry.kind or "unreadable"].append(entry.path)
    told = (
        (
            "unreadable",
            "cannot be read",
            "open them yourself and save them again as JPEG; audit.json has the reasons",
            by_kind["unreadable"],
            True,
        ),
        (
            "other_formats",
            "raw photos, JPEG XL, SVG and the like",
            "export them as JPEG, or they are not used",
            by_kind["other_format"],
            True,
        ),
        (
            "passed_over",
            "files that are no pictures of a class",
            "nothing, unless a picture is among them; audit.json has the reasons",
            by_kind["passed_over"],
            False,
        ),
    )
    return [
        ImageIssue(kind, title, advice, tuple(paths), len(paths), matters)
        for kind, title, advice, paths, matters in told
        if paths
    ]


def of_layout(notes: Sequence[Note]) -> list[ImageIssue]:
    """How the data set was understood where it could be meant otherwise."""
    told = {
        "nested": ("pictures in folders inside a class", "nothing: they belong to the class above"),
        "splits": ("the split is given: {}", "nothing, if that is right; otherwise rename these folders"),
        "encoding": ("the table is not UTF-8 and was {}", "if that is wrong, save the table as “CSV UTF-8”"),
        "backslashes": ("backslashes are read as slashes: {}", "nothing: the pictures are there"),
    }
    return [
        ImageIssue(
            note.kind,
            told[note.kind][0].format(note.detail),
            told[note.kind][1],
            note.pictures,
            max(1, len(note.pictures)),
            matters=False,
        )
        for note in notes
    ]


def of_pictures(pictures: Sequence[Picture], rows: np.ndarray) -> list[ImageIssue]:
    """What is odd about single pictures.

    Args:
        pictures: Those that can be read.
        rows: Their sketches, one record of `sketches.FACTS` each.
    """
    if not pictures:
        return []
    names = np.array([picture.path for picture in pictures], object)
    modes = np.array([mode.decode() for mode in rows["mode"].tolist()])
    formats = [kind.decode() for kind in rows["file_format"].tolist()]
    misnamed = np.array(
        [
            PurePosixPath(name).suffix.lower() not in ENDINGS.get(kind, ())
            for name, kind in zip(names, formats, strict=True)
        ]
    )
    uniform = rows["contrast"] < _UNIFORM
    lying, standing = rows["width"] > rows["height"], rows["width"] < rows["height"]
    fewer = standing if standing.sum() <= lying.sum() else lying
    mixed = fewer if fewer.mean() > 0.2 else np.zeros(len(names), bool)
    bars = rows["bars"].max(1) > _BAR
    checks = (
        ("uniform", "nearly one colour", "look at them; take out what shows nothing", uniform, True),
        (
            "placeholder",
            "mostly one flat colour (a placeholder?)",
            "look at them; take out “picture not available” and the like",
            (rows["flat"] > _FLAT) & ~uniform,
            True,
        ),
        (
            "tiny",
            f"under {SMALL_SIDE} pixels on a side",
            "look for larger copies: the model sees them blown up",
            np.minimum(rows["width"], rows["height"]) < SMALL_SIDE,
            True,
        ),
        (
            "bars",
            "black bars along the sides",
            "cut them off, above all if one class has more of them than others",
            bars,
            True,
        ),
        (
            "misnamed",
            "ending and content differ",
            "nothing: the content decides",
            misnamed,
            False,
        ),
        (
            "odd_modes",
            "CMYK, transparent or 16 bits",
            "nothing, but look at some of the figures: colours were converted, transparency is on black",
            ~np.isin(modes, _PLAIN_MODES),
            False,
        ),
        ("animated", "animations", "nothing: the first frame is used", rows["frames"] > 1, False),
        ("turned", "turned by their EXIF tag", "nothing: they are set upright", rows["turned"], False),
        (
            "orientation",
            "upright among lying ones" if fewer is standing else "lying among upright ones",
            "nothing: the frame becomes square where shapes are mixed",
            mixed,
            False,
        ),
    )
    return [
        ImageIssue(kind, title, advice, tuple(names[where].tolist()), int(where.sum()), matters)
        for kind, title, advice, where, matters in checks
        if where.any()
    ]


def of_classes(table: Table) -> list[ImageIssue]:
    """What is odd about how many pictures the classes have."""
    counts = Counter(picture.label for picture in table.pictures)
    if len(counts) < 2:
        return []
    found = []
    few = [f"{label} ({counts[label]})" for label in table.labels if counts[label] < _FEW]
    if few:
        found.append(
            ImageIssue(
                "few",
                f"classes with under {_FEW} pictures: {_some(few)}",
                "add pictures: nothing else helps as much",
                (),
                len(few),
            )
        )
    (most, many), (least, little) = counts.most_common()[0], counts.most_common()[-1]
    if many > _UNBALANCED * little:
        found.append(
            ImageIssue(
                "balance",
                f"unbalanced: {most} has {many}, {least} has {little}",
                f"add pictures to {least}, or train with --set train.class_weights=true",
                (),
                sum(many > _UNBALANCED * count for count in counts.values()),
            )
        )
    return found


def _some(names: Sequence[str], limit: int = 4) -> str:
    return ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")
