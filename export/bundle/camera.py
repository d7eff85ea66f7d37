"""The camera's rules in numpy: the specification of the app's Java code.

A `YUV_420_888` frame is converted to RGB, turned upright and cropped to the aspect ratio of the training
pictures; the crop then goes through `pipeline.images.letterbox`. All arithmetic is on integers, so another
language can reproduce every pixel; `contract` names the rules `bt601-full-range` and `nearest`. Nothing
here runs when a model is made.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from pipeline.core.errors import PictureError
from pipeline.core.size import Size

# Full-range BT.601 in units of 1 / 65536; named by source and result.
_RED_FROM_V = 91881
_GREEN_FROM_U = 22554
_GREEN_FROM_V = 46802
_BLUE_FROM_U = 116130
_HALF = 1 << 15
ROTATIONS = (0, 90, 180, 270)


class Plane(NamedTuple):
    """One plane of a camera frame as Android delivers it.

    Attributes:
        samples: uint8, shape (n,). The last row may end right after its last sample.
        row_stride: Bytes from one row to the next.
        pixel_stride: Bytes from one sample to the next: 1, or 2 if U and V are interleaved.
    """

    samples: np.ndarray
    row_stride: int
    pixel_stride: int


class Crop(NamedTuple):
    """A rectangle of the upright frame, in pixels."""

    left: int
    top: int
    width: int
    height: int


def plane_pixels(plane: Plane, size: Size) -> np.ndarray:
    """The samples of a plane, uint8, shape (height, width).

    Args:
        plane: As the camera delivers it.
        size: Of this plane; chroma planes have half the frame's sides, rounded up.

    Raises:
        PictureError: The plane is too short for that size.
    """
    rows = np.arange(size.height)[:, np.newaxis] * plane.row_stride
    places = rows + np.arange(size.width) * plane.pixel_stride
    if places[-1, -1] >= len(plane.samples):
        raise PictureError(
            f"a plane of {size} with strides {plane.row_stride} and {plane.pixel_stride} needs "
            f"{places[-1, -1] + 1} bytes. Received: {len(plane.samples)}"
        )
    return plane.samples[places]


def yuv_to_rgb(y: Plane, u: Plane, v: Plane, size: Size) -> np.ndarray:
    """A camera frame in RGB, in the sensor's orientation.

    Full-range BT.601 with coefficients in 16-bit fixed point, rounded by adding a half before
    an arithmetic right shift. Each pixel takes the chroma sample at (x // 2, y // 2).

    Args:
        y: Luma, 0 ... 255, in the frame's size.
        u: Blue difference around 128; half the frame's sides, rounded up.
        v: Red difference, likewise.
        size: Of the frame, in pixels.

    Returns:
        RGB, uint8, shape (size.height, size.width, 3).

    Raises:
        PictureError: A plane is too short.
    """
    half = Size((size.width + 1) // 2, (size.height + 1) // 2)
    luma = plane_pixels(y, size).astype(np.int32) << 16
    across, down = np.arange(size.width) // 2, np.arange(size.height)[:, np.newaxis] // 2
    blue = plane_pixels(u, half)[down, across].astype(np.int32) - 128
    red = plane_pixels(v, half)[down, across].astype(np.int32) - 128
    channels = (
        luma + _RED_FROM_V * red,
        luma - _GREEN_FROM_U * blue - _GREEN_FROM_V * red,
        luma + _BLUE_FROM_U * blue,
    )
    return np.clip((np.stack(channels, axis=-1) + _HALF) >> 16, 0, 255).astype(np.uint8)


def upright(picture: np.ndarray, rotation: int) -> np.ndarray:
    """A picture rotated clockwise.

    Args:
        picture: Shape (height, width, 3).
        rotation: Clockwise degrees that make it upright: 0, 90, 180 or 270.

    Returns:
        Shape (height, width, 3), with the sides swapped after 90 and 270 degrees.

    Raises:
        PictureError: The rotation is not one of these.
    """
    if rotation not in ROTATIONS:
        raise PictureError(f"a rotation is 0, 90, 180 or 270 degrees. Received: {rotation}")
    return np.ascontiguousarray(np.rot90(picture, -(rotation // 90)))


def centred_crop(size: Size, content_aspect: float) -> Crop:
    """The largest centred rectangle of an aspect ratio; half pixels are rounded up.

    Args:
        size: Of the upright frame, in pixels.
        content_aspect: Width / height of the rectangle.
    """
    width, height = size
    if width >= content_aspect * height:
        width = min(max(math.floor(content_aspect * height + 0.5), 1), width)
    else:
        height = min(max(math.floor(width / content_aspect + 0.5), 1), height)
    return Crop((size.width - width) // 2, (size.height - height) // 2, width, height)


def inside_guide(
    y: Plane, u: Plane, v: Plane, size: Size, rotation: int, content_aspect: float
) -> np.ndarray:
    """What the on-screen guide shows of a camera frame: the picture to letterbox.

    Args:
        y: Luma.
        u: Blue difference.
        v: Red difference.
        size: Of the frame in the sensor's orientation, in pixels.
        rotation: Clockwise degrees that make it upright: 0, 90, 180 or 270.
        content_aspect: Width / height of the guide, from the contract.

    Returns:
        RGB, uint8, upright, shape (height, width, 3).

    Raises:
        PictureError: A plane is too short, or the rotation is not one of the four.
    """
    picture = upright(yuv_to_rgb(y, u, v, size), rotation)
    crop = centred_crop(Size(picture.shape[1], picture.shape[0]), content_aspect)
    return picture[crop.top : crop.top + crop.height, crop.left : crop.left + crop.width]
