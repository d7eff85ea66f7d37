"""The command as a user runs it, with the real yt-dlp, against a YouTube on this machine."""

from __future__ import annotations

import io
import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline import pictures
from pipeline.collect import manifest, polite
from pipeline.runs import Run
from tests.export.verbs import call, fine, refused, sets, watched
from tests.pipeline.collect.youtube import (
    Channel,
    Reply,
    YouTube,
    alert,
    counted,
    picture,
    placeholder,
    videos,
)

FOLDER = Path("data/pictures/thumbnails")
Ended = subprocess.CompletedProcess[str]


@pytest.fixture
def collect(capfd, tmp_path, youtube, configure) -> Callable[..., Ended]:
    """`collect("@alpha", "--json", train=20)`: the verb on these channels, with these settings."""

    def run(*words: str, train: int = 8, test: int = 4, **settings: object) -> Ended:
        path = configure(*(word for word in words if word.startswith("@")))
        options = [word for word in words if not word.startswith("@")]
        given = youtube.settings(train=train, test=test, **settings)
        return call(capfd, "pipeline", "collect", path, *sets(given), *options, cwd=tmp_path)

    return run


def rows_of(place: Path) -> dict[str, dict[str, Any]]:
    """The manifest's rows by id."""
    lines = (place / FOLDER / manifest.NAME).read_text("utf-8").splitlines()
    return {row["id"]: row for row in map(json.loads, lines)}


def files_of(place: Path, side: str, label: str = "alpha") -> list[str]:
    return sorted(path.stem for path in (place / FOLDER / side / label).iterdir())


def everything(place: Path) -> dict[str, tuple[int, bytes]]:
    """Every file below a place with its time and content; locks aside."""
    paths = (path for path in place.rglob("*") if path.is_file() and path.name != ".lock")
    return {
        path.relative_to(place).as_posix(): (path.stat().st_mtime_ns, path.read_bytes()) for path in paths
    }


def agree(place: Path) -> None:
    """The manifest and the files say the same; nothing is half, nothing was left."""
    rows = rows_of(place)
    named = {row["file"]: row for row in rows.values() if row["file"]}
    there = {
        path.relative_to(place / FOLDER).as_posix()
        for path in (place / FOLDER).rglob("*")
        if path.is_file() and path.name not in (manifest.NAME, ".lock")
    }
    assert there == named.keys()
    for name, row in named.items():
        facts = pictures.inspect(place / FOLDER / name)
        assert (facts.width, facts.height) == (row["width"], row["height"])
        assert pictures.digest(place / FOLDER / name) == row["sha256"]
        assert row["reason"] == ""
    assert all(row["reason"] for row in rows.values() if not row["file"])


# What it is for.


def test_the_newest_are_trained_on_and_the_next_are_held_out(collect, youtube, tmp_path):
    youtube.channels["@alpha"] = Channel("@alpha", videos("A", 50))
    ended = collect("@alpha", train=32, test=10)
    said = fine(ended)
    assert "alpha        42           32        10   42        0" in said
    assert "by time: a channel's held-out pictures are older than those to train on" in said
    assert "next: python -m pipeline train" in said
    assert files_of(tmp_path, "train") == [f"A{n:010d}" for n in range(18, 50)]
    assert files_of(tmp_path, "test") == [f"A{n:010d}" for n in range(8, 18)]
    agree(tmp_path)
    row = rows_of(tmp_path)["A0000000049"]
    assert row.pop("when").endswith("+00:00")
    assert len(row.pop("sha256")) == 64
    assert row == {
        "id": "A0000000049",
        "label": "alpha",
        "split": "train",
        "channel": "https://www.youtube.com/@alpha",
        "position": 1,
        "title": "Video 49 of A",
        "file": "train/alpha/A0000000049.jpg",
        "variant": "maxresdefault.jpg",
        "width": 1280,
        "height": 720,
        "cut": 0,
        "reason": "",
        "lasting": False,
    }


def test_only_lists_and_pictures_are_asked_for_one_at_a_time(collect, youtube):
    youtube.channels["@alpha"] = Channel("@alpha", videos("A", 50))
    found = json.loads(fine(collect("@alpha", "--json", train=32, test=10)))
    assert youtube.open_at_once == 1
    assert found["requests"] == len(youtube.asked)
    others = [address for address in youtube.asked if not address.startswith("i.ytimg.com/vi/A")]
    assert others == ["www.youtube.com/@alpha/videos", "www.youtube.com/youtubei/v1/browse?prettyPrint=false"]
    assert youtube.thumbnails() == [f"A{n:010d}/maxresdefault.jpg" for n in range(49, 7, -1)]


def test_repeated_it_asks_for_the_list_and_changes_nothing(collect, youtube, tmp_path):
    youtube.channels["@alpha"] = Channel("@alpha", videos("A", 20))
    fine(collect("@alpha"))
    before = everything(tmp_path / FOLDER)
    youtube.asked.clear()
    assert "alpha        12            8         4    0        0" in fine(collect("@alpha"))
    assert everything(tmp_path / FOLDER) == before
    assert youtube.asked == ["www.youtube.com/@alpha/videos"]


