"""The held-out set and the folds: made once, written down, and only ever added to.

Groups stay whole. Pictures with the same bytes are a group, and so are those that the table
puts into one, or the audit because they are copies of each other. Old pictures never move.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline import runs
from pipeline.config import Config
from pipeline.dataset import Picture, Table
from pipeline.errors import DataError, RunError
from pipeline.runs import Run

TRAIN, HELD_OUT = "train", "held_out"
_STAGE = "split"
# What puts a damaged split back: it holds more than could be drawn again.
_COPY = "recipes/split.csv"
_MOST_FOLDS = 20  # that a configuration may ask for


@dataclass(frozen=True)
class Split:
    """Who is where.

    Attributes:
        train: Training pictures, in the table's order.
        folds: The fold of each, from 0.
        held_out: Pictures that no choice may look at.
        groups: The group of every picture, by path.
        straddling: Pictures left out because their group stands on both sides.
    """

    train: tuple[Picture, ...]
    folds: tuple[int, ...]
    held_out: tuple[Picture, ...]
    groups: Mapping[str, str]
    straddling: tuple[Picture, ...] = ()

    @property
    def shared_groups(self) -> int:
        """How many groups stand on both sides; none unless the data set was given so."""
        sides = ({self.groups[p.path] for p in part} for part in (self.train, self.held_out))
        return len(set.intersection(*sides))

    @property
    def leaked(self) -> tuple[Picture, ...]:
        """The held-out pictures whose group stands in training, too."""
        trained = {self.groups[p.path] for p in self.train}
        return tuple(p for p in self.held_out if self.groups[p.path] in trained)

    @property
    def given_otherwise(self) -> tuple[Picture, ...]:
        """The pictures that stand elsewhere than the data set gives them now: old ones never move."""
        sides = ((TRAIN, self.train), (HELD_OUT, self.held_out))
        return tuple(p for side, part in sides for p in part if p.given not in ("", side))

    @property
    def train_key(self) -> str:
        """A hash of all that training sees."""
        rows = zip(self.train, self.folds, strict=True)
        return runs.key_of([[p.path, p.label, p.sha256, self.groups[p.path], fold] for p, fold in rows])

    @property
    def held_out_key(self) -> str:
        """A hash of all that the evaluation sees."""
        return runs.key_of([[p.path, p.label, p.sha256, self.groups[p.path]] for p in self.held_out])


def make(run: Run, table: Table, config: Config) -> Split:
    """The split of a run: as written down, with new pictures added to it, or drawn now.

    Raises:
        DataError: A class would miss on one side; or the split was deleted and pictures were
            changed since it was drawn, so that held-out results would no longer compare.
    """
    recipe = runs.Recipe(
        _STAGE,
        1,
        {},
        {"held_out": config.data.held_out, "folds": config.train.folds, "seed": config.seed},
    )
    entry = run.recorded(_STAGE)
    written = run.path(runs.SPLIT).is_file()
    # Without the note about it, a split that is there is still the split.
    same_rules = entry.get("key") == recipe.key or (written and not entry)
    if same_rules and not written and entry.get("pictures") != table.key:
        raise DataError(
            f"{run.path(runs.SPLIT)} is gone, and pictures were added, changed or removed since it was "
            "drawn: a new split would not compare with the results so far",
            "put the file back, or use --resplit to make another run",
        )
    before = _Before(_rows(run) if same_rules and written else [])
    places = _assign(table, config, before)
    split = _collect(table, places)
    _check(table, split, config)
    text = _to_csv(table, places, before)
    kept = [runs.SPLIT, _COPY]
    if not same_rules or not run.done(recipe, kept) or run.path(runs.SPLIT).read_bytes() != text.encode():
        run.forget(_STAGE)
        for name in kept:
            runs.write_text(run.path(name), text)
        drawn_now = not before.rows or (not entry and _drawn_from(table, config) == text)
        run.record(recipe, kept, pictures=table.key if drawn_now else entry.get("pictures", ""))
    return split


def restore(run: Run) -> bool:
    """Puts a split that is damaged back from its copy; says whether it did.

    Raises:
        RunError: Both are damaged.
        StorageError: It could not be written.
    """
    altered = run.altered(_STAGE)
    if runs.SPLIT not in altered:
        return False
    copy = run.path(_COPY)
    if _COPY in altered or not copy.is_file():
        raise RunError(
            f"{run.path(runs.SPLIT)} is damaged, and its copy {copy} {'too' if altered[1:] else 'is gone'}",
            "put the file back, or use --resplit to make another run",
        )
    runs.write_bytes(run.path(runs.SPLIT), copy.read_bytes())
    return True


def _rows(run: Run) -> list[dict[str, str]]:
    """The rows of the split as written down, in the form in which they were.

    Raises:
        RunError: It is missing or damaged.
    """
    rows = run.read_csv(runs.SPLIT)
    folds = {"": ("",), HELD_OUT: ("",), TRAIN: tuple(map(str, range(_MOST_FOLDS)))}
    for number, row in enumerate(rows, 2):
        if row["fold"] not in folds.get(row["side"], ()):
            raise RunError(
                f"{run.path(runs.SPLIT)}, line {number}: expected train with a fold, held_out or nothing. "
                f"Received: {row['side']},{row['fold']}",
                "put the file back, or use --resplit to make another run",
            )
    return rows


def _drawn_from(table: Table, config: Config) -> str:
    """The split as drawn from these pictures alone: where it is the one written down, the note about
    it was lost between the two, by a signal or a full disk."""
    nothing = _Before([])
    return _to_csv(table, _assign(table, config, nothing), nothing)


def load(run: Run, table: Table) -> Split:
    """The split as written down, without drawing anything.

    Raises:
        RunError: There is none.
        DataError: The table holds pictures that it does not name.
    """
    before = _Before(_rows(run))
    places = {p.path: place for p in table.pictures if (place := before.place(p))}
    return _collect(table, places)


@dataclass(frozen=True)
class Place:
    """Where a picture stands. `side` is empty for one that is left out; `fold` is -1 outside training."""

    side: str = ""
    fold: int = -1


def _assign(table: Table, config: Config, before: _Before) -> dict[str, Place]:
    groups = _groups(table)
    fixed = {p.path: before.place(p) or Place(p.given) for p in table.pictures}
    members: dict[str, list[Picture]] = defaultdict(list)
    for picture in table.pictures:
        members[groups[picture.path]].append(picture)

    # Sides: a group follows those of its members that have one. Where these disagree, they keep
    # theirs and the others are left out.
    sides = {group: {fixed[p.path].side for p in rows} - {""} for group, rows in members.items()}
    counts = {group: Counter(p.label for p in rows) for group, rows in members.items()}
    settled = {group: next(iter(found)) for group, found in sides.items() if len(found) == 1}
    free = {group: counts[group] for group, found in sides.items() if not found}
    shares = {TRAIN: 1 - config.data.held_out, HELD_OUT: config.data.held_out}
    settled |= share_out(free, shares, _totals(counts, settled), config.seed)
    side = {p.path: settled.get(groups[p.path], fixed[p.path].side) for p in table.pictures}

    # Folds: the same, among the training members of each group.
    training = [p for p in table.pictures if side[p.path] == TRAIN]
    counts = defaultdict(Counter)
    known: dict[str, str] = {}
    for picture in training:
        counts[groups[picture.path]][picture.label] += 1
        if fixed[picture.path].fold >= 0:
            known[groups[picture.path]] = str(fixed[picture.path].fold)
    free = {group: counted for group, counted in counts.items() if group not in known}
    shares = {str(fold): 1 / config.train.folds for fold in range(config.train.folds)}
    known |= share_out(free, shares, _totals(counts, known), config.seed)
    folds = {
        p.path: fixed[p.path].fold if fixed[p.path].fold >= 0 else int(known[groups[p.path]])
        for p in training
    }
    return {p.path: Place(side[p.path], folds.get(p.path, -1)) for p in table.pictures}


def share_out(
    groups: Mapping[str, Counter[str]],
    shares: Mapping[str, float],
    taken: Mapping[str, Counter[str]],
    seed: int,
) -> dict[str, str]:
    """Deals whole groups to parts so that every part gets its share of every class.

    The largest groups are dealt first, each to the part that lacks its classes most; equal
    ones in an order drawn from the seed and the group's name, so that adding a group does not
    reshuffle the others.

    Args:
        groups: The classes in each group, counted.
        shares: The share of the whole that each part is to have.
        taken: What the parts already have.
        seed: Any whole number.

    Returns:
        The part of each group.
    """
    wanted: dict[str, Counter[str]] = {part: Counter() for part in shares}
    total: Counter[str] = Counter()
    for counts in (*groups.values(), *taken.values()):
        total.update(counts)
    lacking = {
        part: {
            label: max(1.0, share * n) - taken.get(part, wanted[part])[label] for label, n in total.items()
        }
        for part, share in shares.items()
    }
    order = sorted(groups, key=lambda name: (-groups[name].total(), _hash(seed, name)))
    dealt: dict[str, str] = {}
    for name in order:
        counts = groups[name]

        def need(part: str, counts: Counter[str] = counts) -> tuple[float, float]:
            row = lacking[part]
            # In shares of each class, so that a rare class weighs as much as a common one.
            # Rounded, so that the order of the classes does not matter.
            own = sum(n * row[label] / total[label] for label, n in counts.items())
            return round(own, 9), round(sum(row.values()), 9)

        part = max(shares, key=need)
        dealt[name] = part
        for label, n in counts.items():
            lacking[part][label] -= n
    return dealt


def _groups(table: Table) -> dict[str, str]:
    """Joins equal bytes, copies and given groups; a group is named by one of its members."""
    leader: dict[str, str] = {}

    def root(name: str) -> str:
        while leader.setdefault(name, name) != name:
            leader[name] = leader[leader[name]]
            name = leader[name]
        return name

    for picture in table.pictures:
        for kind, name in (("group", picture.group), ("twins", picture.twins)):
            if name:
                one, other = sorted((root(f"sha256:{picture.sha256}"), root(f"{kind}:{name}")))
                leader[other] = one
    return {picture.path: root(f"sha256:{picture.sha256}") for picture in table.pictures}


def _totals(counts: Mapping[str, Counter[str]], parts: Mapping[str, str]) -> dict[str, Counter[str]]:
    totals: dict[str, Counter[str]] = defaultdict(Counter)
    for group, part in parts.items():
        totals[part].update(counts[group])
    return totals


def _collect(table: Table, places: Mapping[str, Place]) -> Split:
    missing = [p.path for p in table.pictures if p.path not in places]
    if missing:
        raise DataError(
            f"{missing[0]} is in no part of the split", "repeat the training: it adds new pictures"
        )
    by_side: dict[str, list[Picture]] = defaultdict(list)
    for picture in table.pictures:
        by_side[places[picture.path].side].append(picture)
    folds = tuple(places[p.path].fold for p in by_side[TRAIN])
    return Split(tuple(by_side[TRAIN]), folds, tuple(by_side[HELD_OUT]), _groups(table), tuple(by_side[""]))


def _check(table: Table, split: Split, config: Config) -> None:
    total = Counter(p.label for p in table.pictures)
    folds = config.train.folds
    for label in table.labels:
        if total[label] < folds + 1:
            raise DataError(
                f"{config.data.pictures}: class {label} has {total[label]} pictures, "
                f"{folds} folds and a held-out set need {folds + 1}",
                f"add pictures to {label}, or use fewer folds: --set train.folds=2",
            )
    where = {
        label: {fold for p, fold in zip(split.train, split.folds, strict=True) if p.label == label}
        for label in table.labels
    }
    check_held_out(table, split, config)
    for label in table.labels:
        if len(where[label]) < 2:
            raise DataError(
                f"{config.data.pictures}: class {label} needs training pictures in two folds at least",
                "add training pictures that belong to other groups, or --set data.group_copies=false",
            )


def check_held_out(table: Table, split: Split, config: Config) -> None:
    """Makes sure that every class can be judged.

    Raises:
        DataError: A class has no held-out picture.
    """
    held_out = {p.label for p in split.held_out}
    for label in table.labels:
        if label not in held_out:
            raise DataError(
                f"{config.data.pictures}: class {label} has no picture in the held-out set",
                "add some (test/ or split = test), use smaller groups, or --set data.group_copies=false",
            )


def _hash(seed: int, name: str) -> str:
    return hashlib.sha256(f"{seed}/{name}".encode()).hexdigest()


class _Before:
    """The rows of an earlier split; a renamed picture is found by its content, an edited one by its path."""

    def __init__(self, rows: Sequence[dict[str, str]]) -> None:
        self.rows = rows
        self._by_both = {(row["path"], row["sha256"]): row for row in rows}
        self._by_content = {row["sha256"]: row for row in rows if row["side"]}
        self._by_path = {row["path"]: row for row in rows}

    def place(self, picture: Picture) -> Place | None:
        row = (
            self._by_both.get((picture.path, picture.sha256))
            or self._by_content.get(picture.sha256)
            or self._by_path.get(picture.path)
        )
        return Place(row["side"], int(row["fold"] or -1)) if row else None


def _to_csv(table: Table, places: Mapping[str, Place], before: _Before) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, ["path", "sha256", "side", "fold"])
    writer.writeheader()
    for picture in table.pictures:
        place = places[picture.path]
        fold = place.fold if place.side == TRAIN else ""
        writer.writerow({"path": picture.path, "sha256": picture.sha256, "side": place.side, "fold": fold})
    # Pictures that are gone keep their place, should they come back.
    writer.writerows(row for row in before.rows if row["path"] not in places)
    return text.getvalue()
