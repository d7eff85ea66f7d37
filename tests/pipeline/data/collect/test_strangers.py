"""Words of strangers and secrets of the user: the first never steer anything, the second never get out."""

from __future__ import annotations

import pytest

from pipeline.data.collect import manifest
from tests.support.collected import FOLDER, agree, everything, rows_of
from tests.support.verbs import fine, refused
from tests.support.youtube import Channel, videos

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
    assert "not a YouTube id" in said
    rows = rows_of(tmp_path)
    assert {row["reason"] for row in rows.values() if not row["file"]} == {"not a YouTube id"}
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
        "export them in Netscape format, as yt-dlp's documentation explains",
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
        "check the network and the proxy (collect.proxy, or HTTPS_PROXY in the environment); "
        "run the command again later: it continues where it stopped",
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
