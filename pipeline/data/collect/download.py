"""The folder of pictures while it is filled: asks for a picture, keeps it, notes what became of it.

One process at a time. A picture is written whole before its line is noted, so that a kill at any
moment leaves at most a picture without a line, and that one is fetched again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from pipeline.core import files, runs, urls
from pipeline.core.errors import DataError, NetworkError
from pipeline.core.progress import ProgressReporter
from pipeline.data.collect import thumbnails
from pipeline.data.collect.manifest import Manifest, Row
from pipeline.data.collect.thumbnails import Fetched, Missing
from pipeline.images import decode

TRAIN, TEST, UNSPLIT = "train", "test", ""
# So many pictures in a row that did not come, or that YouTube says it lacks: it is not the pictures.
_IN_VAIN, _LACKING = 5, 50


@dataclass(frozen=True)
class Outcome:
    """What a collection led to.

    Attributes:
        rows: Every video that was looked at, now or earlier, of the lists asked for.
        added: How many pictures are new, by class and side.
    """

    rows: tuple[Row, ...]
    added: Counter[tuple[str, str]]


class Downloader:
    """The folder while it is filled: asks for pictures, keeps them and notes what became of each."""

    def __init__(
        self, folder: Path, get: Callable[[str], Fetched], reporter: ProgressReporter, *, retry: bool
    ) -> None:
        self.folder, self.reporter = folder, reporter
        self.added: Counter[tuple[str, str]] = Counter()
        self._get, self._retry = get, retry
        self._in_vain: Counter[bool] = Counter()

    def __enter__(self) -> Downloader:
        self._lock = runs.Run(self.folder).locked("wait until it is done, then repeat the command")
        self._lock.__enter__()
        try:
            self.manifest = Manifest(self.folder)
        except BaseException:
            self._lock.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.manifest.save()
        finally:
            self._lock.__exit__(None, None, None)

    def outcome(self, chosen: Callable[[Row], bool]) -> Outcome:
        return Outcome(tuple(row for row in self.manifest if chosen(row)), self.added)

    def check_layout(self, split: str) -> None:
        """Refuses to mix pictures that have a side with pictures that have none."""
        if any((row.split == UNSPLIT) != (split == UNSPLIT) for row in self.manifest):
            has = "without a split" if split else "split into train and test"
            raise DataError(
                f"{self.folder} was collected {has}; this would mix the two",
                "choose another folder: --set data.pictures=FOLDER",
            )

    def mend(self, rows: Iterable[Row], again: Callable[[Row], bool]) -> None:
        """Asks again for pictures that are gone or changed, and for missing ones that may be there now."""
        for row in rows:
            if not row.file:
                if self._retry or again(row):
                    self.ask(row)
                continue
            path = self.folder / row.file
            there = path.is_file()
            if not there or decode.digest(path) != row.sha256:
                self.reporter.warn(f"{row.file} was {'changed' if there else 'deleted'}; fetching it again")
                self.ask(row, keep=there)

    def ask(self, row: Row, *, keep: bool = False) -> Row:
        """Fetches a video's picture; gives the note of what came. With `keep`, only a picture is noted.

        Raises:
            NetworkError: This was one of many in a row that gave no answer.
        """
        refused = self._refusal(row)
        found = Missing(refused, lasting=True) if refused else thumbnails.best(row.id, self._get)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        if isinstance(found, Missing):
            bare = Row(row.id, row.label, row.split, row.channel, row.position, row.title)
            noted = replace(bare, when=now, reason=found.reason, lasting=found.lasting)
            if not keep:
                self.manifest.add(noted)
            self._in_vain[found.lasting] += not refused
            if self._in_vain[False] == _IN_VAIN or self._in_vain[True] == _LACKING:
                raise NetworkError(
                    f"{self._in_vain[found.lasting]} pictures in a row could not be downloaded; the last: "
                    f"{row.id}: {found.reason}",
                    "check the network and the proxy, then repeat the command: it continues where it stopped",
                )
            return noted
        self._in_vain.clear()
        path = Path(row.split, row.label, row.id + found.ending)
        # What a power cut does to it, its digest in the manifest tells; then it is fetched again.
        files.write_bytes(self.folder / path, found.data, durable=False)
        if row.file and row.file != path.as_posix():
            (self.folder / row.file).unlink(missing_ok=True)
        self.added[row.label, row.split] += not row.file
        noted = replace(
            row,
            file=path.as_posix(),
            variant=found.variant,
            width=found.width,
            height=found.height,
            cut=found.cut,
            sha256=found.sha256,
            when=now,
            reason="",
            lasting=False,
        )
        self.manifest.add(noted)
        return noted

    def _refusal(self, row: Row) -> str:
        """Why a picture is not even asked for; empty where it is."""
        if not urls.is_video(row.id):
            return "not a YouTube id"
        others = [label for label in self.manifest.labels_of(row.id) if label != row.label]
        return f"already labelled {others[0]}" if others else ""
