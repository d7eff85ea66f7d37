"""The picture folder while it is being filled: requests pictures, stores them and records the results.

One process at a time. A picture is written in full before its row is recorded, so a kill at any moment
leaves at most one picture without a row, and that one is fetched again.
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
# After this many failures in a row, or pictures that YouTube says it lacks, something else is wrong.
_IN_VAIN, _LACKING = 5, 50


@dataclass(frozen=True)
class Outcome:
    """The result of a collection.

    Attributes:
        rows: Every video of the requested lists that was looked at, now or earlier.
        added: How many pictures are new, by class and side.
    """

    rows: tuple[Row, ...]
    added: Counter[tuple[str, str]]


class Downloader:
    """Fills a folder with pictures, and records what became of each in its manifest."""

    def __init__(
        self, folder: Path, get: Callable[[str], Fetched], reporter: ProgressReporter, *, retry: bool
    ) -> None:
        self.folder, self.reporter = folder, reporter
        self.added: Counter[tuple[str, str]] = Counter()
        self._get, self._retry = get, retry
        self._in_vain: Counter[bool] = Counter()

    def __enter__(self) -> Downloader:
        self._lock = runs.Run(self.folder).locked("wait until it is done, then run the command again")
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
        """Refuses to mix pictures that are split with pictures that are not."""
        if any((row.split == UNSPLIT) != (split == UNSPLIT) for row in self.manifest):
            has = "without a split" if split else "split into train and test"
            raise DataError(
                f"{self.folder} was collected {has}; this would mix the two",
                "choose another folder: --set data.pictures=FOLDER",
            )

    def mend(self, rows: Iterable[Row], again: Callable[[Row], bool]) -> None:
        """Requests pictures again that are gone or changed, and missing ones that may exist by now."""
        for row in rows:
            if not row.file:
                if self._retry or again(row):
                    self.ask(row)
                continue
            path = self.folder / row.file
            exists = path.is_file()
            if not exists or decode.digest(path) != row.sha256:
                self.reporter.warn(f"{row.file} was {'changed' if exists else 'deleted'}; fetching it again")
                self.ask(row, keep=exists)

    def ask(self, row: Row, *, keep: bool = False) -> Row:
        """Fetches a video's picture and returns its new row. With `keep`, only success is recorded.

        Raises:
            NetworkError: Too many requests in a row have failed.
        """
        refused = self._refusal(row)
        result = Missing(refused, lasting=True) if refused else thumbnails.best(row.id, self._get)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        if isinstance(result, Missing):
            bare = Row(row.id, row.label, row.split, row.channel, row.position, row.title)
            updated = replace(bare, when=now, reason=result.reason, lasting=result.lasting)
            if not keep:
                self.manifest.add(updated)
            self._in_vain[result.lasting] += not refused
            if self._in_vain[False] == _IN_VAIN or self._in_vain[True] == _LACKING:
                raise NetworkError(
                    f"{self._in_vain[result.lasting]} pictures in a row could not be downloaded; the last: "
                    f"{row.id}: {result.reason}",
                    "check the network and the proxy, then run the command again: "
                    "it continues where it stopped",
                )
            return updated
        self._in_vain.clear()
        path = Path(row.split, row.label, row.id + result.ending)
        # If a power cut damages it, its digest in the manifest shows that, and it is fetched again.
        files.write_bytes(self.folder / path, result.data, durable=False)
        if row.file and row.file != path.as_posix():
            (self.folder / row.file).unlink(missing_ok=True)
        self.added[row.label, row.split] += not row.file
        updated = replace(
            row,
            file=path.as_posix(),
            variant=result.variant,
            width=result.width,
            height=result.height,
            cut=result.cut,
            sha256=result.sha256,
            when=now,
            reason="",
            lasting=False,
        )
        self.manifest.add(updated)
        return updated

    def _refusal(self, row: Row) -> str:
        """Why a picture is not requested at all; empty if it is."""
        if not urls.is_video(row.id):
            return "not a YouTube id"
        others = [label for label in self.manifest.labels_of(row.id) if label != row.label]
        return f"already labelled {others[0]}" if others else ""