def test_a_missing_size_leads_to_the_next_and_its_bars_are_cut_off(collect, youtube, tmp_path):
    youtube.channels["@alpha"] = Channel("@alpha", videos("A", 20))
    sd, hq = ["sddefault.jpg", "hqdefault.jpg"], ["hqdefault.jpg"]
    youtube.sizes |= {"A0000000019": sd, "A0000000018": hq, "A0000000017": ["sddefault.webp"]}
    fine(collect("@alpha"))
    rows = rows_of(tmp_path)
    facts = [
        (row["variant"], row["width"], row["height"], row["cut"], row["file"].rsplit(".")[1])
        for row in (rows["A0000000019"], rows["A0000000018"], rows["A0000000017"], rows["A0000000016"])
    ]
    assert facts == [
        ("sddefault.jpg", 640, 360, 60, "jpg"),
        ("hqdefault.jpg", 480, 270, 45, "jpg"),
        ("sddefault.webp", 640, 360, 60, "webp"),
        ("maxresdefault.jpg", 1280, 720, 0, "jpg"),
    ]
    agree(tmp_path)
    with Image.open(tmp_path / FOLDER / rows["A0000000019"]["file"]) as image:
        assert np.asarray(image)[[0, -1]].min() > 20
    assert [name for name in youtube.thumbnails() if name.startswith("A0000000017")] == [
        f"A0000000017/{name}"
        for name in (
            "maxresdefault.jpg",
            "sddefault.jpg",
            "hqdefault.jpg",
            "maxresdefault.webp",
            "sddefault.webp",
        )
    ]


def test_the_next_newest_takes_the_place_of_a_missing_one(collect, youtube, tmp_path):
    youtube.channels["@alpha"] = Channel("@alpha", videos("A", 20))
    youtube.sizes |= {"A0000000019": [], "A0000000011": []}
    said = fine(collect("@alpha"))
    assert "alpha        12            8         4   12        2" in said
    assert "alpha  1         A0000000019  HTTP 404 for every size" in said
    assert files_of(tmp_path, "train") == [f"A{n:010d}" for n in (10, 12, 13, 14, 15, 16, 17, 18)]
    assert files_of(tmp_path, "test") == [f"A{n:010d}" for n in (6, 7, 8, 9)]
    assert rows_of(tmp_path)["A0000000019"]["split"] == "train"
    agree(tmp_path)
    # And what YouTube lacks is not asked for again.
    youtube.asked.clear()
    fine(collect("@alpha"))
    assert youtube.thumbnails() == []


def test_without_full_counts_the_place_stays_empty(collect, youtube, tmp_path):
    youtube.channels["@alpha"] = Channel("@alpha", videos("A", 20))
    youtube.sizes |= {"A0000000019": [], "A0000000011": []}
    said = fine(collect("@alpha", full=False))
    assert "alpha: 7 of 8 training pictures; the others are missing, and full = false" in said
    assert files_of(tmp_path, "train") == [f"A{n:010d}" for n in range(12, 19)]
    assert files_of(tmp_path, "test") == [f"A{n:010d}" for n in (8, 9, 10)]


def test_retry_asks_again_for_what_youtube_did_not_have(collect, youtube, tmp_path):
    youtube.channels["@alpha"] = Channel("@alpha", videos("A", 20))
    youtube.sizes["A0000000019"] = []
    fine(collect("@alpha"))
    youtube.sizes.clear()
    youtube.asked.clear()
    assert "alpha        13            9         4    1        0" in fine(collect("@alpha", "--retry"))
    assert youtube.thumbnails() == ["A0000000019/maxresdefault.jpg"]
    agree(tmp_path)


# Weeks later.


def test_newer_videos_join_training_and_the_held_out_ones_stay(collect, youtube, tmp_path):
    youtube.channels["@alpha"] = Channel("@alpha", videos("A", 20))
    fine(collect("@alpha"))
    held_out = files_of(tmp_path, "test")
    youtube.channels["@alpha"].videos = videos("A", 23)
    youtube.asked.clear()
    said = fine(collect("@alpha"))
    assert "alpha  3 newer pictures joined training; the 4 held-out ones stay as they were" in said
    assert files_of(tmp_path, "test") == held_out
    assert files_of(tmp_path, "train") == [f"A{n:010d}" for n in range(12, 23)]
    assert youtube.thumbnails() == [f"A{n:010d}/maxresdefault.jpg" for n in (22, 21, 20)]
    agree(tmp_path)


def test_of_very_many_newer_videos_the_newest_are_taken(collect, youtube, tmp_path):
    youtube.channels["@alpha"] = Channel("@alpha", videos("A", 20))
    fine(collect("@alpha"))
    held_out = files_of(tmp_path, "test")
    youtube.channels["@alpha"].videos = videos("A", 60)
    fine(collect("@alpha"))
    assert files_of(tmp_path, "train") == [f"A{n:010d}" for n in (*range(12, 20), *range(52, 60))]
    assert files_of(tmp_path, "test") == held_out


def test_more_held_out_pictures_are_taken_from_behind_the_others_only(collect, youtube, tmp_path):
    youtube.channels["@alpha"] = Channel("@alpha", videos("A", 20))
    fine(collect("@alpha"))
    youtube.channels["@alpha"].videos = videos("A", 60)
    fine(collect("@alpha", test=6))
    assert files_of(tmp_path, "test") == [f"A{n:010d}" for n in range(6, 12)]
    assert files_of(tmp_path, "train") == [f"A{n:010d}" for n in (*range(12, 20), *range(52, 60))]


