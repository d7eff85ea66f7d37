"""The views of a picture that a model is trained and scored on, each in the model's frame.

The plain view is the letterboxed picture; `augment` and `screen_capture` make the random ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pipeline.core.config import Config
from pipeline.core.remote_cache import Place
from pipeline.core.sections import Augment
from pipeline.core.size import Size
from pipeline.images import augment, decode, screen_capture
from pipeline.images.letterbox import letterbox

# On flowers5 and trashnet, more screen captures than this cost clean pictures more than they gain.
_SCREEN_EVERY = 4


def view_settings(augmentation: Augment) -> dict[str, Any]:
    """The part of the configuration that random views are made by, for recipes.

    A simulation that is off is not named, so that features without it stay what they were.
    """
    named = augmentation.model_dump(mode="json", exclude={"screen"})
    return named | ({"screen": [screen_capture.VERSION, _SCREEN_EVERY]} if augmentation.screen else {})


def plain_view(path: Place, frame: Size) -> np.ndarray:
    """A picture as the model sees it when it is scored.

    Returns:
        RGB, uint8, shape (height, width, 3).

    Raises:
        PictureError: The file cannot be read.
    """
    return letterbox(decode.read(path), frame)


def all_views(path: Place, sha256: str, config: Config, frame: Size) -> np.ndarray:
    """The plain view and the random ones of a picture, as training sees them.

    Returns:
        RGB, uint8, shape (1 + views, height, width, 3).

    Raises:
        PictureError: The file cannot be read.
    """
    random = random_views(path, sha256, config.augment, frame, config.seed)
    return np.stack([plain_view(path, frame), *random])


def random_views(path: Place, sha256: str, settings: Augment, frame: Size, seed: int) -> Iterator[np.ndarray]:
    """The random views alone, from a JPEG decoded at reduced scale.

    With `settings.screen`, every fourth, from the first, is taken from a photo of a simulated screen.
    """
    if settings.views:
        picture = decode.read(path, for_frame=frame)
        plain = letterbox(picture, frame)
        for view in range(1, settings.views + 1):
            start = plain
            if settings.screen and view % _SCREEN_EVERY == 1:
                numbers = screen_capture.generator(seed, sha256, f"training view {view}")
                start = letterbox(
                    screen_capture.photograph(picture, screen_capture.draw_scene(numbers), numbers), frame
                )
            yield augment.random_view(start, settings, augment.generator(seed, sha256, view))
