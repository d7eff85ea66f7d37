"""The sections of a configuration, with every key's default and range.

`config` reads them from TOML; the sections `channels` and `collect` are in `channels`.
"""

from __future__ import annotations

import math
import re
from types import MappingProxyType
from typing import Annotated, Final, Literal, get_args

from pydantic import Field, ValidationInfo, field_validator

from pipeline.core.channels import Part
from pipeline.core.size import Size, parse_size

Flavour = Literal["float32", "float16", "dynamic_range", "int8"]
FLOAT32: Final = "float32"
FLOAT16: Final = "float16"
DYNAMIC_RANGE: Final = "dynamic_range"
INT8: Final = "int8"
FLAVOURS: tuple[Flavour, ...] = (FLOAT32, FLOAT16, DYNAMIC_RANGE, INT8)
# Regular expressions for `data.group_pattern`; the first group in parentheses is the picture's group.
GROUP_RECIPES = MappingProxyType(
    {
        # rose_12_jpg.rf.0b3c….jpg: the versions of a picture that Roboflow exports.
        "roboflow": r"^(.+?)\.rf\.[0-9A-Za-z]+",
        # visit3_frame_0012.jpg: a video's frames.
        "frames": r"^(.+?)[ _.-]*(?i:frame|frm)[ _.-]*\d+",
        # IMG_20240131_154502_003.jpg, 00000IMG_00000_BURST20240131154502123_COVER.jpg: within a second.
        "bursts": r"((?:BURST|(?<!\d))(?:19|20)\d{6}_?\d{6})",
    }
)
# Of the cache of remote pictures, in 10⁹ bytes.
REMOTE_CACHE_GB = 10.0
Share = Annotated[float, Field(ge=0, le=1)]
_Positive = Annotated[float, Field(gt=0)]


class Data(Part):
    """Where the pictures are, how many are held out, and which stay on one side of the split.

    `pictures` is a folder or a table; `config` takes `table` for another name of it. `remote_cache_gb` bounds
    the local cache of pictures at addresses, in 10⁹ bytes.
    `group_pattern` is a regular expression whose first group in parentheses finds a picture's group in its
    file name, or `roboflow`, `frames` or `bursts`. `allow_unreadable` is the share of a class that may be
    skipped as unreadable. `decisions` is the file that `review` helps to make, or empty.
    """

    pictures: str
    held_out: Annotated[float, Field(gt=0, lt=1)] = 0.2
    group_copies: bool = True
    group_pattern: str = ""
    allow_unreadable: Share = 0.1
    decisions: str = ""
    remote_cache_gb: _Positive = REMOTE_CACHE_GB

    @field_validator("group_pattern")
    @classmethod
    def _pattern(cls, value: str) -> str:
        if value in ("", *GROUP_RECIPES):
            return value
        try:
            groups = re.compile(value).groups
        except re.error as error:
            raise ValueError(f"a regular expression: {error}") from error
        if not groups:
            raise ValueError(
                f"a regular expression with a group in parentheses, or {', '.join(GROUP_RECIPES)}"
            )
        return value


class Model(Part):
    """The frozen backbone and its input size.

    `weights` is `auto` (the backbone's default), `imagenet`, `none` (untrained), the path of a
    `.weights.h5` file, or a table of these by backbone name. `input` is `auto` or a size such as
    `224x128`, width first.
    """

    backbone: Literal[
        "efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2", "mobilenet_v2", "tiny"
    ] = "efficientnet_lite0"
    alpha: Annotated[float, Field(gt=0, le=2)] = 1.0
    weights: str | dict[str, str] = "auto"
    input: str = "auto"

    @field_validator("weights")
    @classmethod
    def _backbones(cls, value: str | dict[str, str]) -> str | dict[str, str]:
        known = get_args(cls.model_fields["backbone"].annotation)
        if isinstance(value, dict) and not value.keys() <= set(known):
            raise ValueError(f"a table by backbone: {', '.join(known)}")
        return value

    @field_validator("input", mode="before")
    @classmethod
    def _size(cls, value: object) -> object:
        size = parse_size(value) if isinstance(value, str) else None
        if value != "auto" and (size is None or not all(32 <= side <= 1024 for side in size)):
            raise ValueError("auto, or width x height from 32x32 to 1024x1024, such as 224x128")
        return value

    @property
    def frame(self) -> Size | None:
        """The configured frame, or None for `auto`."""
        return parse_size(self.input)

    @property
    def weights_source(self) -> str:
        """Where this backbone's weights come from."""
        return self.weights if isinstance(self.weights, str) else self.weights.get(self.backbone, "auto")


