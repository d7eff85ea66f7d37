from __future__ import annotations

import keras
import numpy as np
import pytest

from pipeline.core import config as configuration
from pipeline.training import classifier
from pipeline.training.heads import Examples
from pipeline.training.store import Store
from pipeline.training.tuner import Tuner, _schedule

CLASSES, SHAPE = 3, (4, 4, 6)


def config_of(*settings: str):
    return configuration.load(configuration.Path(), ["train.batch_size=8", *settings])


def backbone_of() -> keras.Model:
    """Stem, two blocks with batch-norm, and the pooled outputs of the top and of the cut."""
    keras.utils.set_random_seed(1)
    picture = keras.Input((8, 8, 3))
    x = cut = keras.layers.Conv2D(SHAPE[2], 3, 2, "same", name="cut")(picture)
    for name in ("middle", "last"):
        y = keras.layers.Conv2D(SHAPE[2], 3, 1, "same", name=f"{name}_conv")(x)
        y = keras.layers.ReLU()(keras.layers.BatchNormalization(name=f"{name}_norm")(y))
        x = keras.layers.Add(name=name)([x, y])
    pooled = [keras.layers.GlobalAveragePooling2D()(depth) for depth in (x, cut)]
    return keras.Model(picture, keras.layers.Concatenate()(pooled))


def tuner_of(*settings: str, backbone: keras.Model | None = None) -> Tuner:
    return Tuner(backbone or backbone_of(), "cut", ("last", "middle"), CLASSES, config_of(*settings))


def data_of(count: int = 40, views: int = 2) -> tuple[Store, Examples]:
    """Outputs of the cut in which the class is a blot on one side: flips matter, means do not tell."""
    random = np.random.default_rng(0)
    truth = np.arange(count) % CLASSES
    maps = random.normal(0, 0.3, (count, views, *SHAPE))
    for picture, label in enumerate(truth):
        maps[picture, :, label, :, :2] += 2
        maps[picture, :, :, :, :2] -= 0.5
    records = np.zeros(count, [("sha256", "V32"), ("features", "<f2", (views, int(np.prod(SHAPE))))])
    records["features"] = maps.reshape(count, views, -1)
    rows = np.arange(count)
    store = Store(records, rows, (int(np.prod(SHAPE)),))
    return store, Examples(store, truth, rows % 2, [str(row) for row in rows], CLASSES)


def trained(
    tuner: Tuner, middle: Store, examples: Examples, epochs: int, first: int = 0, of: int = 0
) -> list:
    rows = np.arange(len(examples.truth))
    return [list(tuner.epoch(middle, examples, rows, n, of or epochs)) for n in range(first, epochs)]


@pytest.mark.slow
def test_training_lowers_the_loss_and_learns_what_a_head_alone_cannot():
    middle, examples = data_of(60)
    tuner = tuner_of("augment.flip=false")
    losses = [np.mean([loss for loss, _, _ in steps]) for steps in trained(tuner, middle, examples, 60)]
    assert losses[-1] < losses[0] - 0.25
    right = tuner.logits(middle, np.arange(60)).argmax(1) == examples.truth
    assert right.mean() > 0.9


