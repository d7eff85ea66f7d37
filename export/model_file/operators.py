"""Which runtimes support a .tflite, by the versions of its operators.

`oldest_runtimes.txt` names the first TensorFlow Lite release for every version of every operator;
`operator_versions/` has a table for each runtime that an app may contain, with the highest version that it
supports of every operator.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from export.model_file.structure import Part, Structure
from pipeline.tflite import schema

_TABLE = Path(__file__).with_name("oldest_runtimes.txt")


class Claim(Part):
    """The oldest runtime, according to the table.

    Attributes:
        version: The oldest TensorFlow Lite release; null if the table lacks an operator.
        because: The operator that requires it, with its version.
        unknown: Operators that the table lacks.
    """

    version: str | None
    because: str
    unknown: tuple[str, ...]


def claim(structure: Structure) -> Claim:
    """The oldest runtime that supports all operator versions of a file."""
    table = versions()
    known, unknown = [], []
    for operator in structure.operators:
        first = table.get((operator.name, operator.version))
        title = f"{operator.name} version {operator.version}"
        if first:
            known.append((number(first), first, title))
        else:
            unknown.append(title)
    newest = max(known, default=((), "", ""))
    return Claim(
        version=None if unknown or not known else newest[1], because=newest[2], unknown=tuple(sorted(unknown))
    )


def versions() -> dict[tuple[str, int], str]:
    """The first runtime of every operator at every version."""
    table = {}
    for line in _TABLE.read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            name, *entries = line.split()
            for entry in entries:
                version, first = entry.split(":")
                table[name, int(version)] = first
    return table


def number(version: str) -> tuple[int, ...]:
    """A version as integers, so that 1.9 sorts before 1.14."""
    return tuple(int(part) for part in version.split("."))


TABLES = Path(__file__).with_name("operator_versions")


@dataclass(frozen=True)
class Operator:
    """One operator of a model, at its highest version there.

    Attributes:
        name: As in the schema, e.g. `CONV_2D`.
        model: The version that the model needs.
        runtime: The highest version that the runtime supports; 0 for none, None without a table.
    """

    name: str
    model: int
    runtime: int | None

    @property
    def fits(self) -> bool | None:
        """Whether the runtime supports it; None without a table."""
        return None if self.runtime is None else self.model <= self.runtime


def compare(data: bytes, version: str) -> list[Operator]:
    """The operators of a model against those that a runtime supports, by name.

    Args:
        data: The .tflite.
        version: The runtime's version; without a table for it, `Operator.runtime` is None.
    """
    needed: dict[str, int] = {}
    for name, needed_version in schema.operators(data):
        needed[name] = max(needed_version, needed.get(name, 0))
    table = highest_versions(version)
    return [Operator(n, v, None if table is None else table.get(n, 0)) for n, v in sorted(needed.items())]


def highest_versions(version: str) -> dict[str, int] | None:
    """The highest version that a runtime supports of every operator; None without a table."""
    path = TABLES / f"{version}.txt"
    if not version or not path.is_file():
        return None
    lines = path.read_text("utf-8").splitlines()
    rows = (line.split() for line in lines if line.strip() and not line.startswith("#"))
    return {name: int(highest) for name, _, highest in rows}
