"""The held-out set and the folds: drawn once, stored, and only ever added to.

Groups stay whole: equal files, near-duplicates and the data set's own groups, from `groups`; `shares`
deals them out. Old pictures never move. Changing the number of folds draws new folds and leaves the
held-out side alone.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from pipeline.core import files, stages
from pipeline.core.config import Config
from pipeline.core.errors import DataError, RunError
from pipeline.core.files import digest
from pipeline.core.recipes import Recipe, key_of_rows
from pipeline.core.runs import Run
from pipeline.data.dataset import Table
from pipeline.data.decisions import LEAVE_OUT
from pipeline.data.groups import GroupNames, looser
from pipeline.data.pictures import Picture, Pictures
from pipeline.data.shares import deal
from pipeline.data.stored_split import HELD_OUT, TRAIN, Place, StoredSplit, rows_of, to_csv

_STAGE = "split"
# The settings that determine what is held out.
_SIDES = ("held_out", "seed")


@dataclass(frozen=True)
class Split:
    """Which pictures are trained on, in which fold, and which are held out.

    Attributes:
        train: Training pictures as decided, in the table's order, without those left out.
        folds: The fold of each, from 0.
        held_out: Pictures that no decision may depend on, as given.
        groups: The group of every picture.
        split_conflicts: Pictures excluded because their group is on both sides.
    """

    train: Pictures
    folds: tuple[int, ...]
    held_out: Pictures
    groups: GroupNames = field(compare=False)  # those of the table
    split_conflicts: Pictures = field(default_factory=Pictures)

    @property
    def shared_groups(self) -> int:
        """How many groups are on both sides, which a split that came with the data set may allow."""
        return len(self._shared)

    @property
    def leaked(self) -> tuple[Picture, ...]:
        """The held-out pictures whose group is also trained on."""
        return tuple(p for p in self.held_out if self.groups.of(p) in self._shared) if self._shared else ()

    @cached_property
    def _shared(self) -> set[str]:
        """The groups on both sides."""
        # By hash first: sets of all names would take much memory.
        names = self.groups.each
        own, other = (np.fromiter(map(hash, names(part)), np.int64) for part in (self.train, self.held_out))
        both = {*np.intersect1d(own, other).tolist()}
        trained = {name for name in names(self.train) if hash(name) in both} if both else set()
        return trained.intersection(names(self.held_out))

    @property
    def moved_in_data_set(self) -> tuple[Picture, ...]:
        """The pictures that the data set has since put on the other side; here, old ones never move."""
        sides = ((TRAIN, self.train), (HELD_OUT, self.held_out))
        return tuple(
            part[row]
            for side, part in sides
            for row, given in enumerate(part.each("given_split"))
            if given not in ("", side)
        )

    @cached_property
    def train_key(self) -> str:
        """A hash of everything that training sees."""
        rows = zip(self.train, self.folds, strict=True)
        return key_of_rows([p.path, p.label, p.sha256, self.groups.of(p), fold] for p, fold in rows)

    @cached_property
    def held_out_key(self) -> str:
        """A hash of everything that the evaluation sees."""
        return key_of_rows([p.path, p.label, p.sha256, self.groups.of(p)] for p in self.held_out)


def make(
    run: Run, table: Table, config: Config, check: Callable[[Table, Split, Config], None] | None = None
) -> Split:
    """The split of a run: the stored one with new pictures added, or a new one.

    Args:
        run: Where it is stored.
        table: The pictures.
        config: How many are held out, and in how many folds the others are.
        check: Refuses a split that cannot be used; default: `_check_folds`.

    Raises:
        DataError: A class would be missing on one side; or the split was deleted and the pictures
            have changed since, so that held-out results would no longer be comparable.
    """
    recipe, entry = _recipe(config), run.recorded(_STAGE)
    before = _before(run, table, config)
    names = GroupNames(table)
    places = _assign(table, names, config, before)
    split = _collect(table, names, places)
    (check or _check_folds)(table, split, config)
    data = to_csv(table, places, before)
    same_rules = before and before.folds_stay and entry
    kept = [stages.SPLIT, stages.SPLIT_COPY]
    written = hashlib.sha256(data).hexdigest()
    if not same_rules or not run.done(recipe) or digest(run.path(stages.SPLIT)) != written:
        run.forget(_STAGE)
        for name in kept:
            files.write_bytes(run.path(name), data)
        if same_rules:
            # A split drawn by an earlier version can be added to, but not drawn again.
            drawn_from = entry.get("pictures", "") if entry.get("version") == recipe.version else ""
        else:
            drawn_from = table.key if not before or _drawn_from(table, config) == data else ""
        run.record(recipe, pictures=drawn_from)
    return split


def preview(run: Run, table: Table, config: Config) -> Split:
    """The split that `make` would give; nothing is written.

    Raises:
        DataError: As `make`.
    """
    names = GroupNames(table)
    split = _collect(table, names, _assign(table, names, config, _before(run, table, config)))
    _check_folds(table, split, config)
    return split


def _recipe(config: Config) -> Recipe:
    settings = {"held_out": config.data.held_out, "folds": config.train.folds, "seed": config.seed}
    return stages.recipe(_STAGE, {}, settings)


def _before(run: Run, table: Table, config: Config) -> StoredSplit:
    """What remains valid of the stored split, whichever version drew it."""
    recipe, entry = _recipe(config), run.recorded(_STAGE)
    written = run.path(stages.SPLIT).is_file()
    settings = entry.get("settings", {})
    # A stored split counts even without its recipe.
    sides_stay = all(settings.get(key) == recipe.settings[key] for key in _SIDES) if entry else written
    if not sides_stay:
        return StoredSplit([])
    if not written and (entry.get("pictures"), entry.get("version")) != (table.key, recipe.version):
        same = entry.get("pictures") == table.key
        why = (
            "an earlier version of Vignette drew it"
            if same
            else "pictures were added, changed or removed since it was drawn"
        )
        raise DataError(
            f"{run.path(stages.SPLIT)} is gone, and {why}: results on a new split would not be comparable",
            "restore the file, or use --resplit to start a new run",
        )
    rows = rows_of(run) if written else []
    folds = settings.get("folds") or max((int(row["fold"] or -1) + 1 for row in rows), default=0)
    return StoredSplit(rows, folds_stay=folds == config.train.folds)


def restore(run: Run) -> bool:
    """Restores a damaged split from its copy; returns whether it did.

    Raises:
        RunError: Both are damaged.
        StorageError: It could not be written.
    """
    altered = run.altered(_STAGE)
    if stages.SPLIT not in altered:
        return False
    copy = run.path(stages.SPLIT_COPY)
    if stages.SPLIT_COPY in altered or not copy.is_file():
        raise RunError(
            f"{run.path(stages.SPLIT)} is damaged, and its copy {copy} {'too' if altered[1:] else 'is gone'}",
            "restore the file, or use --resplit to start a new run",
        )
    files.write_bytes(run.path(stages.SPLIT), copy.read_bytes())
    return True


def _drawn_from(table: Table, config: Config) -> bytes:
    """The split as drawn from these pictures alone: if it equals the stored one, that can be drawn again."""
    nothing = StoredSplit([])
    return to_csv(table, _assign(table, GroupNames(table), config, nothing), nothing)


def load(run: Run, table: Table) -> Split:
    """The stored split; nothing is drawn.

    Raises:
        RunError: There is none.
        DataError: The table has pictures that it does not name.
    """
    before = StoredSplit(rows_of(run))
    places = []
    for picture, place in zip(table.pictures, before.places(table.pictures), strict=True):
        if not place:
            raise DataError(f"{picture.path} is not in the split", "train again: that adds new pictures")
        places.append(place)
    return _collect(table, GroupNames(table), places)


def _assign(table: Table, names: GroupNames, config: Config, before: StoredSplit) -> list[Place]:
    """The place of each picture of the table."""
    given, stored = table.pictures.each("given_split"), before.places(table.pictures)
    fixed = [place or Place.of(side) for side, place in zip(given, stored, strict=True)]
    sides = [place.side for place in fixed]
    shares = {TRAIN: 1 - config.data.held_out, HELD_OUT: config.data.held_out}
    # If the members of a group disagree about its side, they keep theirs, and the others are excluded.
    deal(table.pictures, names, range(len(fixed)), sides, shares, config.seed, unanimous=True)
    folds = [str(place.fold) if place.fold >= 0 else "" for place in fixed]
    shares = {str(fold): 1 / config.train.folds for fold in range(config.train.folds)}
    training = array("I", (row for row, side in enumerate(sides) if side == TRAIN))
    deal(table.pictures, names, training, folds, shares, config.seed, unanimous=False)
    pairs = zip(sides, folds, strict=True)
    return [Place.of(side, int(fold) if side == TRAIN else -1) for side, fold in pairs]


def _collect(table: Table, names: GroupNames, places: Sequence[Place]) -> Split:
    # A list of numbers would take 40 bytes for each.
    pictures, rows = table.pictures, {side: array("I") for side in (TRAIN, HELD_OUT, "")}
    for row, (place, decision) in enumerate(zip(places, pictures.each("decision"), strict=True)):
        if place.side != TRAIN or decision != LEAVE_OUT:
            rows[place.side].append(row)
    train, held_out, conflicts = (map(pictures.__getitem__, rows[side]) for side in (TRAIN, HELD_OUT, ""))
    decided = (p._replace(label=p.decided_label) if p.decided_label else p for p in train)
    folds = tuple(places[row].fold for row in rows[TRAIN])
    return Split(Pictures(decided), folds, Pictures(held_out), names, Pictures(conflicts))


def _check_folds(table: Table, split: Split, config: Config) -> None:
    """Checks that every class can be trained on and evaluated.

    Raises:
        DataError: Classes have too few pictures for the folds, or are not on both sides.
    """
    source, folds = config.data.pictures, config.train.folds
    if any(table.pictures.each("given_split")):
        check_sides(table, split, config)
    total = Counter(table.pictures.labels())
    small = {label: total[label] for label in table.labels if total[label] < folds + 1}
    if small:
        fewer = min(small.values()) - 1
        counts = ", ".join(f"class {label} has {n} picture{'s' * (n != 1)}" for label, n in small.items())
        raise DataError(
            f"{source}: {counts}, {folds} folds and a held-out set need {folds + 1}",
            f"add pictures to {', '.join(small)}"
            + (f", or use fewer folds: --set train.folds={fewer}" if fewer > 1 else ""),
        )
    where: dict[str, set[int]] = defaultdict(set)
    for label, fold in zip(split.train.labels(), split.folds, strict=True):
        where[label].add(fold)
    if few := [label for label in table.labels if len(where[label]) < 2]:
        who = f"class {few[0]} needs" if len(few) == 1 else f"classes {', '.join(few)} need"
        ways = looser(table, few, copies=config.data.group_copies)
        raise DataError(
            f"{source}: {who} training pictures in at least two folds",
            f"add training pictures from other groups{ways}",
        )
    check_sides(table, split, config)


def check_sides(table: Table, split: Split, config: Config) -> None:
    """Checks that every class is on both sides.

    Raises:
        DataError: A class has no held-out picture, or no other.
    """
    held_out = ("picture in the held-out set", split.held_out, "test")
    for what, pictures, name in (held_out, ("training picture", split.train, "train")):
        there = {*pictures.labels()}
        if missing := [label for label in table.labels if label not in there]:
            who = f"class {missing[0]} has" if len(missing) == 1 else f"classes {', '.join(missing)} have"
            ways = looser(table, missing, copies=config.data.group_copies)
            raise DataError(
                f"{config.data.pictures}: {who} no {what}", f"add some ({name}/ or split = {name}){ways}"
            )
