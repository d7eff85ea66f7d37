"""The key that signs the APK, signing, and verifying as Android would.

Android accepts an update only if it is signed by the same key, so a key that was created here is kept
beside the runs and never in the cache. `Sign.java` and `Verify.java` call apksig for the cryptography.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from export.android.apk import programs
from pipeline.core import files, runs
from pipeline.core.documents import Document
from pipeline.core.errors import UsageError, storage_error

PASSWORD = "VIGNETTE_KEYSTORE_PASSWORD"  # noqa: S105  (the name of a variable)
OWN = runs.CACHE.with_name("keys") / "demo.keystore"
# Android's public convention for debug keys.
_DEBUG_ALIAS = "androiddebugkey"
_DEBUG_PASSWORD = "android"  # noqa: S105
# Exit codes of Sign.java.
_UNREADABLE, _NOT_ONE_KEY = 3, 4


@dataclass(frozen=True)
class _Keystore:
    """A key to sign with.

    Attributes:
        path: A PKCS12 or JKS file.
        password: The password of the file and of the key.
        alias: The key's name; empty if the file holds only one.
        origin: Where it comes from, as a phrase.
    """

    path: Path
    password: str
    alias: str = ""
    origin: str = "your keystore"


class Signature(Document):
    """What Android would say about a signature.

    Attributes:
        verified: Whether it is valid.
        schemes: The schemes that are valid, e.g. (2, 3).
        sha256: Of the certificate.
        subject: Of the certificate.
        key: Where the key comes from, as a phrase.
        errors: What is wrong with it.
    """

    verified: bool
    schemes: tuple[int, ...]
    sha256: str
    subject: str
    key: str
    errors: tuple[str, ...]


def choose_key(keystore: Path | None = None, own: Path = OWN) -> _Keystore:
    """The user's keystore, else their Android debug key, else a debug key that is created once.

    Args:
        keystore: A file with one key; its password is in VIGNETTE_KEYSTORE_PASSWORD.
        own: Where a debug key is kept that had to be created.

    Raises:
        UsageError: The file or its password is missing.
        ToolError: No key could be created.
    """
    if keystore is not None:
        if not keystore.is_file():
            raise UsageError(
                f"--keystore {keystore}: no such file",
                "omit --keystore to sign with a debug key",
            )
        password = os.environ.get(PASSWORD)
        if password is None:
            raise UsageError(f"--keystore {keystore}: its password is missing", f"set it in {PASSWORD}")
        return _Keystore(keystore, password)
    path = find_key(None, own)
    if path != own:
        return _Keystore(path, _DEBUG_PASSWORD, _DEBUG_ALIAS, f"your Android debug key, {path}")
    if not own.is_file():
        _make(own)
    return _Keystore(own, _DEBUG_PASSWORD, _DEBUG_ALIAS, f"a debug key created once, {own}")


def find_key(keystore: Path | None = None, own: Path = OWN) -> Path:
    """The file of the key that `choose_key` would take, whether it exists or not."""
    home = os.environ.get("ANDROID_USER_HOME")
    debug = (Path(home) if home else Path.home() / ".android") / "debug.keystore"
    return keystore or (debug if debug.is_file() else own)


def sign(apksig: Path, key: _Keystore, unsigned: Path, signed: Path, min_sdk: int) -> None:
    """Signs with schemes 2 and 3; entries are not moved.

    Args:
        apksig: The jar with `com.android.apksig`.
        key: The key.
        unsigned: The APK.
        signed: The signed APK, which is written.
        min_sdk: The oldest API level that must accept it.

    Raises:
        UsageError: The keystore cannot be opened, or does not hold exactly one key.
        ToolError: Signing failed.
    """
    arguments = (key.path, key.alias, str(min_sdk), unsigned, signed)
    done = _call(apksig, "Sign.java", arguments, "signing", {PASSWORD: key.password})
    if done.returncode == _UNREADABLE:
        raise UsageError(
            f"the keystore {key.path} cannot be opened: {done.stdout.strip()}", f"check {PASSWORD}"
        )
    if done.returncode == _NOT_ONE_KEY:
        raise UsageError(
            f"the keystore {key.path} must hold exactly one key, but holds {done.stdout.strip()}",
            "copy the key into a keystore of its own: keytool -importkeystore -srcalias NAME",
        )
    programs.require_success(done, "signing")


def verify(apksig: Path, path: Path, min_sdk: int, key: str = "") -> Signature:
    """Verifies an APK's signature as Android would.

    Args:
        apksig: The jar with `com.android.apksig`.
        path: The APK.
        min_sdk: The oldest API level that must accept it.
        key: Where the key comes from, as a phrase.

    Raises:
        ToolError: The file is no APK.
    """
    what = "verifying the signature"
    done = _call(apksig, "Verify.java", (path, str(min_sdk)), what)
    lines: dict[str, list[str]] = {}
    for line in programs.require_success(done, what).splitlines():
        name, _, value = line.partition("=")
        lines.setdefault(name, []).append(value)
    return Signature(
        verified=lines.get("verified") == ["true"],
        schemes=tuple(int(scheme) for scheme in lines.get("scheme", [])),
        sha256=lines.get("sha256", [""])[0],
        subject=lines.get("subject", [""])[0],
        key=key,
        errors=tuple(lines.get("error", [])),
    )


def _call(
    apksig: Path,
    source: str,
    arguments: Sequence[object],
    what: str,
    environment: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    program = Path(__file__).with_name(source)
    java = programs.java("java")
    return programs.call(
        java, *programs.JVM, "-cp", apksig, program, *arguments, what=what, environment=environment
    )


def _make(path: Path) -> None:
    files.make_folder(path.parent)
    beside = files.temporary_beside(path)
    command = (
        *(programs.java("keytool"), "-genkeypair", "-keystore", beside, "-storetype", "PKCS12"),
        *("-alias", _DEBUG_ALIAS, "-storepass", _DEBUG_PASSWORD, "-keyalg", "RSA", "-keysize", "2048"),
        *("-validity", "10950", "-dname", "CN=Android Debug,O=Android,C=US"),
        *(f"-J{flag}" for flag in programs.JVM),
    )
    try:
        programs.run(*command, what="creating a debug key")
        beside.chmod(0o600)
        beside.replace(path)
    except OSError as error:
        raise storage_error(path, error) from error
    finally:
        beside.unlink(missing_ok=True)
