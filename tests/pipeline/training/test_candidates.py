"""Which candidates a search within a budget has."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.core import config as configuration
from pipeline.core.errors import ConfigError
from pipeline.training import candidates
from pipeline.training.candidates import Cell

LANDSCAPE = [(640, 360)] * 9
SQUARE = [(500, 500)] * 9
BACKBONES = ["efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2", "mobilenet_v2"]


def cells_of(*settings: str, fixed=(), presets=("fast",), sizes=LANDSCAPE) -> list[Cell]:
    return candidates.cells(configuration.load(Path(), settings), fixed, presets, sizes)


def only(backbone: str, **options) -> list[Cell]:
    settings = (f"model.backbone={backbone}", *options.pop("settings", ()))
    return cells_of(*settings, fixed=("model.backbone", *options.pop("fixed", ())), **options)


def test_every_backbone_frame_depth_and_preset_is_tried_once():
    cells = cells_of(presets=())
    assert len(cells) == 4 * 3 * 2 * 3
    assert list(dict.fromkeys(cell.config.model.backbone for cell in cells)) == BACKBONES
    assert {cell.preset for cell in cells} == {"fast", "balanced", "best"}
    assert len({(cell.model, cell.preset) for cell in cells}) == len(cells)


@pytest.mark.parametrize(
    ("sizes", "frames"),
    [
        (LANDSCAPE, ["224x128", "160x96", "224x224"]),
        ([(360, 640)] * 9, ["128x224", "96x160", "224x224"]),
        (SQUARE, ["224x224", "160x160", "256x256"]),
        ([*LANDSCAPE, *[(360, 640)] * 9], ["224x224", "160x160", "256x256"]),
    ],
)
def test_the_automatic_frame_is_one_of_three(sizes, frames):
    cells = only("efficientnet_lite0", sizes=sizes)
    assert candidates.frames_of(cells, "efficientnet_lite0") == frames
    assert cells[0].values["model.input"] == "auto"


def test_frames_follow_the_side_of_the_backbone():
    assert candidates.frames_of(only("efficientnet_lite2"), "efficientnet_lite2") == [
        *("260x160", "192x128", "260x260")
    ]


def test_heads_see_all_depths_or_the_top_alone():
    assert {cell.depths for cell in only("efficientnet_lite0")} == {6, 1}
    # tiny's own number is 1.
    assert {cell.depths for cell in only("tiny")} == {1}


def test_a_list_replaces_the_values_to_try():
    cells = only("tiny", settings=('model.input=["64x64", "96x96"]', "head.depths=[2, 3]"))
    assert [(str(cell.frame), cell.depths) for cell in cells] == [
        *(("64x64", 2), ("64x64", 3), ("96x96", 2), ("96x96", 3))
    ]


def test_a_single_value_on_the_command_line_is_the_only_one():
    cells = only("tiny", settings=("model.input=96x96",), fixed=("model.input",))
    assert [str(cell.frame) for cell in cells] == ["96x96"]


def test_the_configuration_s_own_values_are_candidates_too():
    cells = cells_of("model.backbone=tiny", "model.input=96x96", "head.depths=3")
    assert list(dict.fromkeys(cell.config.model.backbone for cell in cells)) == [*BACKBONES, "tiny"]
    assert {("96x96", 3), ("96x96", 1)} <= {(str(cell.frame), cell.depths) for cell in cells}


def test_other_searched_keys_multiply_the_candidates():
    cells = only("tiny", settings=("model.input=96x96", "head.l2=[0.01, 0.1]"), fixed=("model.input",))
    assert [cell.config.head.l2 for cell in cells] == [0.01, 0.1]
    assert str(cells[1]) == "tiny 96x96, 1 depth, head.l2=0.1, fast"


def test_frames_of_the_same_size_are_one_candidate():
    cells = only("tiny", settings=('model.input=["auto", "224x128"]',))
    assert [cell.values["model.input"] for cell in cells] == ["auto"]


def test_depths_that_a_backbone_lacks_are_left_to_the_others():
    cells = cells_of("head.depths=10", fixed=("head.depths",))
    assert {cell.config.model.backbone for cell in cells} == {"efficientnet_lite1", "efficientnet_lite2"}
    with pytest.raises(ConfigError, match="tiny has 3"):
        only("tiny", settings=("head.depths=10",), fixed=("head.depths",))
