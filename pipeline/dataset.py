"""A folder of pictures, or a table, into a Table of pictures and labels.

Every file that `layouts` finds ends up either in `Table.pictures` or, with the reason, in
`Table.left_out`. Who is held out is decided in `splits`; what is wrong with pictures that can
be read is asked in `audit`.
"""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from pipeline import layouts, pictures, runs, sketches, workers
from pipeline.errors import DataError, PictureError, RunError
from pipeline.layouts import Found, LeftOut
from pipeline.runs import Run
from pipeline.sketches import Sketches

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
        twins: Copies of one picture share it, as the audit found; else empty.
    """

    path: str
    label: str
    group: str
    given: str
    sha256: str
    width: int
    height: int
    remarks: str = ""
    twins: str = ""


@dataclass(frozen=True)
class Table:
    """All pictures of a data set, in one fixed order.

    Attributes:
        root: What the paths are relative to.
        labels: The classes in their one order: by code point of their normalized (NFC) names.
        pictures: Those that can be used, by path.
        left_out: Those that cannot, by path.
    """

    root: Path
    labels: tuple[str, ...]
    pictures: tuple[Picture, ...]
    left_out: tuple[LeftOut, ...]

    def file(self, picture: Picture) -> Path:
        return self.root / picture.path

    @property
    def key(self) -> str:
        """A hash of all that training sees of the data set."""
        rows = [[p.path, p.label, p.group, p.given, p.sha256, p.twins] for p in self.pictures]
        return runs.key_of([list(self.labels), rows])


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
    progress: workers.Progress = workers.silent,
    looks: Sketches | None = None,
) -> Table:
    """Looks at every file of a data set; pictures not yet known are decoded wholly.

    Args:
        source: `FOLDER/CLASS/*`, `FOLDER/{train,val,test}/CLASS/*`, or a CSV with the columns
            path and label and, if wanted, group and split (train, val or test).
        known: An earlier table; the facts of files with the same content are taken from it.
        progress: Called as pictures are looked at.
        looks: If given, every picture has its sketch in it afterwards, made from the same decode.

    Raises:
        DataError: No pictures, fewer than two classes, an empty class, classes that differ
            only in case, a row of the CSV, or over 10% of a class unreadable.
    """
    found, ignored, root = _listed(source)
    labels = _labels(source, [entry.label for entry in found])
    rows, left_out = _look(root, found, known, progress, looks)
    left_out += ignored
    _check_losses(source, Counter(entry.label for entry in found), left_out, ignored)
    return _table(root, labels, rows, left_out)


def survey(
    source: Path, progress: workers.Progress = workers.silent, looks: Sketches | None = None
) -> tuple[Table, DataError | None]:
    """As `scan`, but of any folder with pictures in it; where `scan` refuses, its reason comes, too.

    Raises:
        DataError: There is nothing to look at, or the table (CSV) is wrong.
    """
    refusal: DataError | None = None
    try:
        found, ignored, root = _listed(source)
        labels = _labels(source, [entry.label for entry in found])
    except DataError as error:
        found, ignored, root = (layouts.anything(source) if source.is_dir() else []), [], source
        if not found:
            raise
        refusal, labels = error, tuple(sorted({entry.label for entry in found}))
    rows, left_out = _look(root, found, None, progress, looks)
    left_out += ignored
    try:
        _check_losses(source, Counter(entry.label for entry in found), left_out, ignored)
    except DataError as error:
        refusal = refusal or error
    return _table(root, labels, rows, left_out), refusal


def _listed(source: Path) -> tuple[list[Found], list[LeftOut], Path]:
    """The files that may be pictures, those that are passed over, and what their paths are relative to."""
    if source.is_dir():
        return *layouts.walk(source), source
    if source.is_file():
        return layouts.read_csv(source), [], source.parent
    raise DataError(
        f"{source}: no such folder of pictures",
        "put the pictures there, one folder per class, or set data.pictures",
    )


def _table(root: Path, labels: tuple[str, ...], rows: list[Picture], left_out: list[LeftOut]) -> Table:
    rows.sort(key=lambda picture: picture.path)
    left_out.sort(key=lambda entry: entry.path)
    return Table(root, labels, tuple(rows), tuple(left_out))


def _look(
    root: Path,
    found: Sequence[Found],
    known: Table | None,
    progress: workers.Progress,
    looks: Sketches | None,
) -> tuple[list[Picture], list[LeftOut]]:
    facts = {picture.sha256: picture for picture in known.pictures} if known and looks is None else {}
    refused = {entry.sha256: entry.reason for entry in known.left_out if entry.sha256} if known else {}
    rows: list[Picture] = []
    left_out: list[LeftOut] = []
    drawn: list[tuple[np.ndarray, np.ndarray]] = []

    def look(entry: Found) -> Picture | LeftOut:
        path = root / entry.path
        if path.suffix.lower() in layouts.OTHER_PICTURES:
            reason = f"{path.suffix} files are not read; save it as JPEG or PNG"
            return LeftOut(entry.path, entry.label, "", reason)
        sha256 = ""
        try:
            sha256 = pictures.digest(path)
            if sha256 in refused:
                return LeftOut(entry.path, entry.label, sha256, refused[sha256])
            size, remarks = facts_of(path, sha256)
        except PictureError as error:
            # Without a sha256 it is looked at again next time.
            sha256 = "" if _passing(error) else sha256
            return LeftOut(entry.path, entry.label, sha256, error.message.removeprefix(f"{path}: "))
        except OSError as error:
            return LeftOut(entry.path, entry.label, "", f"cannot be opened: {error.strerror}")
        return Picture(entry.path, entry.label, entry.group, entry.given, sha256, *size, remarks)

    def facts_of(path: Path, sha256: str) -> tuple[tuple[int, int], str]:
        if sha256 in facts:
            return (facts[sha256].width, facts[sha256].height), facts[sha256].remarks
        if looks is not None and (row := looks.get(sha256)) is not None:
            return (int(row["width"]), int(row["height"])), row["remarks"].decode()
        pixels, seen = pictures.examine(path)
        if looks is not None:
            drawn.append(sketches.draw(pixels, seen, sha256))
        return (seen.width, seen.height), "; ".join(seen.remarks)

    for done, row in enumerate(workers.ordered(look, found), 1):
        if isinstance(row, Picture):
            rows.append(row)
        else:
            left_out.append(row)
        while looks is not None and drawn:
            looks.add(*drawn.pop())
        progress("looking at the pictures", done, len(found))
    return rows, left_out


def _passing(error: PictureError) -> bool:
    """Whether the machine, and not the decoder, refused a picture: out of memory, or the disk failed."""
    cause = error.__cause__
    return isinstance(cause, MemoryError) or (isinstance(cause, OSError) and cause.errno is not None)


def save(run: Run, table: Table) -> None:
    """Writes the table into the run."""
    runs.write_text(run.path(runs.PICTURES), _to_csv(Picture, table.pictures))
    runs.write_text(run.path(runs.LEFT_OUT), _to_csv(LeftOut, table.left_out))


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
        left_out = [LeftOut(**row) for row in run.read_csv(runs.LEFT_OUT)]
    except (TypeError, ValueError) as error:
        raise RunError(
            f"{run.path(runs.PICTURES)} is damaged: {error}", f"make it again: {runs.training_command(run)}"
        ) from error
    root = source if source.is_dir() else source.parent
    labels = tuple(sorted({picture.label for picture in rows}))
    return Table(root, labels, tuple(rows), tuple(left_out))


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
    found, _, root = _listed(source)
    known = {picture.path: picture for picture in table.pictures}
    left_out = {(entry.path, entry.label) for entry in table.left_out}

    def look(entry: Found) -> Picture:
        path, was = root / entry.path, known.get(entry.path)
        try:
            same = was is not None and path.stat().st_mtime <= moment
            sha256 = was.sha256 if was and same else pictures.digest(path)
        except (OSError, PictureError):
            sha256 = ""
        return Picture(entry.path, entry.label, entry.group, entry.given, sha256, 0, 0)

    rows = workers.ordered(look, [entry for entry in found if (entry.path, entry.label) not in left_out])
    return compare(table, Table(root, table.labels, tuple(rows), ()))


def check_unchanged(table: Table, rows: Iterable[Picture]) -> None:
    """Makes sure that files are still those that the run was made from.

    Raises:
        DataError: One was changed or removed.
    """
    for picture in rows:
        path = table.file(picture)
        try:
            same = pictures.digest(path) == picture.sha256
        except OSError as error:
            raise DataError(
                f"{path}: {error.strerror}", "repeat the training: it notes what changed"
            ) from error
        if not same:
            raise DataError(
                f"{path} was changed since the training", "repeat the training: it notes what changed"
            )


def _to_csv(kind: type, rows: Sequence[Picture] | Sequence[LeftOut]) -> str:
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
        raise DataError(
            f"{source}: only one class, {distinct[0]}",
            "a classifier needs two: add a folder for another class",
        )
    return tuple(distinct)


def _check_losses(
    source: Path, totals: Counter[str], left_out: Sequence[LeftOut], ignored: Sequence[LeftOut]
) -> None:
    lost = defaultdict(list)
    for entry in left_out:
        if entry not in ignored:
            lost[entry.label].append(entry)
    for label, entries in sorted(lost.items()):
        if len(entries) > MAX_UNREADABLE * totals[label]:
            listed = "; ".join(f"{entry.path}: {entry.reason}" for entry in entries[:3])
            raise DataError(
                f"{source}: {len(entries)} of {totals[label]} pictures of class {label} cannot be used "
                f"(more than {MAX_UNREADABLE:.0%}): {listed}" + (" ..." if len(entries) > 3 else ""),
                "replace or remove these files",
            )
