"""Which flavour to ship: int8 unless it fails the gate, else the best of the others."""

from __future__ import annotations

from collections.abc import Sequence

from export.parity import gate
from export.parity.result import FlavourTarget, Verdict
from pipeline.core.sections import DYNAMIC_RANGE, FLOAT16, FLOAT32, INT8, Gate

# Small and fast ones first.
ORDER = (INT8, FLOAT16, FLOAT32, DYNAMIC_RANGE)


def best(targets: Sequence[FlavourTarget], bounds: Gate) -> FlavourTarget | None:
    """The flavour to ship; None if the gate refuses all of them.

    Of the others, one that passed goes before one whose parity is not shown.

    Args:
        targets: Those of parity.json.
        bounds: The gate that judged them.
    """

    def rank(row: FlavourTarget) -> tuple[bool, bool, int]:
        place = ORDER.index(row.model) if row.model in ORDER else len(ORDER)
        return (row.model != ORDER[0], row.verdict != Verdict.PASSED, place)

    return min((row for row in targets if not gate.refuses(row.verdict, bounds)), key=rank, default=None)