def test_more_training_pictures_are_not_taken_from_behind_the_held_out_ones(collect, youtube, tmp_path):
    youtube.channels["@alpha"] = Channel("@alpha", videos("A", 40))
    fine(collect("@alpha"))
    youtube.channels["@alpha"].videos = [*videos("A", 40), *videos("O", 300)]
    youtube.asked.clear()
    said = fine(collect("@alpha", train=12, test=6))
    assert sum(address.startswith("www") for address in youtube.asked) == 1
    assert (
        "alpha: 8 of 12 training pictures; what is older than the held-out pictures is not trained on" in said
    )
    assert files_of(tmp_path, "train") == [f"A{n:010d}" for n in range(32, 40)]
    assert files_of(tmp_path, "test") == [f"A{n:010d}" for n in range(26, 32)]


def test_pictures_that_are_gone_or_changed_are_fetched_again(collect, youtube, tmp_path):
    youtube.channels["@alpha"] = Channel("@alpha", videos("A", 20))
    fine(collect("@alpha"))
    before = everything(tmp_path / FOLDER)
    (tmp_path / FOLDER / "train/alpha/A0000000015.jpg").unlink()
    (tmp_path / FOLDER / "test/alpha/A0000000011.jpg").write_bytes(b"something else")
    said = fine(collect("@alpha"))
    assert "train/alpha/A0000000015.jpg was gone; it is fetched again" in said
    assert "test/alpha/A0000000011.jpg was changed; it is fetched again" in said
    after = everything(tmp_path / FOLDER)
    del before[manifest.NAME], after[manifest.NAME]
    assert {name: data for name, (_, data) in after.items()} == {n: d for n, (_, d) in before.items()}
    agree(tmp_path)


def test_what_youtube_has_no_more_is_noted_where_it_is_gone_and_kept_where_it_was_changed(
    collect, youtube, tmp_path
):
    youtube.channels["@alpha"] = Channel("@alpha", videos("A", 20))
    fine(collect("@alpha", full=False))
    youtube.sizes |= {"A0000000015": [], "A0000000016": []}
    (tmp_path / FOLDER / "train/alpha/A0000000015.jpg").unlink()
    (tmp_path / FOLDER / "train/alpha/A0000000016.jpg").write_bytes(b"mine")
    before = rows_of(tmp_path)
    fine(collect("@alpha", full=False))
    rows = rows_of(tmp_path)
    assert (rows["A0000000015"]["file"], rows["A0000000015"]["reason"]) == ("", "HTTP 404 for every size")
    assert rows["A0000000016"] == before["A0000000016"]
    assert (tmp_path / FOLDER / "train/alpha/A0000000016.jpg").read_bytes() == b"mine"


def test_videos_that_left_the_channel_keep_their_pictures(collect, youtube, tmp_path):
    youtube.channels["@alpha"] = Channel("@alpha", videos("A", 20))
    fine(collect("@alpha"))
    before = everything(tmp_path / FOLDER).keys()
    del youtube.channels["@alpha"].videos[2:6]
    fine(collect("@alpha"))
    assert everything(tmp_path / FOLDER).keys() >= before
    assert set(files_of(tmp_path, "train")) >= {f"A{n:010d}" for n in range(12, 20)}
    agree(tmp_path)


# Answers that are not what they should be. Each leads to a whole picture or to a reason.


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("placeholder", "YouTube's grey placeholder"),
        ("page", "a page came instead of a picture"),
        ("half a file", "cannot be decoded"),
        ("small", "640x480 pixels instead of 1280x720"),
        ("nothing", "not a picture that can be read"),
        ("circle", "leads around in a circle"),
        ("forbidden", "HTTP 403"),
        ("other format", "PNG instead of JPEG"),
    ],
)
def test_a_wrong_answer_leads_to_the_next_size_and_is_never_kept(collect, youtube, tmp_path, fault, reason):
    youtube.channels["@alpha"] = Channel("@alpha", videos("A", 20))
    replies = wrong_answers()
    youtube.faults["i.ytimg.com/vi/A0000000018/maxresdefault.jpg"] = replies[fault]
    for ending in ("jpg", "webp"):
        folder = "vi" if ending == "jpg" else "vi_webp"
        for size in ("maxresdefault", "sddefault", "hqdefault"):
            address = f"i.ytimg.com/{folder}/A0000000017/{size}.{ending}"
            youtube.faults[address] = replies[fault if size == "maxresdefault" else "page"]
    said = fine(collect("@alpha"))
    rows = rows_of(tmp_path)
    assert rows["A0000000018"]["variant"] == "sddefault.jpg"
    assert rows["A0000000017"]["file"] == ""
    assert reason in rows["A0000000017"]["reason"]
    assert "alpha        12            8         4   12        1" in said
    agree(tmp_path)


