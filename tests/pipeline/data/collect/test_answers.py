"""Answers that are not what they should be: each leads to a whole picture or to a reason."""

from __future__ import annotations

import io
import time
from typing import Any

import pytest
from PIL import Image

from pipeline.data.collect import client
from tests.support.collected import agree, files_of, rows_of
from tests.support.verbs import fine, refused
from tests.support.youtube import Channel, Reply, counted, picture, placeholder, videos


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("placeholder", "YouTube's grey placeholder"),
        ("page", "got a web page instead of a picture"),
        ("half a file", "cannot be decoded"),
        ("small", "640x480 pixels instead of 1280x720"),
        ("nothing", "not a readable picture"),
        ("circle", "a redirect loop"),
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
    assert "alpha        12         8         4   12        1" in said
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
    monkeypatch.setattr(client.time, "sleep", slept.append)
    youtube.channels["@alpha"] = Channel("@alpha", videos("A", 3))
    youtube.faults["i.ytimg.com/vi/A0000000002/maxresdefault.jpg"] = [Reply(status=500)] * 3
    fine(collect("@alpha", train=1, test=1, pause_s=7, back_off_s=20))
    assert [round(seconds) for seconds in slept if seconds] == [7, 20, 40, 80, 7]


def test_an_answer_without_an_end_is_given_up(collect, youtube, tmp_path, monkeypatch):
    monkeypatch.setattr(client, "LARGEST_BYTES", 60_000)
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
        "run the command again after that: it continues where it stopped",
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
        "YouTube keeps asking to slow down (HTTP 429)",
        "run the command again later: it continues where it stopped",
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
    assert "alpha        12         8         4    1        0" in fine(collect("@alpha", full=False))
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
        f"5 pictures in a row could not be downloaded; the last: A0000000013: {said}",
        "check the network and the proxy, then run the command again: it continues where it stopped",
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
    assert "alpha        12         8         4   12       10" in said
    agree(tmp_path)
