"""The held-out set and the folds: made once, written down, and only ever added to.

Groups stay whole. Pictures with the same bytes are a group, and so are those that the table
puts into one, or the audit because they are copies of each other. Old pictures never move; another
number of folds draws folds anew, and the held-out side stays. Groups and their dealing are in `shares`.
"""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.core import files, runs, stages
from pipeline.core.config import Config
from pipeline.core.errors import DataError, RunError
from pipeline.core.recipes import Recipe, key_of
from pipeline.core.runs import Run
from pipeline.data.dataset import Picture, Table
from pipeline.data.shares import groups_of, share_out

TRAIN, HELD_OUT = "train", "held_out"
_STAGE = "split"
# The settings that say who is held out.
_SIDES = ("held_out", "seed")
# What puts a damaged split back: it holds more than could be drawn again.
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
    split_conflicts: tuple[Picture, ...] = ()

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
        return key_of([[p.path, p.label, p.sha256, self.groups[p.path], fold] for p, fold in rows])

    @property
    def held_out_key(self) -> str:
        """A hash of all that the evaluation sees."""
        return key_of([[p.path, p.label, p.sha256, self.groups[p.path]] for p in self.held_out])


def make(run: Run, table: Table, config: Config) -> Split:
    """The split of a run: as written down, with new pictures added to it, or drawn now.

    Raises:
        DataError: A class would miss on one side; or the split was deleted and pictures were
            changed since it was drawn, so that held-out results would no longer compare.
    """
    recipe, entry = _recipe(config), run.recorded(_STAGE)
    before = _before(run, table, config)
    places = _assign(table, config, before)
    split = _collect(table, places)
    check(table, split, config)
    text = _to_csv(table, places, before)
    same_rules = before.rows and before.folds_stay and entry
    kept = [runs.SPLIT, stages.SPLIT_COPY]
    if not same_rules or not run.done(recipe) or run.path(runs.SPLIT).read_bytes() != text.encode():
        run.forget(_STAGE)
        for name in kept:
            files.write_text(run.path(name), text)
        if same_rules:
            # What an earlier version drew can be added to, but not drawn again.
            drawn_from = entry.get("pictures", "") if entry.get("version") == recipe.version else ""
        else:
            drawn_from = table.key if not before.rows or _drawn_from(table, config) == text else ""
        run.record(recipe, pictures=drawn_from)
    return split


def preview(run: Run, table: Table, config: Config) -> Split:
    """The split that `make` would give; nothing is written.

    Raises:
        DataError: As `make`.
    """
    split = _collect(table, _assign(table, config, _before(run, table, config)))
    check(table, split, config)
    return split


def _recipe(config: Config) -> Recipe:
    settings = {"held_out": config.data.held_out, "folds": config.train.folds, "seed": config.seed}
    return stages.recipe(_STAGE, {}, settings)


def _before(run: Run, table: Table, config: Config) -> _Before:
    """What stands of the split that was written, by any version: it is not drawn again by a newer one."""
    recipe, entry = _recipe(config), run.recorded(_STAGE)
    written = run.path(runs.SPLIT).is_file()
    settings = entry.get("settings", {})
    # Without the note about it, a split that is there is still the split.
    sides_stay = all(settings.get(key) == recipe.settings[key] for key in _SIDES) if entry else written
    if not sides_stay:
        return _Before([])
    if not written and (entry.get("pictures"), entry.get("version")) != (table.key, recipe.version):
        same = entry.get("pictures") == table.key
        why = (
            "an earlier version of Vignette drew it"
            if same
            else "pictures were added, changed or removed since it was drawn"
        )
        raise DataError(
            f"{run.path(runs.SPLIT)} is gone, and {why}: "
            "a new split would not compare with the results so far",
            "put the file back, or use --resplit to make another run",
        )
    rows = _rows(run) if written else []
    folds = settings.get("folds") or max((int(row["fold"] or -1) + 1 for row in rows), default=0)
    return _Before(rows, folds_stay=folds == config.train.folds)


