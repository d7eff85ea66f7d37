"""Channels that give nothing, and walls."""

from __future__ import annotations

import pytest

from tests.support.collected import FOLDER, agree, files_of
from tests.support.verbs import fine, refused
from tests.support.youtube import Channel, Reply, alert, videos


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
        "remove it from [[channels]], or use another of its lists, such as @handle/shorts",
    )


def test_a_channel_with_too_few_videos_says_what_would_do(collect, youtube):
    youtube.channels["@alpha"] = Channel("@alpha", videos("A", 8))
    refused(
        collect("@alpha"),
        2,
        "https://www.youtube.com/@alpha has 8 videos: with train = 8 none are left to hold out",
        "take fewer: --set collect.train=7 --set collect.test=1",
    )
    assert youtube.thumbnails() == []


def test_a_channel_with_fewer_held_out_pictures_than_wanted_says_so(collect, youtube):
    youtube.channels["@alpha"] = Channel("@alpha", videos("A", 10))
    assert "alpha: 2 of 4 held-out pictures; the list has no more videos" in fine(collect("@alpha"))


def test_a_list_whose_second_page_does_not_come_is_not_taken_for_a_short_one(collect, youtube):
    youtube.channels["@alpha"] = Channel("@alpha", videos("A", 50))
    youtube.faults["www.youtube.com/youtubei/v1/browse?prettyPrint=false"] = Reply(b"{}")
    ended = collect("@alpha", train=32, test=10)
    refused(
        ended,
        1,
        "https://www.youtube.com/@alpha/videos: yt-dlp cannot read this list: Incomplete data received",
        "YouTube changes from time to time; try a newer yt-dlp: python -m pip install --upgrade yt-dlp",
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
    message = f"error: YouTube requires sign-in or a CAPTCHA: it redirects to {host}"
    assert ended.stderr.splitlines()[0] == message
    assert "hint: wait a few hours or use another network" in ended.stderr
    if "ytimg" in where:
        assert files_of(tmp_path, "train") == ["A0000000017", "A0000000018", "A0000000019"]
        agree(tmp_path)


def test_a_page_that_asks_to_sign_in_ends_it(collect, youtube):
    youtube.faults["www.youtube.com/@alpha/videos"] = alert("Sign in to confirm you\u2019re not a bot")
    ended = collect("@alpha")
    assert ended.returncode == 1
    assert "error: YouTube requires sign-in or a CAPTCHA: YouTube said: Sign in" in ended.stderr


def test_a_refusal_is_told_from_a_missing_channel(collect, youtube):
    for address in ("@alpha/videos", "youtubei/v1/navigation/resolve_url?prettyPrint=false"):
        youtube.faults[f"www.youtube.com/{address}"] = Reply(b"no", 403)
    refused(
        collect("@alpha"),
        1,
        "https://www.youtube.com/@alpha/videos: YouTube refuses to answer (HTTP 403)",
        "run the command again later: it continues where it stopped",
    )
