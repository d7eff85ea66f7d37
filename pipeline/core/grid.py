"""The combinations of a search, and the configuration keys that have no effect.

Works on flat keys such as `head.l2`; `sections` defines them.
"""

from __future__ import annotations

import itertools
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pipeline.core.errors import ConfigError


class Use(NamedTuple):
    """The one value of another key for which a key has an effect, and the value's name in messages."""

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
    """The keys that have no effect; `leaves` has the value of every key that is not in `open_keys`."""
    return [key for key, use in USED_BY.items() if use.key not in open_keys and leaves[use.key] != use.value]


def combinations(leaves: Mapping[str, Any], search: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Every combination of the searched values, each without the keys it does not use.

    So no two of them give the same model.

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
    """Checks that every searched key has an effect.

    Raises:
        ConfigError: No combination uses a key.
    """
    for key in search:
        if not any(key in cell for cell in cells):
            use = USED_BY[key]
            raise ConfigError(
                f"{where}: searching {key} has no effect: only {use.name} uses it",
                f"give {key} a single value, or --set {use.key}={use.value}",
            )
