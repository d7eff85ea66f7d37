"""How an int8 file is measured before its model is trained."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.core import config as configuration
from pipeline.core.config import Config
from pipeline.core.progress import silent
from pipeline.core.size import Size
from pipeline.tflite import convert as tflite
from pipeline.tflite import interpreter as litert
from pipeline.training import footprint


def config_of(*settings: str) -> Config:
    return configuration.load(Path(), ["model.backbone=tiny", *settings])


@pytest.mark.slow
def test_it_is_that_of_an_int8_file_with_one_output_per_class(workplace, monkeypatch):
    made: list[bytes] = []
    convert = tflite.convert

    def kept(*arguments: object) -> bytes:
        made.append(convert(*arguments))  # type: ignore[arg-type]
        return made[-1]

    monkeypatch.setattr(tflite, "convert", kept)
    found = footprint.measure(config_of(), Size(64, 32), 3, silent)
    (data,) = made
    interpreter = litert.Interpreter(data)
    assert (interpreter.frame, interpreter.input["dtype"].__name__) == (Size(64, 32), "uint8")
    assert (interpreter.output["dtype"].__name__, tuple(interpreter.output["shape"])) == ("uint8", (1, 3))
    assert found.size_bytes == len(data)
    assert found.latency_ms > 0

    # It is measured once.
    assert footprint.measure(config_of("head.l2=0.1", "seed=4"), Size(64, 32), 3, silent) == found
    assert len(made) == 1
    deeper = footprint.measure(config_of("head.depths=3"), Size(64, 32), 3, silent)
    assert deeper.size_bytes > found.size_bytes
    assert len(made) == 2


@pytest.mark.slow
def test_a_dense_head_can_be_measured_as_well(workplace):
    assert footprint.measure(config_of("head.kind=dense"), Size(32, 32), 2, silent).size_bytes > 10_000
