"""Which flavour to ship: int8 unless the gate says no to it, else the best of the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from export.parity import gate
from pipeline.core.sections import DYNAMIC_RANGE, FLOAT16, FLOAT32, INT8, Gate

# Small and fast first; what is further from Keras last.
ORDER = (INT8, FLOAT16, FLOAT32, DYNAMIC_RANGE)


def best(targets: Sequence[Mapping[str, Any]], bounds: Gate) -> Mapping[str, Any] | None:
    """The flavour to ship; None where the gate says no to all of them.

    Of the others, one that passed goes before one of which parity is not shown.

    Args:
        targets: Those of parity.json.
        bounds: The gate that judged them.
    """
    fine = [row for row in targets if not gate.says_no(row["verdict"], bounds)]

    def rank(row: Mapping[str, Any]) -> tuple[bool, bool, int]:
        name = row["model"]
        place = ORDER.index(name) if name in ORDER else len(ORDER)
        return (name != ORDER[0], row["verdict"] != gate.PASSED, place)

    return min(fine, key=rank, default=None)
