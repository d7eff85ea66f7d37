"""The contract between Python and the phone: its format, version 2. Version 1 is still read.

`contract.schema.json` defines the same format for other languages. `bundle` makes contracts and checks that
the files of a bundle agree; `verify` replays the golden vectors.
"""

from __future__ import annotations

import base64
import json
import platform
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError

from pipeline.core import documents
from pipeline.core.documents import DocumentError
from pipeline.core.errors import BundleError
from pipeline.core.sections import Flavour
from pipeline.core.size import Size
from pipeline.tflite import interpreter as litert

VERSION = 2
EXPORT_AGAIN = "recreate the bundle: python -m export tflite"

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Side = Annotated[int, Field(ge=1, le=100_000)]
# How the names of ARM's processors begin, and of those with 64 bits.
_ARM, _ARM64 = ("arm", "aarch64"), ("arm64", "aarch64")
# The type of an error whose message is complete.
_WHOLE = "whole"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Model(_Part):
    """The file that the contract is for."""

    file: Annotated[str, Field(pattern=r"^[^/\\]+\.tflite$")]
    sha256: Sha256
    size_bytes: Annotated[int, Field(ge=1)]


class _Border(_Part):
    """How numbers enter or leave the model: real = scale * (byte - zero_point)."""

    dtype: Literal["uint8", "float32"]
    scale: Annotated[float, Field(gt=0)] | None
    zero_point: Annotated[int, Field(ge=0, le=255)] | None

    @model_validator(mode="after")
    def _quantized(self) -> Self:
        if (self.scale is None or self.zero_point is None) == (self.dtype == "uint8"):
            raise ValueError("scale and zero_point for uint8, null for float32")
        return self


class Input(_Border):
    """The frame, and how a picture is fitted into it. `content_aspect` is width / height."""

    width: Annotated[int, Field(ge=1, le=4096)]
    height: Annotated[int, Field(ge=1, le=4096)]
    colour_order: Literal["RGB"]
    value_range: tuple[Literal[0], Literal[255]]
    letterbox: Literal["bilinear-antialiased-centred-black"]
    content_aspect: Annotated[float, Field(ge=0.01, le=100)]

    @property
    def frame(self) -> Size:
        return Size(self.width, self.height)


class _Camera(_Part):
    """How a camera frame becomes RGB; `camera` holds the arithmetic."""

    yuv: Literal["bt601-full-range"]
    chroma_upsampling: Literal["nearest"]


class Output(_Border):
    """The model's output, one number per label."""

    meaning: Literal["probabilities"]

    def probabilities(self, raw: bytes) -> np.ndarray:
        """The bytes of an output tensor as float64, shape (labels,)."""
        if self.scale is None or self.zero_point is None:
            return np.frombuffer(raw, "<f4").astype(np.float64)
        return (np.frombuffer(raw, np.uint8).astype(np.float64) - self.zero_point) * self.scale


class Vector(_Part):
    """A picture, the hash of its letterboxed frame, and the model's outputs.

    Attributes:
        rgb: Base64 of raw RGB rows, 3 * width * height bytes.
        prepared_sha256: Of the frame's bytes.
        output: Base64 of the exact bytes of the built-in kernels' output tensor, little-endian.
        output_xnnpack: The same for XNNPACK on x86; None in version 1.
        output_xnnpack_arm64: The same for XNNPACK on 64-bit ARM, whose softmax rounds on its own; None where
            equality cannot be demanded of it: in float outputs, and in files that do not end in a softmax.
    """

    name: str
    width: Side
    height: Side
    rgb: str
    prepared_sha256: Sha256
    output: str
    output_xnnpack: str | None = None
    output_xnnpack_arm64: str | None = None

    @field_validator("rgb", "output", "output_xnnpack", "output_xnnpack_arm64")
    @classmethod
    def _base64(cls, value: str | None) -> str | None:
        base64.b64decode(value or "", validate=True)
        return value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        actual, needed = len(base64.b64decode(self.rgb)), 3 * self.width * self.height
        if actual != needed:
            raise ValueError(f"{needed} bytes of RGB for {self.width}x{self.height}, not {actual}")
        return self

    @property
    def picture(self) -> np.ndarray:
        """RGB, uint8, shape (height, width, 3)."""
        raw = np.frombuffer(base64.b64decode(self.rgb), np.uint8)
        return raw.reshape(self.height, self.width, 3)

    def answer(self, kernels: str, processor: str = "") -> bytes:
        """The output bytes to compare these kernels with; version 1 has the built-in kernels' only.

        Args:
            kernels: `XNNPACK` or `built-in`.
            processor: As for `Contract.allowed`.
        """
        xnnpack = self.output_xnnpack_arm64 if is_arm64(processor) else None
        xnnpack = self.output_xnnpack if xnnpack is None else xnnpack
        if kernels == litert.XNNPACK and xnnpack is not None:
            return base64.b64decode(xnnpack)
        return base64.b64decode(self.output)


class Golden(_Part):
    """Golden vectors, and what computed their outputs."""

    runtime: str
    kernels: Literal["built-in"]
    num_threads: Literal[1]
    vectors: Annotated[tuple[Vector, ...], Field(min_length=1)]


