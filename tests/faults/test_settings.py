"""Configuration and weights that cannot be used."""

from __future__ import annotations

import pytest

from pipeline.core import runs, stages
from tests.support import verbs
from tests.support.commands import refused, train, train_copy, without_a_run
from tests.support.verbs import RUN, here

pytestmark = pytest.mark.slow


# Configuration.


def test_a_misspelt_key_is_named_with_a_suggestion(tmp_path, make_data_set):
    make_data_set(tmp_path / "pictures", {"cat": 4, "dog": 4})
    ended = train(tmp_path, "--set", "head.l3=1")
    refused(ended, 2, "pictures: unknown key head.l3", "did you mean head.l2?")
    (tmp_path / "mine.toml").write_text('[data]\npictures = "pictures"\n[train]\nepoch = 3\n')
    ended = here("pipeline", "train", "mine.toml", cwd=tmp_path)
    refused(ended, 2, "mine.toml: unknown key train.epoch", "did you mean train.epochs?")
    without_a_run(tmp_path)


def test_a_wrong_value_is_named_with_what_is_allowed(tmp_path, make_data_set):
    make_data_set(tmp_path / "pictures", {"cat": 4, "dog": 4})
    ended = train(tmp_path, "--set", "train.folds=1")
    message = "pictures: train.folds: expected a number greater than or equal to 2. Received: 1"
    refused(ended, 2, message, "")
    ended = train(tmp_path, "--set", "model.backbone=resnet")
    message = (
        "pictures: model.backbone: expected 'efficientnet_lite0', 'efficientnet_lite1', "
        "'efficientnet_lite2', 'mobilenet_v2' or 'tiny'. "
        'Received: "resnet"'
    )
    refused(ended, 2, message, "")
    without_a_run(tmp_path)


def test_a_file_that_is_not_toml_is_named_with_the_line(tmp_path):
    (tmp_path / "mine.toml").write_text("[data]\npictures = \n")
    ended = here("pipeline", "train", "mine.toml", cwd=tmp_path)
    message = "mine.toml: not TOML: Invalid value (at line 2, column 12)"
    refused(ended, 2, message, "fix the line it names")


def test_another_configuration_under_the_same_name_is_refused_with_the_keys(copy):
    before = verbs.stamps(copy / RUN)
    refused(
        train_copy(copy, "--set", "head.l2=0.5", "--set", "train.epochs=9"),
        2,
        "data/runs/pictures was made with another configuration; it differs in head.l2, train.epochs",
        "use --name NAME for another run, or --overwrite to replace this one",
    )
    assert verbs.stamps(copy / RUN) == before


def test_overwrite_redoes_nothing_that_does_not_depend_on_what_changed(copy):
    before = verbs.stamps(copy / RUN)
    verbs.fine(train_copy(copy, "--set", "gate.max_drop=0.1", "--overwrite"))
    assert runs.Run(copy / RUN).config().gate.max_drop == 0.1
    assert verbs.stamps(copy / RUN) == before


def test_overwrite_replaces_the_configuration_and_redoes_what_depends_on_it(copy):
    before = verbs.stamps(copy / RUN)
    verbs.fine(train_copy(copy, "--set", "head.l2=0.5", "--overwrite"))
    assert runs.Run(copy / RUN).config().head.l2 == 0.5
    after = verbs.stamps(copy / RUN)
    assert after[stages.MODEL] != before[stages.MODEL]
    assert after[stages.SPLIT] == before[stages.SPLIT]


# Weights.


def test_weights_that_cannot_be_had_offline_say_what_else_works(tmp_path, make_data_set):
    make_data_set(tmp_path / "pictures", {"cat": 4, "dog": 4})
    closed = "http://127.0.0.1:9"
    offline = verbs.environment(
        KERAS_HOME=str(tmp_path / "keras"),
        http_proxy=closed,
        https_proxy=closed,
        HTTPS_PROXY=closed,
        HTTP_PROXY=closed,
        no_proxy="",
        NO_PROXY="",
    )
    wanted = ("--set", "model.backbone=mobilenet_v2", "--set", "model.alpha=0.35")
    ended = train(tmp_path, *wanted, env=offline)
    assert ended.returncode == 1
    message, hint = ended.stderr.splitlines()
    assert message.startswith("error: cannot get the imagenet weights of mobilenet_v2 (alpha 0.35): ")
    assert "Connection refused" in message
    assert hint == (
        "hint: use model.weights = imagenet (downloaded once), a .weights.h5 file, or none (untrained); "
        "or model.backbone = efficientnet_lite0, which needs no download"
    )


def test_weights_of_another_shape_are_refused(tmp_path, make_data_set):
    import keras

    make_data_set(tmp_path / "pictures", {"cat": 4, "dog": 4})
    picture = keras.Input((64, 64, 3))
    x = keras.layers.Rescaling(1 / 127.5)(picture)
    for filters in (4, 8, 16):
        x = keras.layers.Conv2D(filters, 3)(x)
    keras.Model(picture, x).save_weights(tmp_path / "other.weights.h5")
    ended = train(tmp_path, "--set", "model.weights=other.weights.h5")
    assert ended.returncode == 1
    message, hint = ended.stderr.splitlines()
    assert message.startswith("error: other.weights.h5 does not hold the weights of tiny with alpha 1: ")
    assert hint.startswith("hint: use model.weights = none")


def test_a_weights_file_that_is_missing_is_named(tmp_path, make_data_set):
    make_data_set(tmp_path / "pictures", {"cat": 4, "dog": 4})
    ended = train(tmp_path, "--set", "model.weights=missing.weights.h5")
    assert ended.returncode == 1
    message, hint = ended.stderr.splitlines()
    assert message == "error: missing.weights.h5: No such file or directory"
    assert hint.startswith("hint: use model.weights = none")


def test_after_a_fault_of_the_weights_the_hint_can_be_followed(tmp_path, make_data_set):
    make_data_set(tmp_path / "pictures", {"cat": 4, "dog": 4})
    assert train(tmp_path, "--set", "model.weights=missing.weights.h5").returncode == 1
    # Nothing was made with these weights, so they bind nobody; others are taken up.
    ended = train(tmp_path, "--set", "model.weights=also_missing.weights.h5")
    assert ended.stderr.startswith("error: also_missing.weights.h5: No such file or directory\n")
