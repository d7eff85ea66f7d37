"""The key that signs the APK, signing, and verifying as Android would.

An update must be signed by the key of what is installed, so a key that was made here once is
kept beside the runs, and never in the cache. The cryptography is apksig's, in `Sign.java` and
`Verify.java`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from export.android.apk import programs
from pipeline.core import files, runs
from pipeline.core.errors import ToolError, UsageError, storage_error

PASSWORD = "VIGNETTE_KEYSTORE_PASSWORD"  # noqa: S105  (the name of a variable)
OWN = runs.CACHE.with_name("keys") / "demo.keystore"
# Android's own convention for debug keys, known to everyone.
_DEBUG_ALIAS = "androiddebugkey"
_DEBUG_PASSWORD = "android"  # noqa: S105


@dataclass(frozen=True)
class Keystore:
    """A key to sign with.

    Attributes:
        path: A PKCS12 or JKS file.
        password: Of the file and the key.
        alias: The key's name; empty where the file holds only one.
        origin: What it is, in words.
    """

    path: Path
    password: str
    alias: str = ""
    origin: str = "the keystore that was given"


@dataclass(frozen=True)
class Signature:
    """What Android would say of a signature.

    Attributes:
        verified: Whether it holds.
        schemes: The schemes that hold, e.g. (2, 3).
        sha256: Of the certificate.
        subject: Of the certificate.
        key: Where the key comes from, in words.
        errors: What does not hold.
    """

    verified: bool
    schemes: tuple[int, ...]
    sha256: str
    experiment: str
    key: str
    errors: tuple[str, ...]


def choose_key(keystore: Path | None = None, alias: str = "", own: Path = OWN) -> Keystore:
    """The key that was asked for, else the user's Android debug key, else one made once.

    Args:
        keystore: A file; its password stands in VIGNETTE_KEYSTORE_PASSWORD.
        alias: The key's name, where the file holds several.
        own: Where a key is kept that had to be made.

    Raises:
        UsageError: The file or its password is missing.
        ToolError: No key could be made.
    """
    if keystore is not None:
        if not keystore.is_file():
            raise UsageError(
                f"--keystore {keystore}: there is no such file",
                "without it the app is signed with a debug key",
            )
        password = os.environ.get(PASSWORD)
        if password is None:
            raise UsageError(f"--keystore {keystore}: its password is missing", f"set it in {PASSWORD}")
        return Keystore(keystore, password, alias)
    found = find_key(None, own)
    if found != own:
        return Keystore(found, _DEBUG_PASSWORD, _DEBUG_ALIAS, f"the Android debug key of this user, {found}")
    if not own.is_file():
        _make(own)
    return Keystore(own, _DEBUG_PASSWORD, _DEBUG_ALIAS, f"a debug key made once, {own}")


def find_key(keystore: Path | None = None, own: Path = OWN) -> Path:
    """The file of the key that `choose_key` takes, whether it is there or not."""
    home = os.environ.get("ANDROID_USER_HOME")
    debug = (Path(home) if home else Path.home() / ".android") / "debug.keystore"
    return keystore or (debug if debug.is_file() else own)


def sign(apksig: Path, key: Keystore, unsigned: Path, signed: Path, min_sdk: int) -> None:
    """Signs with schemes 2 and 3; entries stay where they are.

    Args:
        apksig: The jar with `com.android.apksig`.
        key: The key.
        unsigned: The APK.
        signed: What is written.
        min_sdk: The oldest API level that must accept it.

    Raises:
        UsageError: The keystore cannot be opened, or its key is not said.
        ToolError: Signing failed.
    """
    arguments = (key.path, key.alias, str(min_sdk), unsigned, signed)
    try:
        _run(apksig, "Sign.java", arguments, "signing", {PASSWORD: key.password})
    except ToolError as error:
        _, found, words = error.message.partition("keystore ")
        if found:
            raise UsageError(f"the keystore {words}", f"its password stands in {PASSWORD}") from error
        raise


def verify(apksig: Path, path: Path, min_sdk: int, key: str = "") -> Signature:
    """What Android would say of an APK's signature.

    Args:
        apksig: The jar with `com.android.apksig`.
        path: The APK.
        min_sdk: The oldest API level that must accept it.
        key: Where the key comes from, in words.

    Raises:
        ToolError: The file is no APK.
    """
    said: dict[str, list[str]] = {}
    for line in _run(apksig, "Verify.java", (path, str(min_sdk)), "verifying the signature").splitlines():
        name, _, value = line.partition("=")
        said.setdefault(name, []).append(value)
    return Signature(
        verified=said.get("verified") == ["true"],
        schemes=tuple(int(scheme) for scheme in said.get("scheme", [])),
        sha256=said.get("sha256", [""])[0],
        experiment=said.get("subject", [""])[0],
        key=key,
        errors=tuple(said.get("error", [])),
    )


def _run(
    apksig: Path,
    source: str,
    arguments: Sequence[object],
    what: str,
    environment: dict[str, str] | None = None,
) -> str:
    program = Path(__file__).with_name(source)
    java = programs.java("java")
    return programs.run(
        java, *programs.JVM, "-cp", apksig, program, *arguments, what=what, environment=environment
    )


def _make(path: Path) -> None:
    files.make_folder(path.parent)
    beside = files.temporary_beside(path)
    command = (
        *(programs.java("keytool"), "-genkeypair", "-keystore", beside, "-storetype", "PKCS12"),
        *("-alias", _DEBUG_ALIAS, "-storepass", _DEBUG_PASSWORD, "-keyalg", "RSA", "-keysize", "2048"),
        *("-validity", "10950", "-dname", "CN=Android Debug,O=Android,C=US"),
    )
    try:
        programs.run(*command, what="making a debug key")
        beside.chmod(0o600)
        beside.replace(path)
    except OSError as error:
        raise storage_error(path, error) from error
    finally:
        beside.unlink(missing_ok=True)