class Contract(_Part):
    """Everything an app must know about a model, and the vectors that prove it.

    Attributes:
        labels: In output order; of two equal probabilities, the lower index wins.
        threshold: A probability; if the top one is below it, the answer is "don't know".
        tolerance: In probability, where equality cannot be demanded.
    """

    contract_version: Literal[1, 2]
    flavour: Flavour
    model: Model
    input: Input
    camera: _Camera
    output: Output
    labels: Annotated[tuple[Annotated[str, Field(pattern=r"^[^\r\n]+$")], ...], Field(min_length=2)]
    threshold: Annotated[float, Field(ge=0, le=1)]
    tolerance: Annotated[float, Field(gt=0, le=1)]
    golden: Golden

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if len(set(self.labels)) < len(self.labels):
            raise ValueError("distinct labels")
        needed = len(self.labels) * (1 if self.output.dtype == "uint8" else 4)
        for number, vector in enumerate(self.golden.vectors):
            key = f"golden.vectors.{number}.output_xnnpack"
            if self.weaker and vector.output_xnnpack is not None:
                raise PydanticCustomError(_WHOLE, "unknown key {key}", {"key": key})
            if not self.weaker and vector.output_xnnpack is None:
                raise PydanticCustomError(_WHOLE, "{key} is missing", {"key": key})
            if self.weaker and vector.output_xnnpack_arm64 is not None:
                raise PydanticCustomError(_WHOLE, "unknown key {key}", {"key": f"{key}_arm64"})
            if (vector.output_xnnpack_arm64 is None) == self.holds_arm64:
                raise ValueError("output_xnnpack_arm64 in every golden vector or in none")
            for output in (vector.output, vector.output_xnnpack, vector.output_xnnpack_arm64):
                actual = needed if output is None else len(base64.b64decode(output))
                if actual != needed:
                    raise ValueError(
                        f"{needed} bytes of output for {len(self.labels)} labels in golden vector "
                        f"{vector.name}, not {actual}"
                    )
        return self

    @property
    def weaker(self) -> bool:
        """Whether it is of version 1, which cannot hold XNNPACK to equal bytes."""
        return self.contract_version < VERSION

    @property
    def holds_arm64(self) -> bool:
        """Whether it has XNNPACK's bytes on 64-bit ARM beside those on x86."""
        return self.golden.vectors[0].output_xnnpack_arm64 is not None

    def allowed(self, kernels: str, processor: str = "") -> float:
        """The largest difference from the golden outputs, in probability; 0 demands equal bytes.

        Up to the softmax, XNNPACK gives the same int8 bytes on x86 and ARM. The softmax is LiteRT's own and
        rounds differently on 64-bit ARM (`softmax`): there, one step is allowed if the contract does not hold
        ARM's bytes, and on 32-bit ARM, where nothing was measured. Built-in kernels differ by more, and float
        outputs are rounded differently. Version 1 demands equality of the built-in kernels, which made its
        outputs.

        Args:
            kernels: `XNNPACK` or `built-in`.
            processor: Where they run, such as `x86_64`, `aarch64` or `arm64-v8a`; default: here.
        """
        equal = litert.BUILT_IN if self.weaker else litert.XNNPACK
        if self.output.scale is None or kernels != equal:
            return self.tolerance
        processor = processor or platform.machine()
        if not processor.startswith(_ARM) or (self.holds_arm64 and is_arm64(processor)):
            return 0.0
        return self.tolerance if self.weaker else self.output.scale


def is_arm64(processor: str = "") -> bool:
    """Whether a processor, such as `aarch64` or `arm64-v8a`, is ARM with 64 bits; default: the one here."""
    return (processor or platform.machine()).startswith(_ARM64)


def parse(text: str, where: str) -> Contract:
    """The contract in a JSON text.

    Args:
        text: JSON.
        where: The file's name, for messages.

    Raises:
        BundleError: It is damaged, newer than this program, or a key is missing, unknown or wrong.
    """
    try:
        record = documents.json_of(text)
    except DocumentError as error:
        raise BundleError(f"{where} is damaged: {error}", EXPORT_AGAIN) from error
    version = record.get("contract_version") if isinstance(record, dict) else None
    if isinstance(version, int) and version > VERSION:
        raise BundleError(
            f"{where} has contract version {version}; this program reads versions up to {VERSION}",
            "use the version of Vignette that made the bundle, or a newer one",
        )
    try:
        return Contract.model_validate_json(text)
    except ValidationError as error:
        raise BundleError(f"{where} is not a valid contract: {explain(error)}", EXPORT_AGAIN) from error


def as_json(contract: Contract) -> dict[str, Any]:
    """The contract as JSON values, in the format of `contract.schema.json`."""
    return contract.model_dump(mode="json", exclude_unset=True)  # no output_xnnpack in version 1


def explain(error: ValidationError) -> str:
    """What is wrong with a contract: for each key, what was expected and what was received."""
    return "; ".join(_explain(problem) for problem in error.errors())


def _explain(problem: Any) -> str:
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"unknown key {key}"
    if problem["type"] == "missing":
        return f"{key} is missing"
    if problem["type"] == _WHOLE:
        return str(problem["msg"])
    if problem["type"] == "value_error":
        return f"{key}{': ' if key else ''}expected {problem['ctx']['error']}"
    expected = problem["msg"].removeprefix("Input should be ")
    received = json.dumps(problem["input"], ensure_ascii=False, default=str)
    received = received if len(received) <= 60 else received[:60] + "…"
    return f"{key or 'the contract'}: expected {expected}. Received: {received}"
