"""A folder of pictures, or a table, into a Table of pictures and labels.

Every file that `folders` finds ends up either in `Table.pictures` or, with the reason, in
`Table.excluded`. Who is held out is decided in `splits`; what is wrong with pictures that can
be read is asked in `audit`.
"""

from __future__ import annotations

import csv
import io
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

import numpy as np

from pipeline.core import files, parallel, runs
from pipeline.core.errors import DataError, FormatError, PictureError, RunError
from pipeline.core.progress import Progress, silent
from pipeline.core.recipes import key_of
from pipeline.core.runs import Run
from pipeline.data import fingerprints, folders, tables
from pipeline.data.fingerprints import Fingerprints
from pipeline.data.folders import Excluded, Found, Layout, Note
from pipeline.images import decode

MAX_UNREADABLE = 0.10


@dataclass(frozen=True, slots=True)
class Picture:
    """One row of the table.

    Attributes:
        path: Relative to the data set's root, with `/`.
        label: The class.
        group: Pictures of one group never part; empty where the picture stands alone.
        given: `train` or `held_out` where the data set says so, else empty.
        sha256: Of the file's bytes.
        width: Of the upright picture, in pixels.
        height: Of the upright picture, in pixels.
        remarks: What the reader decided on the way, in words; often empty.
        near_duplicates: Copies of one picture share it, as the audit found; else empty.
    """

    path: str
    label: str
    group: str
    given: str
    sha256: str
    width: int
    height: int
    remarks: str = ""
    near_duplicates: str = ""


@dataclass(frozen=True)
class Table:
    """All pictures of a data set, in one fixed order.

    Attributes:
        root: What the paths are relative to.
        labels: The classes in their one order: by code point of their normalized (NFC) names.
        pictures: Those that can be used, by path.
        excluded: Those that cannot, by path.
        notes: How the data set was understood; not kept in a run.
    """

    root: Path
    labels: tuple[str, ...]
    pictures: tuple[Picture, ...]
    excluded: tuple[Excluded, ...]
    notes: tuple[Note, ...] = field(default=(), compare=False)

    def file(self, picture: Picture) -> Path:
        return self.root / picture.path

    @property
    def key(self) -> str:
        """A hash of all that training sees of the data set."""
        rows = [[p.path, p.label, p.group, p.given, p.sha256, p.near_duplicates] for p in self.pictures]
        return key_of([list(self.labels), rows])


@dataclass(frozen=True)
class Change:
    """How a data set differs from an earlier look at it; counts of pictures.

    Attributes:
        added: Whose content is new.
        removed: Whose content is gone.
        changed: Of the same name, with other content.
        relabelled: Of the same content, in another class.
        renamed: Of the same content, under another name in its class.
        regrouped: In another group, or given to another side of the split.
    """

    added: int = 0
    removed: int = 0
    changed: int = 0
    relabelled: int = 0
    renamed: int = 0
    regrouped: int = 0

    def __bool__(self) -> bool:
        return any(vars(self).values())

    def __str__(self) -> str:
        return ", ".join(f"{n} {word}" for word, n in vars(self).items() if n)


def scan(
    source: Path,
    known: Table | None = None,
    progress: Progress = silent,
    looks: Fingerprints | None = None,
    allowed: float = MAX_UNREADABLE,
) -> Table:
    """Looks at every file of a data set; pictures not yet known are decoded wholly.

    Args:
        source: `FOLDER/CLASS/**`, `FOLDER/{train,val,test}/CLASS/**`, or a CSV with the columns
            path and label and, if wanted, group and split (train, val or test).
        known: An earlier table; the facts of files with the same content are taken from it.
        progress: Called as pictures are looked at.
        looks: If given, every picture has its sketch in it afterwards, made from the same decode.
        allowed: The share of a class that may be unreadable.

    Raises:
        DataError: No pictures, fewer than two classes, an empty class, classes that differ
            only in case, a row of the CSV, or more of a class unreadable than is allowed.
    """
    layout = _laid_out(source)
    labels = _labels(source, [entry.label for entry in layout.found])
    table = _table(layout, labels, *_look(layout, known, progress, looks))
    _check_losses(source, layout, table, allowed)
    return table


def survey(
    source: Path,
    progress: Progress = silent,
    looks: Fingerprints | None = None,
    allowed: float = MAX_UNREADABLE,
) -> tuple[Table, DataError | None]:
    """As `scan`, but of any folder with pictures in it; where `scan` refuses, its reason comes, too.

    Raises:
        DataError: There is nothing to look at, or the table (CSV) is wrong.
    """
    refusal: DataError | None = None
    try:
        layout = _laid_out(source)
        labels = _labels(source, [entry.label for entry in layout.found])
    except DataError as error:
        layout = folders.anything(source) if source.is_dir() else Layout(source, ())
        if not layout.found:
            raise
        refusal, labels = error, tuple(sorted({entry.label for entry in layout.found}))
    table = _table(layout, labels, *_look(layout, None, progress, looks))
    try:
        _check_losses(source, layout, table, allowed)
    except DataError as error:
        refusal = refusal or error
    return table, refusal


