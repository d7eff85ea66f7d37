"""The finished run, its files and its Keras model, for all tests of conversion."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from export.conversion import convert
from pipeline.core import stages
from pipeline.core.runs import Run
from pipeline.training import experiment as experiments
from tests.support import verbs
from tests.support.verbs import RUN

FLAVOURS = ("float32", "float16", "dynamic_range", "int8")


@pytest.fixture(scope="module")
def experiment(tmp_path_factory) -> Any:
    place = verbs.finished(tmp_path_factory)
    with contextlib.chdir(place):
        yield experiments.open_trained(Run(RUN))


@pytest.fixture(scope="module")
def files(experiment) -> dict[str, bytes]:
    return {name: experiment.run.path(convert.file_name(name)).read_bytes() for name in FLAVOURS}


@pytest.fixture(scope="module")
def reference(experiment) -> Any:
    import keras

    return keras.models.load_model(experiment.run.path(stages.MODEL), compile=False)
