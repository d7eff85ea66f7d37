"""What a file is by its size and its first bytes, for messages about files that are not a .tflite."""

from __future__ import annotations

from pathlib import Path

from export.model_file import keras_archive
from pipeline.core.errors import DataError

MOST_BYTES = 1_000_000_000
TO_TFLITE = (
    "Teachable Machine: Export Model, TensorFlow Lite, Floating point, and unzip it; Keras: "
    'keras.models.load_model(FILE).export("FILE.tflite", format="litert")'
)
GIVE_KERAS = "it can be converted: python -m export tflite --keras FILE --pictures FOLDER --labels FILE"
_IDENTIFIER = b"TFL3"
_KERAS = (b"\x89HDF", b"PK")
_BEGINNINGS = (
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"\x89PNG", "a PNG picture"),
    (b"GIF8", "a GIF picture"),
    (b"RIFF", "a WebP picture or a sound"),
    (b"\x89HDF", "an HDF5 file, such as an older Keras model (keras_model.h5 of Teachable Machine)"),
    (b"PK", "a zip archive, such as an APK or a .keras model"),
    (b"%PDF", "a PDF"),
    (b"version https://git-lfs", "a Git LFS pointer whose file was not fetched"),
    (b"<", "a web page or XML"),
    (b"{", "JSON"),
)


def describe(path: Path) -> str:
    """What a file is, in a few words.

    Raises:
        DataError: It cannot be read.
    """
    head = _head(path, "check the path and your read permission")
    if head[4:8] == _IDENTIFIER:
        return "a .tflite under another name"
    return keras_archive.describe(path) or _beginning(head) or "not a known kind of model"


def require_tflite(path: Path) -> None:
    """Refuses what is not a .tflite by its size and its first bytes.

    Raises:
        DataError: It is something else, too large, or cannot be read.
    """
    if path.exists() and not path.is_file():
        raise DataError(f"{path} is not a regular file", "give the path of a .tflite, or the name of a run")
    head = _head(path, "check the path and your read permission")
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise DataError(
            f"{path} is {size / 1e9:,.1f} GB; the limit is {MOST_BYTES / 1e9:.0f} GB",
            "a classifier for a phone takes a few MB: is this the right file?",
        )
    if head[4:8] == _IDENTIFIER:
        return
    if keras := keras_archive.read(path):
        raise DataError(
            f"{path} is not a .tflite: it is {keras.words}", TO_TFLITE if keras.damage else GIVE_KERAS
        )
    kind = f"it looks like {_beginning(head) or 'something else'}" if size else "it is empty"
    raise DataError(
        f"{path} is not a .tflite: {kind}",
        TO_TFLITE
        if head.startswith(_KERAS)
        else "bytes 5 to 8 of a .tflite are TFL3; export it again, or fetch the right file",
    )


def _head(path: Path, hint: str) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(64)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}", hint) from error


def _beginning(head: bytes) -> str:
    return next((words for begin, words in _BEGINNINGS if head.startswith(begin)), "")
