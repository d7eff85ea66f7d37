"""A file of videos instead of channels: which videos, of which class, on which side of the split."""

from __future__ import annotations

import csv
import io
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from pipeline.core import filetypes, urls
from pipeline.core.errors import DataError, UsageError
from pipeline.data.collect.manifest import SPLITS, shown


@dataclass(frozen=True)
class Wanted:
    """A line of the file; `position` is its number among the videos, from 1."""

    id: str
    label: str
    split: str
    position: int


def read(path: Path, label: str = "", split: str = "") -> list[Wanted]:
    """The videos of a file: one a line, `VIDEO`, `VIDEO,LABEL` or `VIDEO,LABEL,SPLIT`.

    Args:
        path: A UTF-8 text. VIDEO is an id or an address; empty lines and those that begin with #
            are passed over.
        label: The class of lines that give none.
        split: The same for `train` and `test`.

    Raises:
        DataError: A line is wrong; the message names it.
        UsageError: The label or the split given for all.
    """
    if label and not urls.is_label(label):
        raise UsageError(f"--label {label!r} cannot be a folder name", "for example --label cooking")
    if split not in SPLITS:
        raise UsageError(f"--split {split}: expected train or test", "omit it for no split")
    try:
        text = filetypes.contents(path).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise DataError(
            f"{path} cannot be read: {why}", "give a text file with one video per line"
        ) from error
    found: dict[tuple[str, str], Wanted] = {}
    for number, line in enumerate(text.splitlines(), 1):
        # Only the line's beginning is a comment: an address may hold a #.
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        cells = [cell.strip() for cell in next(csv.reader(io.StringIO(line), skipinitialspace=True))]
        wanted = _wanted(f"{path}, line {number}", cells, label, split, len(found) + 1)
        before = found.setdefault((wanted.label, wanted.id), wanted)
        if before.split != wanted.split:
            raise DataError(
                f"{path}, line {number}: {wanted.id} is already on the other side of the split",
                "keep one of the two lines",
            )
    if not found:
        raise DataError(f"{path} lists no videos", "give one id or address per line")
    if len({wanted.split == "" for wanted in found.values()}) > 1:
        raise DataError(
            f"{path}: some videos have a split and some have none", "fill the column, or use --split train"
        )
    return list(found.values())


def _wanted(where: str, cells: list[str], label: str, split: str, position: int) -> Wanted:
    name, own_label, own_split = [*cells, "", "", ""][:3]
    video = urls.video_id(name)
    if video is None or len(cells) > 3:
        raise DataError(
            f"{where}: expected VIDEO, VIDEO,LABEL or VIDEO,LABEL,SPLIT. Received: {shown(','.join(cells))}",
            "VIDEO is an id of eleven letters, or an address such as https://youtu.be/ID",
        )
    label = unicodedata.normalize("NFC", own_label or label)
    if not urls.is_label(label):
        raise DataError(
            f"{where}: {shown(label) if label else 'no label'}: a label is one folder name",
            "write it after the video, or give one for all: --label NAME",
        )
    if own_split not in SPLITS:
        raise DataError(
            f"{where}: the split must be train or test. Received: {shown(own_split)}", "fix the line"
        )
    return Wanted(video, label, own_split or split, position)