def _laid_out(source: Path) -> Layout:
    """The files of a data set that may be pictures, and those that are passed over."""
    if source.is_dir():
        return folders.walk(source)
    if source.is_file():
        return tables.read(source)
    what = "neither a folder of pictures nor a table" if source.exists() else "no such folder of pictures"
    raise DataError(f"{source}: {what}", "put the pictures there, one folder per class, or set data.pictures")


def _table(
    layout: Layout, labels: tuple[str, ...], rows: list[Picture], excluded: Sequence[Excluded]
) -> Table:
    rows.sort(key=lambda picture: picture.path)
    away = sorted([*excluded, *layout.ignored], key=lambda entry: entry.path)
    return Table(layout.root, labels, tuple(rows), tuple(away), layout.notes)


def _look(
    layout: Layout, known: Table | None, progress: Progress, looks: Fingerprints | None
) -> tuple[list[Picture], list[Excluded]]:
    root, found = layout.root, layout.found
    facts = {picture.sha256: picture for picture in known.pictures} if known and looks is None else {}
    refused = {entry.sha256: entry for entry in known.excluded if entry.sha256} if known else {}
    rows: list[Picture] = []
    excluded: list[Excluded] = []
    drawn: list[tuple[np.ndarray, np.ndarray]] = []

    def look(entry: Found) -> Picture | Excluded:
        path = root / entry.path
        sha256 = ""
        try:
            sha256 = decode.digest(path)
            if sha256 in refused:
                return replace(refused[sha256], path=entry.path, label=entry.label)
            size, remarks = facts_of(path, sha256)
        except PictureError as error:
            # Without a sha256 it is looked at again next time.
            sha256 = "" if _passing(error) else sha256
            kind = "other_format" if isinstance(error, FormatError) else "unreadable"
            return Excluded(entry.path, entry.label, sha256, error.message.removeprefix(f"{path}: "), kind)
        except OSError as error:
            reason = f"cannot be opened: {error.strerror}"
            return Excluded(entry.path, entry.label, "", reason, "unreadable")
        return Picture(entry.path, entry.label, entry.group, entry.given, sha256, *size, remarks)

    def facts_of(path: Path, sha256: str) -> tuple[tuple[int, int], str]:
        if sha256 in facts:
            return (facts[sha256].width, facts[sha256].height), facts[sha256].remarks
        if looks is not None and (row := looks.get(sha256)) is not None:
            return (int(row["width"]), int(row["height"])), row["remarks"].decode()
        pixels, seen = decode.examine(path)
        if looks is not None:
            drawn.append(fingerprints.draw(pixels, seen, sha256))
        return (seen.width, seen.height), "; ".join(seen.remarks)

    for done, row in enumerate(parallel.ordered(look, found), 1):
        if isinstance(row, Picture):
            rows.append(row)
        else:
            excluded.append(row)
        while looks is not None and drawn:
            looks.add(*drawn.pop())
        progress("looking at the pictures", done, len(found))
    return rows, excluded


def _passing(error: PictureError) -> bool:
    """Whether the machine, and not the decoder, refused a picture: out of memory, or the disk failed."""
    cause = error.__cause__
    return isinstance(cause, MemoryError) or (isinstance(cause, OSError) and cause.errno is not None)


def save(run: Run, table: Table) -> None:
    """Writes the table into the run."""
    files.write_text(run.path(runs.PICTURES), _to_csv(Picture, table.pictures))
    files.write_text(run.path(runs.EXCLUDED), _to_csv(Excluded, table.excluded))


def load(run: Run, source: Path) -> Table:
    """The table that `save` wrote.

    Args:
        run: Where it is.
        source: The folder or the CSV that it was made from.

    Raises:
        RunError: It is missing or damaged.
    """
    try:
        rows = [
            Picture(**{**row, "width": int(row["width"]), "height": int(row["height"])})
            for row in run.read_csv(runs.PICTURES)
        ]
        excluded = [Excluded(**row) for row in run.read_csv(runs.EXCLUDED)]
    except (TypeError, ValueError) as error:
        raise RunError(
            f"{run.path(runs.PICTURES)} is damaged: {error}", f"make it again: {runs.training_command(run)}"
        ) from error
    root = source if source.is_dir() else source.parent
    labels = tuple(sorted({picture.label for picture in rows}))
    return Table(root, labels, tuple(rows), tuple(excluded))


