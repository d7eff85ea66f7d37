"""The command as a user runs it, with the real yt-dlp, against a YouTube on this machine."""

from __future__ import annotations

import json

import numpy as np
from PIL import Image

from pipeline.core.runs import Run
from pipeline.data.collect import manifest
from tests.support.collected import FOLDER, agree, everything, files_of, rows_of
from tests.support.verbs import call, fine, refused, sets, watched
from tests.support.youtube import Channel, YouTube, videos


def test_the_newest_are_trained_on_and_the_next_are_held_out(collect, youtube, tmp_path):
    youtube.channels["@alpha"] = Channel("@alpha", videos("A", 50))
    ended = collect("@alpha", train=32, test=10)
    said = fine(ended)
    assert "alpha        42        32        10   42        0" in said
    assert "by time: each channel's held-out pictures are older than its training pictures" in said
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
    assert "alpha        12         8         4    0        0" in fine(collect("@alpha"))
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
    assert "alpha        12         8         4   12        2" in said
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
    assert "alpha        13         9         4    1        0" in fine(collect("@alpha", "--retry"))
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
    assert "alpha  3 newer pictures were added to training; the 4 held-out ones are unchanged" in said
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
        "alpha: 8 of 12 training pictures; pictures older than the held-out ones are not used for training"
        in said
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
    assert "train/alpha/A0000000015.jpg was deleted; fetching it again" in said
    assert "test/alpha/A0000000011.jpg was changed; fetching it again" in said
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


def test_pictures_with_and_without_a_split_are_not_mixed(collect, youtube, tmp_path):
    youtube.channels["@alpha"] = Channel("@alpha", videos("A", 20))
    fine(collect("@alpha"))
    refused(
        collect("@alpha", test=0),
        2,
        f"{FOLDER} was collected split into train and test; this would mix the two",
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
    assert "beta   1         S0000000091  already labelled alpha" in said
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
        f"https://www.youtube.com/@alpha is labelled alpha in {FOLDER}, but omega now",
        "keep the label, or choose another folder: --set data.pictures=FOLDER",
    )


# Wrong use, and the folder.


def test_a_configuration_without_channels_says_what_to_add(collect, tmp_path):
    refused(
        collect(),
        2,
        f"{tmp_path / 'channels.toml'} names no channels",
        'add [[channels]] with channel = "@handle" and label = "NAME"',
    )


def test_a_second_collection_into_the_same_folder_is_refused(collect, tmp_path):
    with Run(tmp_path / FOLDER).locked():
        ended = collect("@alpha")
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"error: {FOLDER} is in use by process ")
    assert ended.stderr.endswith("hint: wait until it is done, then run the command again\n")


def test_a_damaged_manifest_is_named_and_nothing_is_asked(collect, youtube, tmp_path):
    (tmp_path / FOLDER).mkdir(parents=True)
    (tmp_path / FOLDER / manifest.NAME).write_text('{"id": "A"}\n')
    ended = collect("@alpha")
    assert ended.returncode == 2
    assert (
        f"error: {FOLDER / manifest.NAME}, line 1 is not a manifest row: the keys must be id, "
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
