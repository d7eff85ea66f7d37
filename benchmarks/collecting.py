"""What the collector itself costs, network aside.

Measured: a collection of 1280x720 JPEGs, into an empty folder, whose list, bytes and pixels are
already in memory: choosing the side, checking, hashing, writing and recording each picture. Reference:
decoding the same bytes, which proves that a picture is complete. Expected: under 5 ms per picture.
"""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from unittest import mock

from benchmarks import measure
from benchmarks.measure import Figure
from pipeline.core.config import Channel, Collect
from pipeline.core.progress import ProgressReporter
from pipeline.data import synthetic
from pipeline.data.collect.thumbnails import Fetched
from pipeline.images import decode as pictures

if TYPE_CHECKING:
    from pipeline.data.collect.youtube import Session

PICTURES = 460
LIMIT_MS = 5
TURNS = 5


class _Memory:
    """A session that responds at once: a list of videos, and drawn pictures in turn."""

    def __init__(self, files: list[bytes]) -> None:
        self._files = itertools.cycle(files)

    def list(self, _address: str) -> Any:
        from pipeline.data.collect.youtube import Listing, Video

        return Listing("", iter([Video(f"{n:011d}", f"Video {n}") for n in range(PICTURES, 0, -1)]))

    def get(self, _address: str) -> Fetched:
        return Fetched(next(self._files))


def run(folder: Path) -> list[Figure]:
    """The one figure of this module; draws and collects below `folder`."""
    from pipeline.data.collect import collector

    synthetic.draw_channels(folder / "drawn", train=10, test=0)
    files = [path.read_bytes() for path in sorted((folder / "drawn").rglob("*.jpg"))]
    place = folder / "collected"
    channels = [Channel(channel="@drawn", label="drawn")]
    settings = Collect(train=PICTURES - 60, test=60)

    known = {data: pictures.decode(place, data) for data in files}

    def collect() -> float:
        shutil.rmtree(place, ignore_errors=True)
        memory = cast("Session", _Memory(files))
        with mock.patch.object(pictures, "decode", lambda _name, data: known[data]):
            taken = measure.seconds(
                lambda: collector.collect_channels(place, channels, settings, memory, ProgressReporter())
            )
        if len(list(place.rglob("*.jpg"))) != PICTURES:
            raise RuntimeError("the collection is incomplete")
        return 1000 * taken / PICTURES

    def decode_all() -> None:
        for data in itertools.islice(itertools.cycle(files), PICTURES):
            pictures.decode(place, data)

    def decode() -> float:
        return 1000 * measure.seconds(decode_all) / PICTURES

    spreads = measure.in_turns({"own": collect, "decoding": decode}, TURNS)
    own = spreads["own"]
    return [
        Figure(
            "collecting a 1280×720 thumbnail, network and decoding aside",
            own.text("{:.2f} ms"),
            "decoding it " + spreads["decoding"].text("{:.1f} ms"),
            own.per(spreads["decoding"]).text("{:.2f}×"),
            f"< {LIMIT_MS} ms",
            own.median < LIMIT_MS,
        )
    ]
