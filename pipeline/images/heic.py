"""HEIC for Pillow through libheif; reads only the pixels and the colour profile.

pi-heif's own opener also reads metadata, which crashes the process for damaged files. libheif already
applies the file's rotation, so EXIF orientation must be ignored.
"""

from __future__ import annotations

from typing import Any

import _pi_heif
from PIL import ImageFile


class HeicImageFile(ImageFile.ImageFile):
    """The primary picture of a HEIC file, decoded by `load`."""

    format = "HEIF"
    n_frames = 1
    _picture: Any = None

    def _open(self) -> None:
        if self.fp is None:
            raise SyntaxError("no file")
        to_8_bits, as_bgr, tight, to_16_bits, decoder, unlimited = True, False, False, False, "", False
        threads = 1  # pictures are decoded side by side
        data = self.fp.read()
        try:
            listed = _pi_heif.load_file(
                data, threads, to_8_bits, as_bgr, tight, to_16_bits, decoder, unlimited
            )
        except RuntimeError as error:
            raise SyntaxError(str(error)) from error
        pictures = [picture for picture in listed if picture is not None]
        if not pictures:
            raise SyntaxError("no picture in it")
        self._picture = next((picture for picture in pictures if picture.primary), pictures[0])
        self.n_frames = len(pictures)
        self._size, self._mode = self._picture.size_mode
        profile = self._picture.color_profile
        if profile and profile["type"] in ("rICC", "prof"):
            self.info["icc_profile"] = profile["data"]
        self.tile = []

    def load(self) -> Any:
        """Decodes the picture.

        Raises:
            OSError: It is damaged.
        """
        picture, self._picture = self._picture, None
        if picture is not None:
            try:
                data = picture.data
            except RuntimeError as error:
                raise OSError(str(error)) from error
            self._size, _ = picture.size_mode  # now that of the pixels
            self.load_prepare()
            self.frombytes(data, "raw", (self._mode, picture.stride))
        return super().load()