class Head(Part):
    """The trained part: `linear` is one softmax layer on standardized features; `dense` is dropout,
    dense ReLU, dropout, softmax.

    `depths` is how many depths of the backbone it sees: 1 is the top alone, more add the outputs of the
    last blocks; `auto` is the backbone's own number.
    """

    depths: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    kind: Literal["linear", "dense"] = "linear"
    l2: Annotated[float, Field(ge=0)] = 0.01
    units: Annotated[int, Field(ge=1, le=4096)] = 100
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.3


class Augment(Part):
    """Random views of the training pictures, computed once and cached as features.

    `rotation` is in turns, either way. `zoom` is as in Keras: the visible side grows by this
    fraction, so -0.2 zooms in and 0.5 zooms out. `brightness`, `contrast` and `saturation` are
    factors of up to 1 ± the value. With `screen`, every fourth view, starting with the first, looks
    photographed from a screen.
    """

    views: Annotated[int, Field(ge=0, le=64)] = 4
    flip: bool = True
    rotation: Annotated[float, Field(ge=0, le=0.5)] = 0.04
    zoom: tuple[float, float] = (-0.2, 0.1)
    brightness: Annotated[float, Field(ge=0, lt=1)] = 0.2
    contrast: Annotated[float, Field(ge=0, lt=1)] = 0.2
    saturation: Annotated[float, Field(ge=0, lt=1)] = 0.2
    screen: bool = False

    @field_validator("screen")
    @classmethod
    def _seen(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("views") == 0:
            raise ValueError("false, or augment.views of at least 1")
        return value

    @field_validator("zoom", mode="before")
    @classmethod
    def _range(cls, value: object) -> object:
        if isinstance(value, list | tuple) and len(value) == 2:
            low, high = (float(v) if type(v) in (int, float) else math.nan for v in value)
            if -1 < low <= high <= 4:
                return (low, high)
        raise ValueError("two numbers, lower first, each above -1 and at most 4, such as [-0.2, 0.5]")


_Preset = Literal["fast", "balanced", "best"]
PRESETS: tuple[_Preset, ...] = get_args(_Preset)


class Train(Part):
    """How the model is trained.

    `preset` is how much work goes into it: `fast` trains the head alone, `balanced` also fine-tunes the
    last blocks of the backbone, `best` more of them, for longer. The other keys are the head's. With
    `select_best_epoch`, `epochs` is the maximum.
    """

    preset: _Preset = "balanced"
    folds: Annotated[int, Field(ge=2, le=20)] = 5
    epochs: Annotated[int, Field(ge=1, le=1000)] = 100
    select_best_epoch: bool = True
    batch_size: Annotated[int, Field(ge=1, le=4096)] = 32
    optimizer: Literal["adam", "rmsprop", "sgd"] = "adam"
    learning_rate: _Positive = 0.0003
    class_weights: bool = False
    min_correct_coverage: Annotated[float, Field(gt=0, le=1)] = 0.95


class Export(Part):
    """Which `.tflite` files to make, and how to calibrate and time them.

    With `compensate`, int8's rounding errors are compensated before the conversion, where that brings the
    file closer to Keras.
    """

    flavours: tuple[Flavour, ...] = FLAVOURS
    calibration_pictures: Annotated[int, Field(ge=10, le=10_000)] = 128
    compensate: bool = True
    num_threads: Annotated[int, Field(ge=1, le=64)] = 2

    @field_validator("flavours", mode="before")
    @classmethod
    def _known(cls, value: object) -> object:
        chosen = list(value) if isinstance(value, list | tuple) else []
        if not chosen or len(set(map(str, chosen))) < len(chosen) or not set(chosen) <= set(FLAVOURS):
            raise ValueError("a list of " + ", ".join(FLAVOURS) + ", each at most once")
        return tuple(chosen)


class Gate(Part):
    """How far a `.tflite` file may differ from the Keras model on the held-out pictures.

    Each quantity is judged by its 95% interval. With `require_proof`, the verdict "not shown" also exits
    with code 3.
    """

    min_agreement: Share = 0.9
    max_drop: Share = 0.03
    max_f1_drop: Share = 0.05
    max_mean_abs_dp: Share = 0.05
    max_confidence_shift: Share = 0.02
    max_coverage_drop: Share = 0.05
    require_proof: bool = False
