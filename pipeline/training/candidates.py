"""The candidates of a search within a budget: backbones × frames × depths × presets.

A list in the configuration replaces the values that are tried of a key, and joins any other searched key.
What is tried of which, in which order, is decided in `frontier`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.core import config as configuration
from pipeline.core.config import Config
from pipeline.core.errors import ConfigError
from pipeline.core.recipes import key_of
from pipeline.core.sections import PRESETS
from pipeline.core.size import Size
from pipeline.images.letterbox import auto_frame
from pipeline.training import backbones, features
from pipeline.training.backbones import BACKBONES
from pipeline.training.experiment import head_settings

BACKBONE, FRAME, DEPTHS, PRESET = "model.backbone", "model.input", "head.depths", "train.preset"
_AXES = (BACKBONE, FRAME, DEPTHS, PRESET)
_STEP = 32
# Half the pixels of the automatic frame, and a third more.
_SMALLER, _LARGER = 5 / 7, 8 / 7


@dataclass(frozen=True)
class Cell:
    """A combination of values.

    Attributes:
        values: Of the keys that are searched.
        config: The configuration with them.
        frame: The model's input size, in pixels.
        depths: How many depths of the backbone the head sees.
    """

    values: Mapping[str, Any]
    config: Config
    frame: Size
    depths: int

    @property
    def preset(self) -> str:
        return self.config.train.preset

    @property
    def model(self) -> str:
        """A key of all but the preset."""
        return key_of([features.settings(self.config, self.frame), head_settings(self.config)])

    def __str__(self) -> str:
        others = [f"{key}={value}" for key, value in self.values.items() if key not in _AXES]
        depths = f"{self.depths} depth{'s' * (self.depths != 1)}"
        return ", ".join([f"{self.config.model.backbone} {self.frame}", depths, *others, self.preset])


def cells(
    config: Config, fixed: Collection[str], presets: Collection[str], sizes: Sequence[tuple[int, int]]
) -> list[Cell]:
    """Every candidate that gives a different model.

    Args:
        config: The values of all other keys. Its own value of a searched key is always tried, too.
        fixed: Keys that keep their single value.
        presets: The presets to try; all if empty.
        sizes: (width, height) of the training pictures, in pixels.

    Raises:
        ConfigError: No backbone has the depths that are asked for.
    """
    found: dict[str, Cell] = {}
    refusal: ConfigError | None = None
    usual = [name for name in BACKBONES if BACKBONES[name].automatic != "none"]
    for backbone in _values(config, BACKBONE, usual, fixed):
        search = {
            **config.search,
            BACKBONE: (backbone,),
            FRAME: _values(config, FRAME, _frames(BACKBONES[backbone].side, sizes), fixed),
            DEPTHS: _values(config, DEPTHS, ("auto", 1), fixed),
            PRESET: [preset for preset in PRESETS if preset in presets or not presets],
        }
        for values, own in config.model_copy(update={"search": search}).grid():
            try:
                depths = 1 + len(backbones.pooled_blocks(own.model, own.head))
            except ConfigError as error:
                refusal = error
                continue
            cell = Cell(values, own, backbones.frame(own.model, sizes), depths)
            found.setdefault(key_of([cell.model, cell.preset]), cell)
    if refusal and not found:
        raise refusal
    return list(found.values())


def frames_of(cells: Sequence[Cell], backbone: str) -> list[str]:
    """The frames that are tried of a backbone."""
    own = [str(cell.frame) for cell in cells if cell.config.model.backbone == backbone]
    return list(dict.fromkeys(own))


def _values(config: Config, key: str, usual: Sequence[Any], fixed: Collection[str]) -> list[Any]:
    if key in config.search:
        return list(config.search[key])
    value = configuration.flat(config)[key]
    return [value] if key in fixed else list(dict.fromkeys([*usual, value]))


def _frames(side: int, sizes: Sequence[tuple[int, int]]) -> list[str]:
    """Three frames: the automatic one, a smaller one, and the square; or, of squares, a larger one."""

    def resized(factor: float) -> Size:
        return auto_frame(sizes, round(side * factor / _STEP) * _STEP)

    square = Size(side, side)
    other = resized(_LARGER) if auto_frame(sizes, side) == square else square
    return ["auto", str(resized(_SMALLER)), str(other)]