def restore(run: Run) -> bool:
    """Puts a split that is damaged back from its copy; says whether it did.

    Raises:
        RunError: Both are damaged.
        StorageError: It could not be written.
    """
    altered = run.altered(_STAGE)
    if runs.SPLIT not in altered:
        return False
    copy = run.path(stages.SPLIT_COPY)
    if stages.SPLIT_COPY in altered or not copy.is_file():
        raise RunError(
            f"{run.path(runs.SPLIT)} is damaged, and its copy {copy} {'too' if altered[1:] else 'is gone'}",
            "put the file back, or use --resplit to make another run",
        )
    files.write_bytes(run.path(runs.SPLIT), copy.read_bytes())
    return True


def _rows(run: Run) -> list[dict[str, str]]:
    """The rows of the split as written down, in the form in which they were.

    Raises:
        RunError: It is missing or damaged.
    """
    rows = run.read_csv(runs.SPLIT)
    # Pictures that are gone have no fold where the number of folds has changed since.
    folds = {"": ("",), HELD_OUT: ("",), TRAIN: ("", *map(str, range(_MOST_FOLDS)))}
    for number, row in enumerate(rows, 2):
        if row["fold"] not in folds.get(row["side"], ()):
            raise RunError(
                f"{run.path(runs.SPLIT)}, line {number}: expected train with a fold, held_out or nothing. "
                f"Received: {row['side']},{row['fold']}",
                "put the file back, or use --resplit to make another run",
            )
    return rows


def _drawn_from(table: Table, config: Config) -> str:
    """The split as drawn from these pictures alone: where it is the one written down, it can be
    deleted and drawn again."""
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
    groups = groups_of(table)
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
    return Split(tuple(by_side[TRAIN]), folds, tuple(by_side[HELD_OUT]), groups_of(table), tuple(by_side[""]))


def check(table: Table, split: Split, config: Config) -> None:
    """Makes sure that every class can be learned and judged.

    Raises:
        DataError: Classes have too few pictures for the folds, or are not on both sides.
    """
    source, folds = config.data.pictures, config.train.folds
    total = Counter(p.label for p in table.pictures)
    small = {label: total[label] for label in table.labels if total[label] < folds + 1}
    if small:
        fewer = min(small.values()) - 1
        counts = ", ".join(f"class {label} has {n} pictures" for label, n in small.items())
        raise DataError(
            f"{source}: {counts}, {folds} folds and a held-out set need {folds + 1}",
            f"add pictures to {', '.join(small)}"
            + (f", or use fewer folds: --set train.folds={fewer}" if fewer > 1 else ""),
        )
    check_held_out(table, split, config)
    where = {
        label: {fold for p, fold in zip(split.train, split.folds, strict=True) if p.label == label}
        for label in table.labels
    }
    if few := [label for label in table.labels if len(where[label]) < 2]:
        who = f"class {few[0]} needs" if len(few) == 1 else f"classes {', '.join(few)} need"
        raise DataError(
            f"{source}: {who} training pictures in two folds at least",
            "add training pictures that belong to other groups, or --set data.group_copies=false",
        )


def check_held_out(table: Table, split: Split, config: Config) -> None:
    """Makes sure that every class can be judged.

    Raises:
        DataError: A class has no held-out picture.
    """
    held_out = {p.label for p in split.held_out}
    if missing := [label for label in table.labels if label not in held_out]:
        who = f"class {missing[0]} has" if len(missing) == 1 else f"classes {', '.join(missing)} have"
        raise DataError(
            f"{config.data.pictures}: {who} no picture in the held-out set",
            "add some (test/ or split = test), use smaller groups, or --set data.group_copies=false",
        )


class _Before:
    """The rows of an earlier split; a renamed picture is found by its content, an edited one by its path.

    Without `folds_stay` only the sides do.
    """

    def __init__(self, rows: Sequence[dict[str, str]], *, folds_stay: bool = True) -> None:
        self.rows = [row if folds_stay else {**row, "fold": ""} for row in rows]
        self.folds_stay = folds_stay
        self._by_both = {(row["path"], row["sha256"]): row for row in self.rows}
        self._by_content = {row["sha256"]: row for row in self.rows if row["side"]}
        self._by_path = {row["path"]: row for row in self.rows}

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
