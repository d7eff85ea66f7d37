"""What an audit reports about files, pictures and classes.

Reads the table and the fingerprints; opens no picture.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np

from pipeline.core.filetypes import ENDINGS
from pipeline.core.remote import file_name
from pipeline.data.audit.issues import ImageIssue, IssueKind, issue, present
from pipeline.data.dataset import Table
from pipeline.data.folders import Excluded, ExclusionKind, Note, NoteKind
from pipeline.data.pictures import Pictures

_SMALL_SIDE = 64
_UNIFORM = 4.0
_FLAT = 0.90
_BAR = 0.02
_UNBALANCED = 3.0
_FEW = 20
_PLAIN_MODES = ("RGB", "L", "P", "1", "YCbCr")
# What `of_pictures` looks at.
FACTS = ("width", "height", "file_format", "mode", "turned", "frames", "bars", "contrast", "flat")
_FOR_NOTES = {
    NoteKind.NESTED: (
        IssueKind.NESTED,
        "pictures in subfolders of a class",
        "nothing: they belong to the class above",
    ),
    NoteKind.SPLITS: (
        IssueKind.SPLITS,
        "the data set comes with a split: {}",
        "nothing if this is intended; otherwise rename these folders",
    ),
    NoteKind.ENCODING: (
        IssueKind.ENCODING,
        "the table is not UTF-8 and was {}",
        "if that is wrong, save the table as “CSV UTF-8”",
    ),
    NoteKind.BACKSLASHES: (
        IssueKind.BACKSLASHES,
        "backslashes are read as slashes: {}",
        "nothing: the pictures were found",
    ),
    NoteKind.NAMED_GROUPS: (
        IssueKind.NAMED_GROUPS,
        "data.group_pattern = {}",
        "nothing if that is how many you expect: each stays on one side of a split that is drawn",
    ),
    NoteKind.NO_NAMED_GROUPS: (
        IssueKind.NO_NAMED_GROUPS,
        "data.group_pattern = {}",
        "correct the pattern: its part in parentheses has to match some of a file's name, without the ending",
    ),
}


def of_files(excluded: Sequence[Excluded]) -> list[ImageIssue]:
    """Issues of files that are not used."""
    paths: dict[ExclusionKind, list[str]] = {kind: [] for kind in ExclusionKind}
    for entry in excluded:
        paths[entry.kind or ExclusionKind.UNREADABLE].append(entry.path)
    return present(
        issue(
            IssueKind.UNREADABLE,
            "unreadable pictures",
            "open them and save them as JPEG; audit.json lists the reasons",
            paths[ExclusionKind.UNREADABLE],
        ),
        issue(
            IssueKind.MISSING,
            "pictures that are not there",
            "correct their paths in the table, or the links; audit.json lists them",
            paths[ExclusionKind.MISSING],
        ),
        issue(
            IssueKind.OTHER_FORMATS,
            "pictures in unsupported formats (raw, JPEG XL, SVG …)",
            "export them as JPEG; until then they are not used",
            paths[ExclusionKind.OTHER_FORMAT],
        ),
        issue(
            IssueKind.PASSED_OVER,
            "files that are not pictures of a class",
            "nothing, unless one of them is a picture; audit.json lists the reasons",
            paths[ExclusionKind.PASSED_OVER],
            matters=False,
        ),
    )


def of_layout(notes: Sequence[Note]) -> list[ImageIssue]:
    """How the data set was read where it could be read otherwise."""
    issues = []
    for note in notes:
        kind, title, advice = _FOR_NOTES[note.kind]
        count = max(1, len(note.pictures))
        issues.append(
            issue(
                kind,
                title.format(note.detail),
                advice,
                note.pictures,
                count=count,
                matters=note.kind is NoteKind.NO_NAMED_GROUPS,
            )
        )
    return issues


def of_pictures(pictures: Pictures, rows: np.ndarray) -> list[ImageIssue]:
    """Issues of single pictures.

    Args:
        pictures: The readable ones.
        rows: These `FACTS` of them, shape (n,).
    """
    if not pictures:
        return []
    modes = rows["mode"].astype(str)
    names = zip(pictures.paths(), rows["file_format"], strict=True)
    misnamed = np.array(
        [
            PurePosixPath(file_name(name)).suffix.lower() not in ENDINGS.get(file_format.decode(), ())
            for name, file_format in names
        ]
    )
    uniform = rows["contrast"] < _UNIFORM
    landscape, portrait = rows["width"] > rows["height"], rows["width"] < rows["height"]
    rarer = portrait if portrait.sum() <= landscape.sum() else landscape
    mixed = rarer if rarer.mean() > 0.2 else np.zeros(len(rows), bool)

    def where(kind: IssueKind, title: str, advice: str, mask: np.ndarray, *, matters: bool) -> ImageIssue:
        paths = [pictures[at].path for at in np.flatnonzero(mask).tolist()]
        return issue(kind, title, advice, paths, matters=matters)

    return present(
        where(
            IssueKind.UNIFORM,
            "nearly one colour",
            "check them and remove those that show nothing",
            uniform,
            matters=True,
        ),
        where(
            IssueKind.PLACEHOLDER,
            "mostly one flat colour (a placeholder?)",
            "check them and remove placeholders such as “picture not available”",
            (rows["flat"] > _FLAT) & ~uniform,
            matters=True,
        ),
        where(
            IssueKind.TINY,
            f"under {_SMALL_SIDE} pixels on a side",
            "look for larger versions: the model sees these upscaled",
            np.minimum(rows["width"], rows["height"]) < _SMALL_SIDE,
            matters=True,
        ),
        where(
            IssueKind.BARS,
            "black bars along the sides",
            "crop them, especially if one class has more of them than others",
            rows["bars"].max(1) > _BAR,
            matters=True,
        ),
        where(
            IssueKind.MISNAMED,
            "extension does not match the content",
            "nothing: the content counts, not the name",
            misnamed,
            matters=False,
        ),
        where(
            IssueKind.ODD_MODES,
            "CMYK, transparent or 16-bit",
            "nothing, but check the contact sheets: colours were converted, transparency became black",
            ~np.isin(modes, _PLAIN_MODES),
            matters=False,
        ),
        where(
            IssueKind.ANIMATED,
            "animations",
            "nothing: the first frame is used",
            rows["frames"] > 1,
            matters=False,
        ),
        where(
            IssueKind.TURNED,
            "rotated by their EXIF tag",
            "nothing: the rotation is applied",
            rows["turned"],
            matters=False,
        ),
        where(
            IssueKind.ORIENTATION,
            "portrait pictures in a mostly landscape set"
            if rarer is portrait
            else "landscape pictures in a mostly portrait set",
            "nothing: mixed shapes get a square frame",
            mixed,
            matters=False,
        ),
    )


def of_classes(table: Table) -> list[ImageIssue]:
    """Issues of the number of pictures in each class."""
    counts = Counter(table.pictures.labels())
    if len(counts) < 2:
        return []
    few = [f"{label} ({counts[label]})" for label in table.labels if counts[label] < _FEW]
    (most, many), (least, little) = counts.most_common()[0], counts.most_common()[-1]
    unbalanced = sum(many > _UNBALANCED * count for count in counts.values())
    return present(
        issue(
            IssueKind.FEW,
            f"classes with fewer than {_FEW} pictures: {_some(few)}",
            "add pictures: nothing else helps as much",
            (),
            count=len(few),
        ),
        issue(
            IssueKind.BALANCE,
            f"unbalanced: {most} has {many}, {least} has {little}",
            f"add pictures to {least}, or train with --set train.class_weights=true",
            (),
            count=unbalanced,
        ),
    )


def _some(names: Sequence[str], limit: int = 4) -> str:
    return ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")
