"""The one reader of LiteRT's schema: operators and constants of a .tflite."""

from __future__ import annotations

from collections import Counter
from typing import Any


def read_schema(data: bytes) -> Any:
    """The file as an object tree of the LiteRT schema (a `ModelT`)."""
    from ai_edge_litert import schema_py_generated as schema

    return schema.ModelT.InitFromPackedBuf(data, 0)


def operators(data: bytes) -> list[tuple[str, int]]:
    """The name and version of every operator that a .tflite uses, in order."""
    from ai_edge_litert import schema_py_generated as schema

    names = {
        number: name for name, number in vars(schema.BuiltinOperator).items() if not name.startswith("_")
    }
    model = read_schema(data)
    found = []
    for graph in model.subgraphs:
        for operator in graph.operators:
            code = model.operatorCodes[operator.opcodeIndex]
            number = max(code.builtinCode, code.deprecatedBuiltinCode)
            found.append((names.get(number, str(number)), code.version))
    return found


def constant_bytes(data: bytes) -> Counter[str]:
    """How many bytes of constants, weights above all, a .tflite holds in each type."""
    from ai_edge_litert import schema_py_generated as schema

    names = {number: name for name, number in vars(schema.TensorType).items() if not name.startswith("_")}
    model = read_schema(data)
    held: Counter[str] = Counter()
    for tensor in (tensor for graph in model.subgraphs for tensor in graph.tensors):
        content = model.buffers[tensor.buffer].data
        held[names[tensor.type]] += 0 if content is None else len(content)
    return held
