"""Tables of pictures that are on no disk, and where a split puts them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from pipeline.data.dataset import Table
from pipeline.data.pictures import Picture, Pictures
from pipeline.data.splits import Split


def picture(path: str, label: str = "", content: str = "", group: str = "", given_split: str = "") -> Picture:
    sha256 = hashlib.sha256((content or path).encode()).hexdigest()
    return Picture(path, label or path.split("/")[0], group, given_split, sha256, 10, 10)


def table_of(*rows: Picture) -> Table:
    ordered = Pictures(sorted(rows, key=lambda p: p.path))
    return Table(Path("pictures"), tuple(sorted({p.label for p in rows})), ordered, ())


def groups_in(split: Split) -> dict[str, str]:
    """The group of every picture, by path."""
    return {p.path: split.groups.of(p) for part in (split.train, split.held_out) for p in part}


def singles(**counts: int) -> list[Picture]:
    return [picture(f"{label}/{i:04d}.png") for label, count in counts.items() for i in range(count)]


def random_table(seed: int) -> Table:
    """Classes of unequal sizes; some pictures in groups, some groups over several classes, some copies."""
    random = np.random.default_rng(seed)
    rows = []
    for label in "abcd"[: random.integers(2, 5)]:
        for number in range(int(random.integers(25, 120))):
            kind = random.random()
            group = (
                f"{label}{random.integers(12)}"
                if kind < 0.3
                else f"g{random.integers(20)}"
                if kind < 0.4
                else ""
            )
            content = f"copy {label} {random.integers(10)}" if random.random() < 0.1 else ""
            rows.append(picture(f"{label}/{number:04d}.png", content=content, group=group))
    return table_of(*rows)


def sides(split: Split) -> dict[str, str]:
    """Where every picture stands: `held_out`, a fold, or `left out`."""
    return (
        {p.path: f"fold {fold}" for p, fold in zip(split.train, split.folds, strict=True)}
        | {p.path: "held_out" for p in split.held_out}
        | {p.path: "left out" for p in split.split_conflicts}
    )


def given(counts: dict[str, dict[str, int]]) -> list[Picture]:
    return [
        picture(
            f"{side}/{label}/{i:03d}.png", label, given_split={"train": "train", "test": "held_out"}[side]
        )
        for side, labels in counts.items()
        for label, count in labels.items()
        for i in range(count)
    ]
