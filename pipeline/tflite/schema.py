"""The one reader and writer of LiteRT's schema: operators and constants of a .tflite."""

from __future__ import annotations

from collections import Counter
from typing import Any

IDENTIFIER = b"TFL3"
# Operators of a file that reads its weights from outside instead of containing them.
VARIABLES = ("VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "CALL_ONCE")


def generated() -> Any:
    """The module of the schema's classes; imported only when a file is read or written."""
    from ai_edge_litert import schema_py_generated

    return schema_py_generated


def read_schema(data: bytes) -> Any:
    """The file as an object tree of the LiteRT schema (a `ModelT`)."""
    return generated().ModelT.InitFromPackedBuf(data, 0)


def packed(model: Any, size: int) -> bytes:
    """The file of an object tree; the same tree gives the same bytes.

    Args:
        model: As `read_schema` returns it.
        size: About how many bytes it takes.
    """
    import flatbuffers

    class Builder(flatbuffers.Builder):
        """Aligns constants to 16 bytes, as the schema requires; generated Python does not."""

        def StartVector(self, elemSize: int, numElems: int, alignment: int) -> Any:  # noqa: N802, N803
            return super().StartVector(elemSize, numElems, 16 if elemSize == 1 else alignment)

    builder = Builder(size)
    builder.Finish(model.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())


def names(enumeration: str) -> dict[int, str]:
    """The names of an enumeration such as `TensorType`, by number."""
    values = vars(getattr(generated(), enumeration)).items()
    return {number: name for name, number in values if not name.startswith("_")}


def operator_name(code: Any) -> str:
    """The name in the schema for an entry of a model's `operatorCodes`, e.g. `CONV_2D`."""
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    return names("BuiltinOperator").get(number, f"operator {number}")


def operators(data: bytes) -> list[tuple[str, int]]:
    """The name and version of every operator that a .tflite uses, in order."""
    model = read_schema(data)
    codes = [(operator_name(code), code.version) for code in model.operatorCodes]
    return [codes[operator.opcodeIndex] for graph in model.subgraphs for operator in graph.operators]


def constant_bytes(data: bytes) -> Counter[str]:
    """How many bytes of constants, weights above all, a .tflite holds in each type."""
    kinds = names("TensorType")
    model = read_schema(data)
    held: Counter[str] = Counter()
    for tensor in (tensor for graph in model.subgraphs for tensor in graph.tensors):
        content = model.buffers[tensor.buffer].data
        held[kinds[tensor.type]] += 0 if content is None else len(content)
    return held


def joined_widths(data: bytes) -> tuple[int, ...]:
    """The lengths of the vectors that a .tflite's last concatenation joins; empty without one."""
    model = read_schema(data)
    widths: tuple[int, ...] = ()
    for graph in model.subgraphs:
        for operator in graph.operators:
            if operator_name(model.operatorCodes[operator.opcodeIndex]) == "CONCATENATION":
                widths = tuple(int(graph.tensors[at].shape[-1]) for at in operator.inputs)
    return widths
