"""The edge of a search: named with the next value to try, and only where there is one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.core import config as configuration
from pipeline.training import search


@pytest.mark.parametrize(
    ("setting", "best", "following"),
    [
        ("head.l2=[0.003, 0.01, 0.03]", 0.01, None),
        ("head.l2=[0.003, 0.01, 0.03]", 0.03, 0.09),
        ("head.l2=[0.03, 0.003, 0.01]", 0.003, 0.0009),
        ("head.l2=[0.001, 3.0]", 3.0, 30.0),
        ("head.l2=[0, 0.01]", 0, None),  # there is nothing below
        ("head.l2=[0, 0.01]", 0.01, 0.02),
        ("train.batch_size=[16, 32]", 32, 64),
        ("train.batch_size=[1, 2]", 1, None),
        ("train.batch_size=[2048, 4096]", 4096, None),
        ("train.learning_rate=[0.0001, 0.001]", 0.0001, 1e-05),
        ("model.input=['160x160', '192x192', '224x224']", "224x224", "256x256"),
        ("model.input=['160x96', '224x128']", "160x96", "128x64"),
        ("model.input=['auto', '192x192', '224x224']", "auto", None),
        ("train.optimizer=['adam', 'sgd']", "sgd", None),
        ("model.backbone=['tiny', 'mobilenet_v2']", "tiny", None),
    ],
)
def test_the_next_value_beyond_an_edge(setting: str, best: Any, following: Any):
    config = configuration.load(Path(), [setting])
    (key,) = config.search
    assert search.beyond(config, {key: best}) == ({} if following is None else {key: following})


def test_shares_are_tried_in_even_steps():
    config = configuration.load(Path(), ["head.kind=dense", "head.dropout=[0.1, 0.3]"])
    assert search.beyond(config, {"head.dropout": 0.3}) == {"head.dropout": 0.5}
    config = configuration.load(Path(), ["head.kind=dense", "head.dropout=[0.5, 0.8]"])
    assert search.beyond(config, {"head.dropout": 0.8}) == {}
