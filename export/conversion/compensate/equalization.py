"""Brings the channels of a tensor to one range, because int8 gives them one scale.

Channels that are added to each other, padded or averaged share their factors. What writes them is divided by
the factors, what reads them multiplied, so the float model computes the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import keras
import numpy as np

from export.conversion.compensate.graph import Operation, Weights

# A channel that is almost always 0 is not blown up further.
_LOWEST = 1e-3
_CARRIERS = (keras.layers.Add, keras.layers.GlobalAveragePooling2D, keras.layers.ZeroPadding2D)


def equalize(
    graph: Mapping[str, Operation], largest: Mapping[str, np.ndarray]
) -> tuple[dict[str, Operation], dict[str, np.ndarray]]:
    """The graph with equal ranges inside every stream that can be scaled exactly.

    Args:
        graph: As `graph.read` gives it.
        largest: The largest absolute value of every tensor's channels, shape (channels,).

    Returns:
        The new graph, and what each scaled tensor was divided by, shape (channels,).
    """
    factors: dict[str, np.ndarray] = {}
    for stream in _streams(graph):
        if all(_scalable(graph, name) for name in stream):
            ranges = np.max([largest[name] for name in stream], axis=0).astype(np.float64)
            if ranges.max() > 0:
                shares = np.maximum(ranges / ranges.max(), _LOWEST)
                for name in stream:
                    factors[name] = shares
    return {name: _scaled(graph, each, factors, largest) for name, each in graph.items()}, factors


def _streams(graph: Mapping[str, Operation]) -> list[set[str]]:
    """The tensors, gathered in sets that must share their factors."""
    stream_of = {name: {name} for name in graph}
    for name, each in graph.items():
        if type(each.layer) in _CARRIERS:
            for source in each.inputs:
                if stream_of[source] is not stream_of[name]:
                    stream_of[name] |= stream_of[source]
                    stream_of |= dict.fromkeys(stream_of[source], stream_of[name])
    distinct = {id(stream): stream for stream in stream_of.values()}
    return list(distinct.values())


def _scalable(graph: Mapping[str, Operation], name: str) -> bool:
    """Whether what writes a tensor can be divided, and all that reads it multiplied."""

    def has_kernels(readers: list[Operation]) -> bool:
        return bool(readers) and all(each.weights for each in readers)

    def takes(each: Operation) -> bool:
        joined = type(each.layer) is keras.layers.Concatenate and has_kernels(_readers(graph, each.name))
        return bool(each.weights) or type(each.layer) in _CARRIERS or joined

    readers = _readers(graph, name)
    written = graph[name].scales or type(graph[name].layer) in _CARRIERS
    return written and bool(readers) and all(map(takes, readers))


def _readers(graph: Mapping[str, Operation], name: str) -> list[Operation]:
    return [each for each in graph.values() if name in each.inputs]


def _scaled(
    graph: Mapping[str, Operation],
    each: Operation,
    factors: Mapping[str, np.ndarray],
    largest: Mapping[str, np.ndarray],
) -> Operation:
    if not each.weights:
        return each
    (source,) = each.inputs
    joined = type(graph[source].layer) is keras.layers.Concatenate
    parts = graph[source].inputs if joined else (source,)
    read = np.concatenate([factors.get(part, np.ones(len(largest[part]))) for part in parts])
    written = factors.get(each.name, np.ones(len(each.weights.bias)))
    kernel = each.weights.kernel * read[:, None] / (written[:, None] if each.depthwise else written)
    return replace(each, weights=Weights(kernel, each.weights.bias / written))
