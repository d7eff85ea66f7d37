"""The rows that export adds to the table of stages."""

from __future__ import annotations

from pathlib import Path

import pytest

from export.bundle import bundle
from export.conversion import convert
from pipeline.core import stages
from pipeline.core.sections import FLAVOURS

RUN = Path("data/runs/first")


@pytest.mark.parametrize(
    ("stage", "command"),
    [
        ("predictions/int8", "python -m export tflite first"),
        ("export/int8/contract", "python -m export tflite first"),
        ("compensation", "python -m export tflite first"),
        ("recalibration", "python -m export tflite first"),
        ("explain", "python -m export explain first"),
        ("photos", "python -m export photos FOLDER --run first"),
    ],
)
def test_every_stage_has_the_command_that_makes_it(stage, command):
    assert stages.row(stage).command.of(RUN) == command


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_the_files_of_a_flavour_are_those_of_its_rows(flavour):
    folder = convert.bundle_name(flavour)
    assert stages.row(folder).outputs == (convert.file_name(flavour),)
    assert stages.row(f"{folder}/contract").outputs == (convert.contract_name(flavour),)
    assert stages.row(f"{folder}/labels").outputs == (f"{folder}/{bundle.LABELS}",)


def test_an_input_named_after_a_flavour_is_the_stage_of_that_flavour():
    parity = stages.row("parity")
    assert parity.rests_on("keras") == "predictions/keras"
    assert parity.rests_on("float16") == "predictions/float16"
    assert parity.rests_on("int8_built_in") == "predictions/int8_built_in"
    assert stages.row("predictions/int8_built_in").rests_on("export") == "export/int8"
    assert parity.rests_on("latency") == "latency"
    assert stages.row("explain").rests_on("train") == ""
    assert stages.row("export/int8/contract").rests_on("export") == "export/int8"
