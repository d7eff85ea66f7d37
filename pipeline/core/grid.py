"""The combinations of a search, and which keys of a configuration change nothing.

Works on flat keys such as `head.l2`; what the keys are and mean stands in `config`.
"""

from __future__ import annotations

import itertools
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pipeline.core.errors import ConfigError


class Use(NamedTuple):
    """Where alone a key is used: where another key has a value, and what that is called."""

    key: str
    value: str
    name: str


USED_BY = {
    "head.l2": Use("head.kind", "linear", "the linear head"),
    "head.units": Use("head.kind", "dense", "the dense head"),
    "head.dropout": Use("head.kind", "dense", "the dense head"),
    "model.alpha": Use("model.backbone", "mobilenet_v2", "mobilenet_v2"),
}


def unused(leaves: Mapping[str, Any], open_keys: Container[str] = ()) -> list[str]:
    """The keys that change nothing; `leaves` has the value of every key that is not open still."""
    return [key for key, use in USED_BY.items() if use.key not in open_keys and leaves[use.key] != use.value]


def combinations(leaves: Mapping[str, Any], search: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Every combination of the searched values, without the keys that it does not use.

    So no two of them make the same model.

    Args:
        leaves: One value of every key.
        search: The values to try, by key.
    """
    cells: list[dict[str, Any]] = []
    for values in itertools.product(*search.values()):
        cell = dict(zip(search, values, strict=True))
        idle = unused({**leaves, **cell})
        cell = {key: value for key, value in cell.items() if key not in idle}
        if cell not in cells:
            cells.append(cell)
    return cells


def check(search: Iterable[str], cells: Sequence[Mapping[str, Any]], where: str) -> None:
    """Makes sure that every searched key changes something.

    Raises:
        ConfigError: No combination uses a key.
    """
    for key in search:
        if not any(key in cell for cell in cells):
            use = USED_BY[key]
            raise ConfigError(
                f"{where}: a search over {key} changes nothing: only {use.name} uses it",
                f"give {key} no list, or --set {use.key}={use.value}",
            )