def wrong_answers() -> dict[str, Any]:
    png = io.BytesIO()
    Image.new("RGB", (1280, 720), (200, 90, 10)).save(png, "PNG")
    whole = picture("A0000000018", 1280, 720)
    return {
        "placeholder": Reply(placeholder()),
        "page": Reply(b"<!DOCTYPE html><html>Please wait</html>"),
        "half a file": Reply(whole[: len(whole) // 2]),
        "small": Reply(picture("A0000000018", 640, 480)),
        "nothing": Reply(b""),
        "circle": Reply(
            status=302, headers={"Location": "https://i.ytimg.com/vi/A0000000018/maxresdefault.jpg"}
        ),
        "forbidden": Reply(b"no", 403),
        "other format": Reply(png.getvalue()),
    }


def test_what_comes_damaged_once_is_asked_for_once_more(collect, youtube, tmp_path):
    youtube.channels["@alpha"] = Channel("@alpha", videos("A", 20))
    whole = picture("A0000000019", 1280, 720)
    youtube.faults["i.ytimg.com/vi/A0000000019/maxresdefault.jpg"] = [Reply(whole[:3000])]
    youtube.faults["i.ytimg.com/vi/A0000000018/maxresdefault.jpg"] = [Reply(whole, half=True)]
    fine(collect("@alpha"))
    rows = rows_of(tmp_path)
    assert {rows[f"A{n:010d}"]["variant"] for n in (18, 19)} == {"maxresdefault.jpg"}
    asked = counted(youtube.thumbnails())
    assert (asked["A0000000019/maxresdefault.jpg"], asked["A0000000018/maxresdefault.jpg"]) == (2, 2)
    agree(tmp_path)


def test_busy_servers_are_waited_for(collect, youtube, tmp_path):
    youtube.channels["@alpha"] = Channel("@alpha", videos("A", 50))
    youtube.faults = {
        "www.youtube.com/@alpha/videos": [Reply(status=503), Reply(status=500)],
        "www.youtube.com/youtubei/v1/browse?prettyPrint=false": [Reply(status=500), Reply(b"{", half=True)],
        "i.ytimg.com/vi/A0000000049/maxresdefault.jpg": [Reply(status=502), Reply(status=504)],
    }
    fine(collect("@alpha", train=28, test=5))
    assert len(rows_of(tmp_path)) == 33
    assert youtube.faults == {address: [] for address in youtube.faults}
    agree(tmp_path)


def test_waiting_grows_and_pauses_are_kept(collect, youtube, monkeypatch):
    slept: list[float] = []
    monkeypatch.setattr(polite.time, "sleep", slept.append)
    youtube.channels["@alpha"] = Channel("@alpha", videos("A", 3))
    youtube.faults["i.ytimg.com/vi/A0000000002/maxresdefault.jpg"] = [Reply(status=500)] * 3
    fine(collect("@alpha", train=1, test=1, pause_s=7, back_off_s=20))
    assert [round(seconds) for seconds in slept if seconds] == [7, 20, 40, 80, 7]


def test_a_limit_on_the_rate_is_kept(collect, youtube, monkeypatch):
    slept: list[float] = []
    monkeypatch.setattr(polite.time, "sleep", slept.append)
    youtube.channels["@alpha"] = Channel("@alpha", videos("A", 3))
    fine(collect("@alpha", train=1, test=1, max_kb_s=10))
    due = [len(picture(f"A000000000{n}", 1280, 720)) / 10_000 for n in (2, 1)]
    # The page of the list, then the two pictures; each began a moment earlier.
    assert [seconds for seconds in slept if seconds][-2:] == pytest.approx(due, abs=0.3)


def test_an_answer_without_an_end_is_given_up(collect, youtube, tmp_path, monkeypatch):
    monkeypatch.setattr(polite, "LARGEST_BYTES", 60_000)
    youtube.channels["@alpha"] = Channel("@alpha", videos("A", 20))
    youtube.faults["i.ytimg.com/vi/A0000000018/maxresdefault.jpg"] = Reply(b"x" * 100_000)
    said = fine(collect("@alpha", tries=2))
    assert "A0000000018  maxresdefault.jpg: more than 60,000 bytes, 2 times" in said
    agree(tmp_path)


def test_a_server_that_wants_time_gets_what_it_asks_for(collect, youtube, tmp_path):
    youtube.channels["@alpha"] = Channel("@alpha", videos("A", 20))
    youtube.faults["i.ytimg.com/vi/A0000000018/maxresdefault.jpg"] = [
        Reply(status=429, headers={"Retry-After": "1"})
    ]
    begin = time.monotonic()
    said = fine(collect("@alpha"))
    assert time.monotonic() - begin >= 1
    assert "YouTube asks to slow down (HTTP 429); waiting 1 s" in said
    assert len(rows_of(tmp_path)) == 12


def test_a_server_that_wants_too_much_time_ends_it_at_once(collect, youtube, tmp_path):
    youtube.channels["@alpha"] = Channel("@alpha", videos("A", 20))
    youtube.faults["i.ytimg.com/vi/A0000000016/maxresdefault.jpg"] = [
        Reply(status=429, headers={"Retry-After": "3600"})
    ]
    refused(
        collect("@alpha"),
        1,
        "YouTube asks to wait 60 minutes (HTTP 429)",
        "repeat the command after that: it continues where it stopped",
    )
    assert files_of(tmp_path, "train") == ["A0000000017", "A0000000018", "A0000000019"]
    agree(tmp_path)
    fine(collect("@alpha"))
    assert len(rows_of(tmp_path)) == 12


@pytest.mark.parametrize(
    "where", ["www.youtube.com/@alpha/videos", "i.ytimg.com/vi/A0000000016/maxresdefault.jpg"]
)
def test_too_many_requests_again_and_again_end_it(collect, youtube, where):
    youtube.channels["@alpha"] = Channel("@alpha", videos("A", 20))
    youtube.faults[where] = Reply(status=429)
    ended = collect("@alpha", "--quiet", tries=3)
    refused(
        ended,
        1,
        "YouTube asks to slow down (HTTP 429), again and again",
        "repeat the command later: it continues where it stopped",
    )
    assert counted(youtube.asked)[where] == 3


def test_silence_is_no_reason_for_a_smaller_picture(collect, youtube, tmp_path):
    youtube.channels["@alpha"] = Channel("@alpha", videos("A", 20))
    address = "i.ytimg.com/vi/A0000000018/maxresdefault.jpg"
    youtube.faults[address] = Reply(status=500)
    said = fine(collect("@alpha", tries=2, full=False))
    assert "A0000000018  maxresdefault.jpg: HTTP 500, 2 times" in said
    del youtube.faults[address]
    youtube.asked.clear()
    assert "alpha        12            8         4    1        0" in fine(collect("@alpha", full=False))
    assert youtube.thumbnails() == ["A0000000018/maxresdefault.jpg"]
    agree(tmp_path)


def test_an_answer_that_does_not_come_in_time_is_asked_for_again(collect, youtube, tmp_path):
    youtube.channels["@alpha"] = Channel("@alpha", videos("A", 20))
    youtube.faults = {
        "i.ytimg.com/vi/A0000000018/maxresdefault.jpg": [Reply(after=1.2)],
        "i.ytimg.com/vi/A0000000017/maxresdefault.jpg": [Reply(after=1.2)] * 2,
    }
    fine(collect("@alpha", timeout_s=0.5, tries=2))
    rows = rows_of(tmp_path)
    assert rows["A0000000018"]["variant"] == "maxresdefault.jpg"
    assert rows["A0000000017"]["reason"] == "maxresdefault.jpg: no answer in time, 2 times"
    agree(tmp_path)


@pytest.mark.parametrize("status", [500, 403])
def test_when_nothing_comes_any_more_it_stops_and_continues_later(collect, youtube, tmp_path, status):
    youtube.channels["@alpha"] = Channel("@alpha", videos("A", 20))
    for number in range(18):
        for size in ("maxresdefault", "sddefault", "hqdefault"):
            youtube.faults[f"i.ytimg.com/vi/A{number:010d}/{size}.jpg"] = Reply(status=status)
            youtube.faults[f"i.ytimg.com/vi_webp/A{number:010d}/{size}.webp"] = Reply(status=status)
    ended = collect("@alpha", tries=1)
    said = "maxresdefault.jpg: HTTP 500" if status == 500 else "HTTP 403 for every size"
    refused(
        ended,
        1,
        f"5 pictures in a row could not be had; the last: A0000000013: {said}",
        "look at the network and the proxy, then repeat the command: it goes on where it stopped",
    )
    agree(tmp_path)
    youtube.faults.clear()
    fine(collect("@alpha"))
    assert files_of(tmp_path, "train") == [f"A{n:010d}" for n in range(12, 20)]
    agree(tmp_path)


def test_single_failures_among_many_pictures_do_not_stop_it(collect, youtube, tmp_path):
    youtube.channels["@alpha"] = Channel("@alpha", videos("A", 40))
    for number in range(20, 40, 2):
        youtube.faults[f"i.ytimg.com/vi/A{number:010d}/maxresdefault.jpg"] = Reply(status=500)
    said = fine(collect("@alpha", tries=1))
    assert "alpha        12            8         4   12       10" in said
    agree(tmp_path)


# Channels that give nothing.


@pytest.mark.parametrize("how", ["404", "alert"])
def test_a_channel_that_does_not_exist_is_named_before_any_picture_is_fetched(
    collect, youtube, tmp_path, how
):
    youtube.channels["@alpha"] = Channel("@alpha", videos("A", 20))
    if how == "alert":
        youtube.faults["www.youtube.com/@nobody/videos"] = alert("This channel does not exist.")
    ended = collect("@alpha", "@nobody")
    assert ended.returncode == 2
    why = {
        "404": "Unable to download API page: HTTP Error 404: Not Found",
        "alert": "YouTube said: This channel does not exist.",
    }
    message = f"error: https://www.youtube.com/@nobody/videos: there is no such channel ({why[how]})"
    assert ended.stderr.splitlines()[0] == message
    assert "hint: open the channel in a browser and copy the handle from its address" in ended.stderr
    assert youtube.thumbnails() == []
    assert not (tmp_path / FOLDER).exists()  # as if nothing had been


def test_an_empty_channel_is_named(collect, youtube):
    youtube.channels["@alpha"] = Channel("@alpha", [])
    refused(
        collect("@alpha"),
        2,
        "https://www.youtube.com/@alpha has no videos",
        "remove it from [[channels]], or give another of its lists, such as @handle/shorts",
    )


def test_a_channel_with_too_few_videos_says_what_would_do(collect, youtube):
    youtube.channels["@alpha"] = Channel("@alpha", videos("A", 8))
    refused(
        collect("@alpha"),
        2,
        "https://www.youtube.com/@alpha has 8 videos: with train = 8 none is left to hold out",
        "take fewer: --set collect.train=7 --set collect.test=1",
    )
    assert youtube.thumbnails() == []


def test_a_channel_with_fewer_held_out_pictures_than_wanted_says_so(collect, youtube):
    youtube.channels["@alpha"] = Channel("@alpha", videos("A", 10))
    assert "alpha: 2 of 4 held-out pictures; the list has no more" in fine(collect("@alpha"))


def test_a_list_whose_second_page_does_not_come_is_not_taken_for_a_short_one(collect, youtube):
    youtube.channels["@alpha"] = Channel("@alpha", videos("A", 50))
    youtube.faults["www.youtube.com/youtubei/v1/browse?prettyPrint=false"] = Reply(b"{}")
    ended = collect("@alpha", train=32, test=10)
    refused(
        ended,
        1,
        "https://www.youtube.com/@alpha/videos: yt-dlp cannot read this list: Incomplete data received",
        "YouTube changes now and then; a newer yt-dlp may know: python -m pip install --upgrade yt-dlp",
    )


@pytest.mark.parametrize(
    "where", ["www.youtube.com/@alpha/videos", "i.ytimg.com/vi/A0000000016/maxresdefault.jpg"]
)
@pytest.mark.parametrize(
    "wall", ["https://accounts.google.com/ServiceLogin", "https://www.google.com/sorry/index"]
)
def test_a_wall_ends_it_and_what_is_there_stays(collect, youtube, tmp_path, where, wall):
    youtube.channels["@alpha"] = Channel("@alpha", videos("A", 20))
    youtube.faults[where] = Reply(status=302, headers={"Location": wall})
    ended = collect("@alpha")
    assert ended.returncode == 1
    host = wall.split("/")[2]
    message = f"error: YouTube asks to sign in, or to show that no robot asks: it leads to {host}"
    assert ended.stderr.splitlines()[0] == message
    assert "hint: wait some hours or use another network" in ended.stderr
    if "ytimg" in where:
        assert files_of(tmp_path, "train") == ["A0000000017", "A0000000018", "A0000000019"]
        agree(tmp_path)


def test_a_page_that_asks_to_sign_in_ends_it(collect, youtube):
    youtube.faults["www.youtube.com/@alpha/videos"] = alert("Sign in to confirm you\u2019re not a bot")
    ended = collect("@alpha")
    assert ended.returncode == 1
    assert (
        "error: YouTube asks to sign in, or to show that no robot asks: YouTube said: Sign in" in ended.stderr
    )


def test_a_refusal_is_told_from_a_missing_channel(collect, youtube):
    for address in ("@alpha/videos", "youtubei/v1/navigation/resolve_url?prettyPrint=false"):
        youtube.faults[f"www.youtube.com/{address}"] = Reply(b"no", 403)
    refused(
        collect("@alpha"),
        1,
        "https://www.youtube.com/@alpha/videos: YouTube refuses to answer (HTTP 403)",
        "repeat the command later: it continues where it stopped",
    )


# Strangers' words.

HOSTILE = [
    "../../../../etc/owned",
    "line\nbreak\r\n\x1b[31mred\x07",
    "\u202ereversed\u2066\u200b",
    "x" * 5000,
    "\ud800 half a letter",
    '"quotes", commas; [bold]markup[/] {braces}',
    "日本語 🎉 Zoé",
    "",
]


def test_hostile_titles_are_data_and_never_names(collect, youtube, tmp_path):
    names = [name for name, _ in videos("A", 12)]
    titles = [*HOSTILE, *["plain"] * 4]
    youtube.channels["@alpha"] = Channel(
        "@alpha", list(zip(names, titles, strict=True)), title="../../owned\n"
    )
    youtube.sizes = {name: [] for name in names[:2]}
    fine(collect("@alpha", train=8, test=2))
    rows = rows_of(tmp_path)
    for name, title in zip(names, titles, strict=True):
        assert rows[name]["title"] == (title if len(title) <= 300 else "x" * 299 + "…")
    text = (tmp_path / FOLDER / manifest.NAME).read_text("utf-8")
    assert text.count("\n") == 12
    assert not any(manifest.invisible(letter) for letter in text.replace("\n", ""))
    assert "日本語 🎉 Zoé" in text
    agree(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"channels.toml", "data"}


def test_ids_that_are_none_are_listed_and_never_become_names(collect, youtube, tmp_path):
    bad = ["../../../ab", "/etc/passwd", "A\n000000001", "a" * 300, "..", "A\u202e0000000001"]
    good = videos("A", 12)
    youtube.channels["@alpha"] = Channel(
        "@alpha", [*((name, "bad") for name in bad[:4]), *good, (bad[4], "bad")]
    )
    said = fine(collect("@alpha"))
    assert "its id is not one of YouTube's" in said
    rows = rows_of(tmp_path)
    assert {row["reason"] for row in rows.values() if not row["file"]} == {"its id is not one of YouTube's"}
    assert all(len(name) <= 50 for name in rows)
    agree(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"channels.toml", "data"}
    assert sorted(path.name for path in (tmp_path / FOLDER).iterdir()) == [
        ".lock",
        manifest.NAME,
        "test",
        "train",
    ]


@pytest.mark.parametrize("handle", ["@../../etc", "@a\\nb", "@" + "a" * 300, "@al\\u202epha"])
def test_hostile_handles_are_refused_before_anything_is_asked(collect, youtube, tmp_path, handle):
    ended = collect(handle)
    assert ended.returncode == 2
    assert "channels.0.channel: expected @handle" in ended.stderr
    assert youtube.asked == []
    assert not (tmp_path / "data").exists()


# Secrets.

COOKIES = "# Netscape HTTP Cookie File\n.youtube.com\tTRUE\t/\tTRUE\t0\tSID\tvery-secret\n"


def test_cookies_are_sent_and_neither_copied_nor_written_to(collect, youtube, tmp_path):
    youtube.channels["@alpha"] = Channel("@alpha", videos("A", 20))
    cookies = tmp_path / "cookies.txt"
    cookies.write_text(COOKIES)
    before = cookies.stat().st_mtime_ns
    ended = collect("@alpha", cookies=str(cookies))
    fine(ended)
    assert any("SID=very-secret" in sent for sent in youtube.cookies)
    assert (cookies.read_text(), cookies.stat().st_mtime_ns) == (COOKIES, before)
    assert not any(b"very-secret" in data for _, data in everything(tmp_path / "data").values())
    assert "very-secret" not in ended.stdout


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read: No such file or directory"),
        ("SID=1", "does not begin with # Netscape HTTP Cookie File"),
    ],
)
def test_a_cookies_file_that_is_none_is_refused(collect, youtube, tmp_path, content, said):
    cookies = tmp_path / "cookies.txt"
    if content:
        cookies.write_text(content)
    refused(
        collect("@alpha", cookies=str(cookies)),
        2,
        f"collect.cookies: {cookies} {said}",
        "export them in Netscape format, as yt-dlp's documentation tells",
    )
    assert youtube.asked == []


