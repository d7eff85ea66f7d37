"""Collects channels into a folder of pictures: which videos to request, and on which side of the split.

The split follows time. Of a channel's list, newest first, the newest go to training and the next are held
out, so the held-out pictures are older than every training picture. Later collections keep it that way:
pictures never change sides, newer ones join training, and those older than the first held-out picture can
only be held out.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core import urls
from pipeline.core.channels import Channel, Collect
from pipeline.core.errors import ConfigError, DataError
from pipeline.core.progress import ProgressReporter
from pipeline.data.collect.download import TEST, TRAIN, UNSPLIT, Downloader, Outcome
from pipeline.data.collect.manifest import Manifest, Row, shown

if TYPE_CHECKING:
    from pipeline.data.collect.youtube import Session, Video  # loads yt-dlp


@dataclass(frozen=True)
class _OpenChannel:
    """A channel whose list is open."""

    channel: Channel
    name: str
    videos: Iterator[Video]


def collect_channels(
    folder: Path,
    channels: Iterable[Channel],
    settings: Collect,
    session: Session,
    reporter: ProgressReporter,
    *,
    retry: bool = False,
) -> Outcome:
    """Brings a folder of pictures up to date with its channels.

    Args:
        folder: Receives `{train,test}/LABEL/ID.jpg`, or `LABEL/ID.jpg` if no test pictures are wanted.
        channels: All lists are opened before the first picture is fetched.
        settings: How many on each side, and whether missing ones are replaced.
        session: The source of lists and pictures.
        reporter: Receives progress, changes and warnings.
        retry: Whether to request pictures again that YouTube did not have.

    Raises:
        DataError: A channel or its list does not exist, is empty, or is too short for the split; or the
            folder was collected with other settings.
        NetworkError: YouTube cannot be reached, or refuses more requests. What was collected is kept.
        StorageError: The folder cannot be written.
    """
    split = TRAIN if settings.test else UNSPLIT
    with Downloader(folder, session.get, reporter, retry=retry) as downloader:
        downloader.check_layout(split)
        channels = list(channels)
        opened: list[_OpenChannel] = []
        for number, channel in enumerate(channels):
            reporter.progress("reading the lists", number, len(channels))
            opened.append(_open(channel, settings, session, downloader.manifest))
        reporter.progress("reading the lists", len(channels), len(channels))
        for one in opened:
            _Walk(one, settings, downloader).go()
        return downloader.outcome(lambda row: any(row.channel == one.name for one in opened))


def _open(channel: Channel, settings: Collect, session: Session, manifest: Manifest) -> _OpenChannel:
    address = urls.channel_list(channel.channel, everything=settings.shorts)
    if address is None:
        raise ConfigError(f"{shown(channel.channel)} is not a channel", "give its handle, such as @handle")
    name = address.removesuffix("/featured").removesuffix("/videos")
    others = {row.label for row in manifest if row.channel == name} - {channel.label}
    if others:
        raise DataError(
            f"{name} is labelled {min(others)} in {manifest.folder}, but {channel.label} now",
            "keep the label, or choose another folder: --set data.pictures=FOLDER",
        )
    listing = session.list(address)
    if address.endswith("/featured"):
        address = urls.uploads(listing.channel_id) or ""
        if not address:
            raise DataError(
                f"{name}: YouTube does not report the channel's id", "use --set collect.shorts=false"
            )
        listing = session.list(address)
    first = list(itertools.islice(listing.videos, settings.train + settings.test))
    if not first:
        raise DataError(
            f"{name} has no videos",
            "remove it from [[channels]], or use another of its lists, such as @handle/shorts",
        )
    known = any(row.channel == name for row in manifest)
    if settings.test and len(first) <= settings.train and not known:
        held_out = max(1, len(first) // 6)
        raise DataError(
            f"{name} has {len(first)} videos: with train = {settings.train} none are left to hold out",
            f"take fewer: --set collect.train={max(1, len(first) - held_out)} --set collect.test={held_out}",
        )
    return _OpenChannel(channel, name, itertools.chain(first, listing.videos))


class _Walk:
    """Walks a channel's list from the newest video down, until both sides have what they need."""

    def __init__(self, opened: _OpenChannel, settings: Collect, downloader: Downloader) -> None:
        self._opened, self._settings, self._downloader = opened, settings, downloader
        self._label = opened.channel.label
        self._needed = {TRAIN if settings.test else UNSPLIT: settings.train, TEST: settings.test}
        self._taken: Counter[str] = Counter()

    def go(self) -> None:
        downloader, reporter = self._downloader, self._downloader.reporter
        newest, test = self._needed.keys()
        had = sum(1 for row in self._rows() if row.split == test and row.file)
        downloader.mend(self._rows(), again=self._again)
        self._count()
        known, passed = bool(self._taken[test]), False
        for position, video in enumerate(self._opened.videos, 1):
            needs_more = self._lacks(test) or (self._lacks(newest) and not passed)
            if position > self._settings.train and not needs_more:
                break
            name = video.id if urls.is_video(video.id) else shown(video.id)[:50]
            row = downloader.manifest.get(self._label, name)
            if row is None:
                side = self._side(position, passed=passed, ahead=known and not passed)
                if side is None:
                    continue
                row = downloader.ask(Row(name, self._label, side, self._opened.name, position, video.title))
                self._taken[side] += self._takes(row)
            passed = passed or row.split == test
            done = sum(min(self._taken[side], needed) for side, needed in self._needed.items())
            reporter.progress(f"collecting {self._label}", done, sum(self._needed.values()))
        joined = downloader.added[self._label, newest]
        if had and joined:
            reporter.say(
                self._label,
                f"{joined} newer pictures were added to training; the {had} held-out ones are unchanged",
            )
        self._warn_of_shortfall(had)

    def _rows(self) -> list[Row]:
        mine = (self._label, self._opened.name)
        return [row for row in self._downloader.manifest if (row.label, row.channel) == mine]

    def _takes(self, row: Row) -> bool:
        """Whether a video takes a place: if it has a picture, or if no other video may replace it."""
        return bool(row.file) or not self._settings.full

    def _count(self) -> None:
        self._taken = Counter(row.split for row in self._rows() if self._takes(row))

    def _lacks(self, side: str) -> bool:
        return self._taken[side] < self._needed[side]

    def _again(self, row: Row) -> bool:
        if row.lasting or not self._settings.full:
            return not row.lasting
        self._count()
        return self._lacks(row.split)

    def _side(self, position: int, *, passed: bool, ahead: bool) -> str | None:
        """The side of a video that is not in the manifest yet; None if it is not needed.

        Args:
            position: In the list, from 1.
            passed: Whether a newer video of the list is held out.
            ahead: Whether an older one is held out, and no newer one.
        """
        newest, test = self._needed.keys()
        if not passed and (self._lacks(newest) or position <= self._settings.train):
            return newest
        return test if self._lacks(test) and not ahead else None

    def _warn_of_shortfall(self, had: int) -> None:
        for side, needed in self._needed.items():
            there = sum(1 for row in self._rows() if row.split == side and row.file)
            if there >= needed:
                continue
            what = {TRAIN: "training pictures", TEST: "held-out pictures", UNSPLIT: "pictures"}[side]
            why = (
                "pictures older than the held-out ones are not used for training; for another split, "
                "collect into another folder"
                if had and side == TRAIN and self._settings.full
                else "the list has no more videos"
                if self._settings.full
                else "the others are missing, and full = false does not replace them"
            )
            self._downloader.reporter.warn(f"{self._label}: {there} of {needed} {what}; {why}")
