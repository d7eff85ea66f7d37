"""Turns a folder of pictures, or a table, into a Table of pictures and labels.

Every file that `folders` finds ends up in `Table.pictures` or, with the reason, in `Table.excluded`.
`splits` decides what is held out; `audit` finds what is wrong with readable pictures.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

import numpy as np

from pipeline.core import files, parallel, runs, stages
from pipeline.core.errors import DataError, FormatError, PictureError, RunError
from pipeline.core.progress import Progress, silent
from pipeline.core.recipes import key_of
from pipeline.core.remote_cache import Place, RemoteCache, fetched_ahead, locate
from pipeline.core.runs import Run
from pipeline.data import fingerprints, folders, tables
from pipeline.data.fingerprints import Fingerprints
from pipeline.data.folders import Candidate, Excluded, ExclusionKind, Layout, Note
from pipeline.data.labels import check_losses, labels_of
from pipeline.images import decode

_MAX_UNREADABLE = 0.10
# Columns of pictures.csv as the version before called them.
_OLD_COLUMNS = {"given": "given_split", "twins": "near_duplicates"}


@dataclass(frozen=True, slots=True)
class Picture:
    """One row of the table.

    Attributes:
        path: Relative to the data set's root, with `/`; or, out of a table, absolute or an address.
        label: The class.
        group: Pictures of one group stay together; empty for a picture on its own.
        given_split: `train` or `held_out` if the data set says so, else empty.
        sha256: Of the file's bytes.
        width: Of the upright picture, in pixels.
        height: Of the upright picture, in pixels.
        remarks: How the decoder treated it, in words; usually empty.
        near_duplicates: The same for all copies of one picture, by the audit; else empty.
        decision: What `decisions` says of it, if anything; `decided_label` is its new class, if it has one.
    """

    path: str
    label: str
    group: str
    given_split: str
    sha256: str
    width: int
    height: int
    remarks: str = ""
    near_duplicates: str = ""
    decision: str = ""
    decided_label: str = ""

    @property
    def final_label(self) -> str:
        return self.decided_label or self.label


@dataclass(frozen=True)
class Table:
    """All pictures of a data set, in one fixed order.

    Attributes:
        root: What the paths are relative to.
        labels: The classes, ordered by code point of their normalized (NFC) names.
        pictures: Those that can be used, ordered by path.
        excluded: Those that cannot, ordered by path.
        notes: How the data set was read; not stored in a run.
        cache: Of what lies at addresses.
    """

    root: Path
    labels: tuple[str, ...]
    pictures: tuple[Picture, ...]
    excluded: tuple[Excluded, ...]
    notes: tuple[Note, ...] = field(default=(), compare=False)
    cache: RemoteCache = field(default_factory=RemoteCache, compare=False, repr=False)

    def at(self, path: str) -> Place:
        """Where a path of the table leads."""
        return locate(self.root, path, self.cache)

    def file(self, picture: Picture) -> Place:
        return self.at(picture.path)

    @property
    def key(self) -> str:
        """A hash of all that training sees of the data set."""
        seen = ("path", "label", "group", "given_split", "sha256", "near_duplicates")
        decided = ("decision", "decided_label")
        rows = [[getattr(p, of) for of in seen + decided * bool(p.decision)] for p in self.pictures]
        return key_of([list(self.labels), rows])


def scan(
    source: Path,
    known: Table | None = None,
    progress: Progress = silent,
    cache: Fingerprints | None = None,
    allowed: float = _MAX_UNREADABLE,
    remote: RemoteCache | None = None,
) -> Table:
    """Reads every file of a data set; pictures that are not known yet are decoded fully.

    Args:
        source: `FOLDER/CLASS/**`, `FOLDER/{train,val,test}/CLASS/**`, or a table (CSV or Parquet) with the
            columns path and label, and optionally group and split (train, val or test).
        known: An earlier table; the facts of files with the same content are taken from it.
        progress: Called as pictures are read.
        cache: Receives the fingerprint of every picture, made from the same decode.
        allowed: The share of a class that may be unreadable.
        remote: The cache of pictures at addresses.

    Raises:
        DataError: No pictures, fewer than two classes, an empty class, classes that differ
            only in case, a row of the table, or more of a class unreadable than is allowed.
        NetworkError: Pictures are at addresses where nothing answers.
    """
    layout = layout_of(source, remote)
    labels = labels_of(source, [entry.label for entry in layout.candidates])
    table = _table(layout, labels, *_look(layout, known, progress, cache))
    check_losses(source, layout, table.excluded, allowed)
    return table


def survey(
    source: Path,
    progress: Progress = silent,
    cache: Fingerprints | None = None,
    allowed: float = _MAX_UNREADABLE,
    remote: RemoteCache | None = None,
) -> tuple[Table, DataError | None]:
    """Like `scan`, but for any folder with pictures in it; returns why `scan` would refuse it, too.

    Raises:
        DataError: There are no pictures, or the table is wrong.
        NetworkError: As `scan`.
    """
    refusal: DataError | None = None
    try:
        layout = layout_of(source, remote)
        labels = labels_of(source, [entry.label for entry in layout.candidates])
    except DataError as error:
        layout = folders.anything(source) if source.is_dir() else Layout(source, ())
        if not layout.candidates:
            raise
        refusal, labels = error, tuple(sorted({entry.label for entry in layout.candidates}))
    table = _table(layout, labels, *_look(layout, None, progress, cache))
    try:
        check_losses(source, layout, table.excluded, allowed)
    except DataError as error:
        refusal = refusal or error
    return table, refusal


def layout_of(source: Path, remote: RemoteCache | None = None) -> Layout:
    """The files of a data set that may be pictures, and those that are not; `remote` is to open them."""
    if source.is_dir():
        return folders.walk(source)
    if source.is_file():
        return replace(tables.read(source), cache=remote or RemoteCache())
    what = "neither a folder of pictures nor a table" if source.exists() else "no such folder of pictures"
    raise DataError(f"{source}: {what}", "put the pictures there, one folder per class, or set data.pictures")


def _table(layout: Layout, labels: tuple[str, ...], rows: list[Picture], excluded: list[Excluded]) -> Table:
    everything = sorted([*excluded, *layout.ignored], key=lambda entry: entry.path)
    pictures = sorted(rows, key=lambda picture: picture.path)
    return Table(layout.root, labels, tuple(pictures), tuple(everything), layout.notes, layout.cache)


def _look(
    layout: Layout, known: Table | None, progress: Progress, cache: Fingerprints | None
) -> tuple[list[Picture], list[Excluded]]:
    candidates = layout.candidates
    layout.cache.look(entry.path for entry in candidates)
    facts = {picture.sha256: picture for picture in known.pictures} if known and cache is None else {}
    refused = {entry.sha256: entry for entry in known.excluded if entry.sha256} if known else {}
    rows: list[Picture] = []
    excluded: list[Excluded] = []
    drawn: list[tuple[np.ndarray, np.ndarray]] = []

    def look(entry: Candidate) -> Picture | Excluded:
        path = layout.place(entry)
        sha256 = ""
        try:
            sha256 = decode.digest(path)
            if sha256 in refused:
                return replace(refused[sha256], path=entry.path, label=entry.label)
            size, remarks = facts_of(path, sha256)
        except PictureError as error:
            # Without a sha256 it is read again next time.
            sha256 = "" if _temporary(error) else sha256
            kind = ExclusionKind.OTHER_FORMAT if isinstance(error, FormatError) else ExclusionKind.UNREADABLE
            return Excluded(entry.path, entry.label, sha256, error.reason, kind)
        except OSError as error:
            reason = f"cannot be opened: {error.strerror}"
            return Excluded(entry.path, entry.label, "", reason, ExclusionKind.UNREADABLE)
        return Picture(entry.path, entry.label, entry.group, entry.given_split, sha256, *size, remarks)

    def facts_of(path: Place, sha256: str) -> tuple[tuple[int, int], str]:
        if sha256 in facts:
            return (facts[sha256].width, facts[sha256].height), facts[sha256].remarks
        if cache is not None and (row := cache.get(sha256)) is not None:
            return (int(row["width"]), int(row["height"])), row["remarks"].decode()
        pixels, own = decode.examine(path)
        if cache is not None:
            drawn.append(fingerprints.draw(pixels, own, sha256))
        return (own.width, own.height), "; ".join(own.remarks)

    for done, row in enumerate(parallel.ordered(look, fetched_ahead(candidates, layout.place)), 1):
        if isinstance(row, Picture):
            rows.append(row)
        else:
            excluded.append(row)
        while cache is not None and drawn:
            cache.add(*drawn.pop())
        progress("reading the pictures", done, len(candidates))
    return rows, excluded


def _temporary(error: PictureError) -> bool:
    """Whether a picture failed for want of memory or by a disk error, not because of its content."""
    cause = error.__cause__
    return isinstance(cause, MemoryError) or (isinstance(cause, OSError) and cause.errno is not None)


def save(run: Run, table: Table) -> None:
    """Writes the table into the run."""
    files.write_text(run.path(stages.PICTURES), _to_csv(Picture, table.pictures))
    files.write_text(run.path(stages.EXCLUDED), _to_csv(Excluded, table.excluded))


def load(run: Run, source: Path, remote: RemoteCache | None = None) -> Table:
    """The table that `save` wrote.

    Args:
        run: Where it is.
        source: The folder or the table that it was made from.
        remote: The cache of pictures at addresses.

    Raises:
        RunError: It is missing or damaged.
    """
    try:
        rows = [_picture(row) for row in run.read_csv(stages.PICTURES)]
        excluded = [_excluded(row) for row in run.read_csv(stages.EXCLUDED)]
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(
            f"{run.path(stages.PICTURES)} is damaged: {error}", f"recreate it: {runs.training_command(run)}"
        ) from error
    labels = tuple(sorted({picture.label for picture in rows}))
    return Table(root_of(source), labels, tuple(rows), tuple(excluded), cache=remote or RemoteCache())


def root_of(source: Path) -> Path:
    """What the paths of a folder or a table of pictures are relative to."""
    return source if source.is_dir() else source.parent


def _picture(row: dict[str, str]) -> Picture:
    row = {_OLD_COLUMNS.get(name, name): value for name, value in row.items()}
    return Picture(**{**row, "width": int(row["width"]), "height": int(row["height"])})


def _excluded(row: dict[str, str]) -> Excluded:
    return Excluded(**{**row, "kind": ExclusionKind(row.get("kind", ""))})


def check_unchanged(table: Table, rows: Iterable[Picture]) -> None:
    """Checks that files are still those that the run was made from.

    Raises:
        DataError: One was changed or removed.
    """
    for picture in rows:
        path = table.file(picture)
        try:
            same = decode.digest(path) == picture.sha256
        except OSError as error:
            raise DataError(f"{path}: {error.strerror}", "train again to see what changed") from error
        if not same:
            raise DataError(f"{path} has changed since the training", "train again to see what changed")


def _to_csv(kind: type, rows: Sequence[Picture] | Sequence[Excluded]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, [column.name for column in fields(kind)])
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return text.getvalue()