def test_a_password_for_the_proxy_comes_from_the_environment_and_is_never_shown(collect, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://me:very-secret@127.0.0.1:1")
    ended = collect("@alpha", proxy="", tries=2)
    assert ended.returncode == 1
    refused(
        ended,
        1,
        "https://www.youtube.com/@alpha/videos cannot be read: "
        "the proxy does not answer: Connection refused, 2 times",
        "look at the network and the proxy (collect.proxy, or HTTPS_PROXY in the environment); "
        "repeat the command later: it continues where it stopped",
    )
    assert "very-secret" not in ended.stdout + ended.stderr


def test_a_certificate_that_nobody_signed_is_not_trusted_unless_told(collect, youtube):
    youtube.channels["@alpha"] = Channel("@alpha", videos("A", 20))
    ended = collect("@alpha", check_certificates=True)
    assert ended.returncode == 1
    said = "certificate verify failed: self-signed certificate\n"
    assert f"error: the certificate of www.youtube.com cannot be trusted: {said}" in ended.stderr
    assert "--set collect.check_certificates=false" in ended.stderr
    assert youtube.asked == []


# Shorts.


def test_shorts_are_left_out_unless_asked_for(collect, youtube, tmp_path):
    both = videos("A", 40)
    youtube.channels["@alpha"] = Channel("@alpha", both[::2], shorts=both[1::2])
    fine(collect("@alpha"))
    assert rows_of(tmp_path).keys() == {name for name, _ in both[::2][:12]}


def test_with_shorts_all_uploads_are_one_list_by_time(collect, youtube, tmp_path):
    both = videos("A", 80)
    youtube.channels["@alpha"] = Channel("@alpha", both[::2], shorts=both[1::2])
    fine(collect("@alpha", shorts=True, train=30, test=5))
    assert files_of(tmp_path, "train") == sorted(name for name, _ in both[:30])
    assert files_of(tmp_path, "test") == sorted(name for name, _ in both[30:35])


def test_a_list_named_by_its_address_is_taken(collect, youtube, tmp_path):
    both = videos("A", 40)
    youtube.channels["@alpha"] = Channel("@alpha", both[::2], shorts=both[1::2])
    fine(collect("@alpha/shorts"))
    assert files_of(tmp_path, "train", "alpha-shorts") == sorted(name for name, _ in both[1::2][:8])


# A file of videos.


def test_a_file_of_videos_is_collected_by_label_and_split(collect, youtube, tmp_path):
    (tmp_path / "list.txt").write_text(
        "\ufeff# cooking first\n"
        "A0000000001,cook\n"
        "https://youtu.be/A0000000002?si=x , cook\n\n"
        "https://www.youtube.com/watch?v=B0000000001,build,test\n"
        "B0000000002\n"
    )
    youtube.sizes["B0000000002"] = []
    said = fine(collect("--from-list", "list.txt", "--label", "build", "--split", "train"))
    assert "build         1            0         1    1        1" in said
    assert "build  4         B0000000002  HTTP 404 for every size" in said
    assert files_of(tmp_path, "train", "cook") == ["A0000000001", "A0000000002"]
    assert files_of(tmp_path, "test", "build") == ["B0000000001"]
    agree(tmp_path)
    youtube.asked.clear()
    fine(collect("--from-list", "list.txt", "--label", "build", "--split", "train"))
    assert youtube.asked == []


def test_a_file_without_a_split_fills_plain_class_folders(collect, tmp_path):
    (tmp_path / "list.txt").write_text("A0000000001\nA0000000002\n")
    fine(collect("--from-list", "list.txt", "--label", "cook"))
    assert sorted(path.name for path in (tmp_path / FOLDER / "cook").iterdir()) == [
        "A0000000001.jpg",
        "A0000000002.jpg",
    ]


def test_pictures_with_and_without_a_split_are_not_mixed(collect, youtube, tmp_path):
    youtube.channels["@alpha"] = Channel("@alpha", videos("A", 20))
    fine(collect("@alpha"))
    refused(
        collect("@alpha", test=0),
        2,
        f"{FOLDER} was collected split into train and test, and this would mix both",
        "choose another folder: --set data.pictures=FOLDER",
    )


def test_without_held_out_pictures_no_split_is_given(collect, youtube, tmp_path):
    youtube.channels["@alpha"] = Channel("@alpha", videos("A", 20))
    said = fine(collect("@alpha", test=0))
    assert "by time" not in said
    assert len(list((tmp_path / FOLDER / "alpha").iterdir())) == 8


def test_one_video_in_two_lists_has_one_label(collect, youtube, tmp_path):
    shared = videos("S", 2, first=90)
    youtube.channels["@alpha"] = Channel("@alpha", [*shared, *videos("A", 20)])
    youtube.channels["@beta"] = Channel("@beta", [*shared, *videos("B", 20)])
    said = fine(collect("@alpha", "@beta"))
    assert "beta   1         S0000000091  already there as alpha: a picture has one label" in said
    assert files_of(tmp_path, "train", "beta") == [f"B{n:010d}" for n in range(12, 20)]


def test_a_channel_does_not_change_its_label(collect, configure, youtube, tmp_path, capfd):
    youtube.channels["@alpha"] = Channel("@alpha", videos("A", 20))
    fine(collect("@alpha"))
    path = configure("@alpha")
    path.write_text(path.read_text().replace('label = "alpha"', 'label = "omega"'))
    ended = call(capfd, "pipeline", "collect", path, *sets(youtube.settings(train=8, test=4)), cwd=tmp_path)
    refused(
        ended,
        2,
        f"https://www.youtube.com/@alpha is alpha in {FOLDER}, and omega now",
        "keep the label, or choose another folder: --set data.pictures=FOLDER",
    )


# Wrong use, and the folder.


def test_options_for_a_list_need_one(collect):
    refused(
        collect("@alpha", "--label", "x"),
        2,
        "--label and --split belong to --from-list",
        "add --from-list FILE",
    )


def test_a_configuration_without_channels_says_what_to_add(collect, tmp_path):
    refused(
        collect(),
        2,
        f"{tmp_path / 'channels.toml'} names no channels",
        'add [[channels]] with channel = "@handle" and label = "NAME", or use --from-list FILE',
    )


def test_a_second_collection_into_the_same_folder_is_refused(collect, tmp_path):
    with Run(tmp_path / FOLDER).locked():
        ended = collect("@alpha")
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"error: {FOLDER} is in use by process ")
    assert ended.stderr.endswith("hint: wait until it is done, then repeat the command\n")