@pytest.mark.slow
def test_an_interrupted_training_goes_on_as_if_nothing_had_been():
    middle, examples = data_of()
    whole, first, second = tuner_of(), tuner_of(), tuner_of()
    trained(whole, middle, examples, 3)
    trained(first, middle, examples, 1, of=3)
    second.restore(first.state())
    trained(second, middle, examples, 3, first=1)
    for one, other in zip(whole.state(), second.state(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_starting_again_forgets_the_last_training():
    middle, examples = data_of()
    tuner = tuner_of()
    head = {"answer": tuner.head.get_layer("answer").get_weights()}
    tuner.start(head)
    before = tuner.state()
    trained(tuner, middle, examples, 1)
    assert any((one != other).any() for one, other in zip(before, tuner.state(), strict=True))
    tuner.start(head)
    for one, other in zip(before, tuner.state(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_it_starts_from_the_trained_head():
    middle, _ = data_of()
    tuner, random = tuner_of(), np.random.default_rng(3)
    weights = [random.normal(size=array.shape) for array in tuner.head.get_layer("answer").get_weights()]
    tuner.start({"answer": weights})
    rows = np.arange(10)
    above = keras.Model(tuner.backbone.get_layer("cut").output, tuner.backbone.output)
    features = above(middle.take(rows, 0).reshape(10, *SHAPE)).numpy()
    np.testing.assert_allclose(tuner.logits(middle, rows), features @ weights[0] + weights[1], atol=1e-5)


def test_what_lies_below_the_cut_and_the_batch_norms_stay():
    middle, examples = data_of()
    backbone = backbone_of()
    tuner = tuner_of(backbone=backbone)
    fixed = [backbone.get_layer(name) for name in ("cut", "middle_norm", "last_norm")]
    before = [array for layer in fixed for array in layer.get_weights()]
    moving = backbone.get_layer("middle_conv").get_weights()[0]
    trained(tuner, middle, examples, 2)
    for one, other in zip(before, (a for layer in fixed for a in layer.get_weights()), strict=True):
        np.testing.assert_array_equal(one, other)
    assert (backbone.get_layer("middle_conv").get_weights()[0] != moving).any()


def test_deeper_blocks_learn_slower():
    """Adam's first step is the learning rate, whatever the gradient: .9 of it a block."""
    middle, examples = data_of(8)
    backbone = backbone_of()
    tuner = tuner_of("augment.flip=false", backbone=backbone)
    layers = [
        tuner.head.get_layer("answer"),
        backbone.get_layer("last_conv"),
        backbone.get_layer("middle_conv"),
    ]
    before = [layer.get_weights()[0] for layer in layers]
    tuner.start({"answer": [np.random.default_rng(0).normal(size=w.shape) for w in layers[0].get_weights()]})
    before[0] = layers[0].get_weights()[0]
    trained(tuner, middle, examples, 1, of=3)
    steps = [np.median(abs(layer.get_weights()[0] - old)) for layer, old in zip(layers, before, strict=True)]
    np.testing.assert_allclose(np.array(steps) / steps[0], [1, 0.9, 0.81], rtol=0.02)


def test_the_average_is_what_answers():
    middle, examples = data_of()
    tuner = tuner_of()
    trained(tuner, middle, examples, 2)
    rows, raw = np.arange(20), [variable.numpy() for variable in tuner.trained]
    answered = tuner.logits(middle, rows)
    for variable, value in zip(tuner.trained, raw, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
    tuner.use_averages()
    model = classifier.assemble(tuner.backbone, tuner.head, config_of().head, 0.0, 1.0, 1.0)
    above = keras.Model(tuner.backbone.get_layer("cut").output, model.output)
    probabilities = above(middle.take(rows, 0).reshape(20, *SHAPE)).numpy()
    np.testing.assert_allclose(keras.ops.softmax(answered).numpy(), probabilities, atol=1e-5)


@pytest.mark.slow
def test_flips_are_of_the_width():
    """Without flips a class that only its side tells is learnt; with them it is not."""
    middle, examples = data_of(60, views=1)
    maps = np.random.default_rng(0).normal(0, 0.1, (60, *SHAPE))
    for picture, label in enumerate(examples.truth):
        maps[picture, :, label, 0] += 3
    middle.records["features"] = maps.reshape(60, 1, -1)
    examples.truth[:] = np.where(examples.truth == 2, 0, examples.truth)
    losses = {}
    for flip in ("true", "false"):
        tuner = tuner_of(f"augment.flip={flip}")
        losses[flip] = np.mean([loss for loss, _, _ in trained(tuner, middle, examples, 40)[-1]])
    assert losses["false"] < losses["true"]


@pytest.mark.parametrize(("step", "share"), [(0, 0.25), (3, 1.0), (4, 1.0), (8, 0.5), (12, 0.0)])
def test_the_learning_rate_warms_up_and_then_follows_a_cosine(step, share):
    assert _schedule(step, 4, 12) == pytest.approx(share)