def compare(old: Table, new: Table) -> Change:
    """What became of the pictures since an earlier look."""
    before = {picture.path: picture for picture in old.pictures}
    after = {picture.path: picture for picture in new.pictures}
    gone: dict[str, list[Picture]] = defaultdict(list)
    for path in sorted(before.keys() - after.keys()):
        gone[before[path].sha256].append(before[path])
    counts: Counter[str] = Counter(removed=len(before.keys() - after.keys()))
    for path in sorted(after.keys() - before.keys()):
        moved = gone[after[path].sha256]
        counts["removed"] -= bool(moved)
        kind = "added"
        if moved:
            kind = "renamed" if moved.pop().label == after[path].label else "relabelled"
        counts[kind] += 1
    for path in before.keys() & after.keys():
        was, now = before[path], after[path]
        counts["changed"] += was.sha256 != now.sha256
        counts["relabelled"] += was.label != now.label
        counts["regrouped"] += (was.group, was.given) != (now.group, now.given)
    return Change(**counts)


def changed_since(table: Table, source: Path, moment: float) -> Change:
    """How the files of a data set differ from its table, without reading those that are as old as it.

    Args:
        table: As it was.
        source: The folder or the CSV that it was made from.
        moment: When the table was written, in seconds; files changed later are read.

    Raises:
        DataError: As `scan`, where the folders alone tell.
    """
    layout = _laid_out(source)
    known = {picture.path: picture for picture in table.pictures}
    excluded = {(entry.path, entry.label) for entry in table.excluded}

    def look(entry: Found) -> Picture:
        path, was = layout.root / entry.path, known.get(entry.path)
        try:
            same = was is not None and path.stat().st_mtime <= moment
            sha256 = was.sha256 if was and same else decode.digest(path)
        except (OSError, PictureError):
            sha256 = ""
        return Picture(entry.path, entry.label, entry.group, entry.given, sha256, 0, 0)

    rows = parallel.ordered(look, [e for e in layout.found if (e.path, e.label) not in excluded])
    return compare(table, Table(layout.root, table.labels, tuple(rows), ()))


def check_unchanged(table: Table, rows: Iterable[Picture]) -> None:
    """Makes sure that files are still those that the run was made from.

    Raises:
        DataError: One was changed or removed.
    """
    for picture in rows:
        path = table.file(picture)
        try:
            same = decode.digest(path) == picture.sha256
        except OSError as error:
            raise DataError(
                f"{path}: {error.strerror}", "repeat the training: it notes what changed"
            ) from error
        if not same:
            raise DataError(
                f"{path} was changed since the training", "repeat the training: it notes what changed"
            )


def _to_csv(kind: type, rows: Sequence[Picture] | Sequence[Excluded]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, [column.name for column in fields(kind)])
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return text.getvalue()


def _labels(source: Path, labels: Sequence[str]) -> tuple[str, ...]:
    distinct = sorted(set(labels))
    if not distinct:
        raise DataError(
            f"{source}: no pictures found",
            "put them into one folder per class: FOLDER/CLASS/picture.jpg",
        )
    folded: dict[str, list[str]] = defaultdict(list)
    for label in distinct:
        folded[label.casefold()].append(label)
        if any(ord(c) < 32 for c in label):
            raise DataError(f"{source}: the class name {label!r} has a control character", "rename it")
    for alike in folded.values():
        if len(alike) > 1:
            raise DataError(
                f"{source}: classes {' and '.join(alike)} differ in case only", "merge them, or rename one"
            )
    if len(distinct) < 2:
        inside = source / distinct[0]
        raise DataError(
            f"{source}: only one class, {distinct[0]}",
            f"if the folders in it are the classes, give {inside}"
            if inside.is_dir() and any(path.is_dir() for path in inside.iterdir())
            else "a classifier needs two: add a folder for another class",
        )
    return tuple(distinct)


def _check_losses(source: Path, layout: Layout, table: Table, allowed: float) -> None:
    totals = Counter(entry.label for entry in layout.found)
    lost = defaultdict(list)
    for entry in table.excluded:
        if entry.kind != "passed_over":
            lost[entry.label].append(entry)
    over = {label: entries for label, entries in lost.items() if len(entries) > allowed * totals[label]}
    for label, entries in sorted(over.items()):
        listed = "; ".join(f"{entry.path}: {entry.reason}" for entry in entries[:3])
        most = max(math.ceil(100 * len(some) / totals[name]) for name, some in over.items())
        raise DataError(
            f"{source}: {len(entries)} of {totals[label]} pictures of class {label} cannot be used "
            f"(more than {allowed:.0%}): {listed}" + (" ..." if len(entries) > 3 else ""),
            f"save them again as JPEG, or go on without them: --allow-unreadable {most}%",
        )
