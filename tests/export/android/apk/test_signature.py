from __future__ import annotations

import subprocess
import zipfile

import pytest

from export.android.apk import programs, signature
from pipeline.core.errors import StorageError, ToolError, UsageError

pytestmark = pytest.mark.slow


def make_store(path, *aliases, password="secret-7"):
    for alias in aliases:
        subprocess.run(
            [
                *("keytool", "-genkeypair", "-keystore", path, "-storepass", password, "-alias", alias),
                *("-keyalg", "EC", "-dname", f"CN={alias}", "-validity", "99"),
                *(f"-J{flag}" for flag in programs.JVM),
            ],
            check=True,
            capture_output=True,
        )
    return path


@pytest.fixture
def unsigned(tmp_path):
    path = tmp_path / "unsigned.apk"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("AndroidManifest.xml", b"")
    return path


def test_given_keystore_signs_with_its_only_key(tools, built, monkeypatch, tmp_path):
    monkeypatch.setenv(signature.PASSWORD, "secret-7")
    key = signature.choose_key(make_store(tmp_path / "own.p12", "mine"))
    signature.sign(tools.apksig, key, built[0], tmp_path / "signed.apk", 26)
    found = signature.verify(tools.apksig, tmp_path / "signed.apk", 26, key.origin)
    assert (found.verified, found.schemes, found.subject) == (True, (2, 3), "CN=mine")
    assert found.key == "your keystore"


def test_keystore_with_several_keys_is_refused(tools, unsigned, monkeypatch, tmp_path):
    monkeypatch.setenv(signature.PASSWORD, "secret-7")
    store = make_store(tmp_path / "own.p12", "one", "two")
    with pytest.raises(
        UsageError, match=r"keystore .*own\.p12 must hold exactly one key, but holds one, two"
    ) as caught:
        signature.sign(tools.apksig, signature.choose_key(store), unsigned, tmp_path / "x.apk", 26)
    assert caught.value.hint.endswith("keytool -importkeystore -srcalias NAME")


def test_wrong_password_is_said_without_repeating_it(tools, unsigned, monkeypatch, tmp_path):
    monkeypatch.setenv(signature.PASSWORD, "wrong-one")
    store = make_store(tmp_path / "own.p12", "mine")
    with pytest.raises(
        UsageError, match=r"own\.p12 cannot be opened: keystore password was incorrect"
    ) as caught:
        signature.sign(tools.apksig, signature.choose_key(store), unsigned, tmp_path / "x.apk", 26)
    assert caught.value.hint == "check VIGNETTE_KEYSTORE_PASSWORD"
    assert caught.value.exit_code == 2
    assert "wrong-one" not in str(caught.value)


def test_file_that_is_no_keystore_is_named(tools, unsigned, monkeypatch, tmp_path):
    monkeypatch.setenv(signature.PASSWORD, "secret-7")
    (tmp_path / "own.p12").write_text("nothing")
    key = signature.choose_key(tmp_path / "own.p12")
    with pytest.raises(
        UsageError, match=r"the keystore .*own\.p12 cannot be opened: Unrecognized keystore format"
    ):
        signature.sign(tools.apksig, key, unsigned, tmp_path / "x.apk", 26)


def test_missing_keystore_and_missing_password_are_named(monkeypatch, tmp_path):
    monkeypatch.delenv(signature.PASSWORD, raising=False)
    with pytest.raises(UsageError, match=r"--keystore .*own\.p12: no such file"):
        signature.choose_key(tmp_path / "own.p12")
    (tmp_path / "own.p12").touch()
    with pytest.raises(UsageError, match=r"own\.p12: its password is missing") as caught:
        signature.choose_key(tmp_path / "own.p12")
    assert caught.value.hint == "set it in VIGNETTE_KEYSTORE_PASSWORD"


def test_users_android_debug_key_comes_before_one_of_our_own(monkeypatch, tmp_path):
    monkeypatch.setenv("ANDROID_USER_HOME", str(tmp_path))
    (tmp_path / "debug.keystore").touch()
    key = signature.choose_key(own=tmp_path / "keys/demo.keystore")
    assert (key.path, key.password, key.alias) == (tmp_path / "debug.keystore", "android", "androiddebugkey")
    assert key.origin.startswith("your Android debug key, ")
    assert not (tmp_path / "keys").exists()
    monkeypatch.delenv("ANDROID_USER_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home/.android").mkdir(parents=True)
    (tmp_path / "home/.android/debug.keystore").touch()
    assert signature.choose_key().path == tmp_path / "home/.android/debug.keystore"


def test_key_of_our_own_is_made_once(tools, tmp_path):
    own = tmp_path / "keys/demo.keystore"
    assert signature.choose_key(own=own).path == own
    made = own.read_bytes()
    signature.choose_key(own=own)
    assert own.read_bytes() == made
    assert list(own.parent.iterdir()) == [own]


def test_place_for_the_key_that_cannot_be_made_is_named(tools, tmp_path):
    (tmp_path / "keys").touch()
    with pytest.raises(StorageError, match=r"cannot write .*keys"):
        signature.choose_key(own=tmp_path / "keys/demo.keystore")


def test_file_that_is_no_apk_cannot_be_signed_or_verified(tools, built, tmp_path):
    (tmp_path / "no.apk").write_text("nothing")
    with pytest.raises(ToolError, match=r"verifying the signature failed: .*apk"):
        signature.verify(tools.apksig, tmp_path / "no.apk", 26)
    key = signature.choose_key(own=tmp_path / "keys/demo.keystore")
    with pytest.raises(ToolError, match="signing failed: "):
        signature.sign(tools.apksig, key, tmp_path / "no.apk", tmp_path / "x.apk", 26)
