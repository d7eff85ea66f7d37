from __future__ import annotations

import pytest

from pipeline.core.urls import channel_list, is_label, is_video, uploads

ID = "dQw4w9WgXcQ"
CHANNEL = "UCabcdefghijklmnopqrstuv"
ROOT = "https://www.youtube.com"


@pytest.mark.parametrize(
    "text", [None, 7, "", "a" * 10, "a" * 12, "../../../..", "aaaaaaaaaa\u202e", "aaaaa/aaaaa"]
)
def test_only_eleven_harmless_letters_are_an_id(text):
    assert not is_video(text)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("@alpha", f"{ROOT}/@alpha/videos"),
        ("@日本語.x-y_z", f"{ROOT}/@日本語.x-y_z/videos"),
        (f"{ROOT}/@alpha", f"{ROOT}/@alpha/videos"),
        ("@alpha/shorts", f"{ROOT}/@alpha/shorts"),
        ("youtube.com/@alpha/shorts/", f"{ROOT}/@alpha/shorts"),
        ("http://m.youtube.com/@alpha/featured", f"{ROOT}/@alpha/videos"),
        (CHANNEL, f"{ROOT}/channel/{CHANNEL}/videos"),
        (f"{ROOT}/channel/{CHANNEL}/streams", f"{ROOT}/channel/{CHANNEL}/streams"),
        (f"{ROOT}/c/Some.Name", f"{ROOT}/c/Some.Name/videos"),
        (f"{ROOT}/user/somebody?x=1", f"{ROOT}/user/somebody/videos"),
    ],
)
def test_a_channel_has_one_list(text, address):
    assert channel_list(text) == address


def test_all_of_a_channel_begins_at_its_front_page_unless_a_list_is_named():
    assert channel_list("@alpha", everything=True) == f"{ROOT}/@alpha/featured"
    assert channel_list("youtube.com/@alpha/shorts", everything=True) == f"{ROOT}/@alpha/shorts"
    assert uploads(CHANNEL) == f"{ROOT}/playlist?list=UUabcdefghijklmnopqrstuv"
    assert uploads("UC../../x") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "alpha",
        "@a",
        "@" + "a" * 300,
        "@../../x",
        "@alpha/../../x",
        "@alpha/shorts/x",
        "@alpha\nX: y",
        "@al\u202epha",
        f"{ROOT}/@alpha/../../x",
        f"{ROOT}/@alpha/%2e%2e/x",
        f"{ROOT}/channel/UCshort",
        f"{ROOT}/watch?v={ID}",
        f"{ROOT}/playlist?list=PL123",
        "https://evil.example/@alpha",
        "https://me:secret@www.youtube.com/@alpha",
        "file:///etc/passwd",
    ],
)
def test_what_names_no_channel_gives_none(text):
    assert channel_list(text) is None


@pytest.mark.parametrize("label", ["cooking", "Zoé & co", "日本", "a.b-c_d", "x" * 100])
def test_a_label_is_one_folder_name(label):
    assert is_label(label)