def test_a_damaged_manifest_is_named_and_nothing_is_asked(collect, youtube, tmp_path):
    (tmp_path / FOLDER).mkdir(parents=True)
    (tmp_path / FOLDER / manifest.NAME).write_text('{"id": "A"}\n')
    ended = collect("@alpha")
    assert ended.returncode == 2
    assert (
        f"error: {FOLDER / manifest.NAME}, line 1: not a line of a manifest: the keys must be id, "
        in ended.stderr
    )
    assert youtube.asked == []


def test_a_folder_that_cannot_be_made_is_named(collect, youtube, tmp_path):
    youtube.channels["@alpha"] = Channel("@alpha", videos("A", 20))
    (tmp_path / FOLDER).mkdir(parents=True)
    (tmp_path / FOLDER / "train").write_text("a file")
    ended = collect("@alpha")
    assert ended.returncode == 1
    assert f"error: cannot write {FOLDER / 'train' / 'alpha'}" in ended.stderr


PLUGIN = """
from pathlib import Path
Path("plugin-was-here").touch()
"""


def test_the_real_command_does_the_same_and_what_is_set_for_yt_dlp_elsewhere_plays_no_part(
    youtube: YouTube, configure, tmp_path, monkeypatch
):
    home = tmp_path / "home" / "yt-dlp"
    plugin = home / "plugins" / "mine" / "yt_dlp_plugins" / "extractor" / "mine.py"
    plugin.parent.mkdir(parents=True)
    plugin.write_text(PLUGIN)
    (home / "config").write_text("--proxy http://127.0.0.1:1\n--write-thumbnail\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home.parent))
    youtube.channels["@alpha"] = Channel("@alpha", videos("A", 50))
    youtube.sizes["A0000000049"] = []
    settings = sets(youtube.settings(train=32, test=10))
    ended, modules = watched("pipeline", "collect", configure("@alpha"), *settings, "--json", cwd=tmp_path)
    found = json.loads(fine(ended))
    assert "yt_dlp" in modules
    assert not {"tensorflow", "keras", "matplotlib"} & modules
    assert found["requests"] == len(youtube.asked)
    assert found["classes"] == [
        {
            "label": "alpha",
            "pictures": 42,
            "train": 32,
            "test": 10,
            "new": 42,
            "missing": [
                {"id": "A0000000049", "split": "train", "position": 1, "reason": "HTTP 404 for every size"}
            ],
        }
    ]
    agree(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"channels.toml", "data", "home"}
