"""Small classifiers with uneven channels and batch-norm as after training, in every form a run may have."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

SIDE = 32
HEADS = ("linear", "dense", "concatenated", "summed")
_layers = keras.layers


def build(head: str = "linear", *, padded: bool = False, plain: bool = False, seed: int = 0) -> keras.Model:
    """A residual network on 32×32 pictures with 4 classes.

    Args:
        head: One of `HEADS`; the last two read two depths.
        padded: Whether strides come after `ZeroPadding2D`, as in MobileNetV2.
        plain: Without depthwise convolutions and ReLU6.
        seed: Of the weights.
    """
    keras.utils.set_random_seed(seed)
    picture = keras.Input((SIDE, SIDE, 3), name="picture")
    x: Any = _layers.Rescaling(1 / 127.5, offset=-1.0, name="scaling")(picture)
    x = _normalized(_layers.Conv2D(12, 3, 2, "same", use_bias=False, name="stem"), x, relu=True)
    if plain:
        x = _layers.Conv2D(16, 3, 2, activation="relu", name="plain1")(x)
        x = middle = _layers.Conv2D(16, 3, activation="relu", name="plain2")(x)
    else:
        x = middle = _block(x, "block0", stride=1, padded=padded)
        x = _block(_block(x, "block1", stride=2, padded=padded), "block2", stride=1, padded=padded)
    x = _normalized(_layers.Conv2D(40, 1, use_bias=False, name="top"), x, relu=True)
    model = keras.Model(picture, _head(head, middle, x))
    random = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, _layers.BatchNormalization):
            n = layer.output.shape[-1]
            gamma, beta = random.lognormal(0, 0.7, n), random.normal(0, 0.3, n)
            layer.set_weights([gamma, beta, random.normal(0, 0.3, n), random.lognormal(-0.5, 0.5, n)])
    return model


def pictures(n: int, seed: int = 1) -> np.ndarray:
    """A black and a white frame, then smooth random ones; uint8, shape (n, 32, 32, 3)."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (n, 4, 4, 3)).repeat(8, 1).repeat(8, 2)
    drawn = np.clip(coarse + random.normal(0, 25, coarse.shape), 0, 255).astype(np.uint8)
    drawn[0], drawn[1] = 0, 255
    return drawn


def _block(x: Any, name: str, *, stride: int, padded: bool) -> Any:
    before, channels = x, x.shape[-1]
    x = _normalized(_layers.Conv2D(3 * channels, 1, use_bias=False, name=f"{name}_expand"), x, relu=True)
    padding = "same"
    if padded and stride == 2:
        x, padding = _layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"{name}_pad")(x), "valid"
    depthwise = _layers.DepthwiseConv2D(3, stride, padding, use_bias=False, name=f"{name}_depthwise")
    x = _normalized(depthwise, x, relu=True)
    x = _normalized(_layers.Conv2D(12, 1, use_bias=False, name=f"{name}_project"), x, relu=False)
    return _layers.Add(name=f"{name}_add")([before, x]) if stride == 1 and name != "block0" else x


def _normalized(layer: Any, x: Any, *, relu: bool) -> Any:
    x = _layers.BatchNormalization(name=f"{layer.name}_norm")(layer(x))
    return _layers.ReLU(6.0, name=f"{layer.name}_relu")(x) if relu else x


def _head(head: str, middle: Any, top: Any) -> Any:
    depths = [
        _layers.GlobalAveragePooling2D(name=f"pooled{n}")(tensor) for n, tensor in enumerate((middle, top))
    ]
    if head == "concatenated":
        joined = _layers.Concatenate(name="joined")(depths)
        return _layers.Dense(4, "softmax", name="answer")(joined)
    if head == "summed":
        parts = [_layers.Dense(4, use_bias=not n, name=f"answer{n}")(depth) for n, depth in enumerate(depths)]
        return _layers.Softmax(name="answer")(_layers.Add(name="sum")(parts))
    x = depths[1]
    if head == "dense":
        x = _layers.Dropout(0.3)(x)
        x = _layers.Dropout(0.3)(_layers.Dense(20, "relu", name="hidden")(x))
    return _layers.Dense(4, "softmax", name="answer")(x)
