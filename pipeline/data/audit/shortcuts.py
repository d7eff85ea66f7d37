"""Can the classes be told apart without looking at the content?

Small cross-validated models see only what should not matter: the shape of the pictures, how their files
were saved, bars and borders. If one of them does well, the classifier may rely on the same and fail on new
pictures. Border pixels and colours are part of the content: they are reported beside the classifier's own
score and raise no alarm. The file size is never used, because it depends on the content.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from pydantic import Field

from pipeline.core import stages
from pipeline.core.documents import Document
from pipeline.core.runs import Run
from pipeline.data.audit import separability
from pipeline.data.audit.separability import MARGIN
from pipeline.data.dataset import Table
from pipeline.data.fingerprints import LIBRARIES, Fingerprints
from pipeline.data.groups import GroupNames
from pipeline.data.labels import numbers_of
from pipeline.data.pictures import Picture
from pipeline.stats import metrics

# The most pictures to sample, as evenly over the classes as possible; more cost time and reveal nothing.
MOST = 2500
# A class needs this many pictures from this many groups: some to train on, some to test.
_LEAST, _LEAST_GROUPS = 10, 2
# Classes named in a sentence.
_NAMED = 6

# Each family's title, and what to do if it tells the classes apart. Without advice, it raises no alarm.
FAMILIES = {
    "shape": (
        "width, height and shape",
        "crop all classes to one shape, or use the same camera for all classes",
    ),
    "quality": (
        "JPEG quality",
        "re-save all classes with the same program at the same quality",
    ),
    "format": ("file format", "save all classes in one format"),
    "bars": ("black bars", "crop the bars of all classes"),
    "borders": (
        "borders of one colour",
        "crop the borders, or photograph all classes against the same background",
    ),
    "border_pixels": ("border pixels", ""),
    "colours": ("colour histogram", ""),
}


class SmallClass(Document):
    """The pictures and groups of a class that is too small to check."""

    pictures: int
    groups: int


class _ToldApart(Document):
    """Two classes that a family tells apart.

    Attributes:
        classes: Their labels.
        balanced_accuracy: Between the two; chance is 0.5.
        lower_bound: The lower end of its interval.
    """

    classes: tuple[str, str]
    balanced_accuracy: float
    lower_bound: float


class _Family(Document):
    """How well one family of features tells the classes apart.

    Attributes:
        name: A key of `FAMILIES`.
        title: What the model sees, in words.
        balanced_accuracy: Of all classes.
        interval: Its 95% interval.
        alarm: Whether it does so too well.
        told_apart: Pairs of classes that it tells apart, the clearest first, and not all of very many.
        pairs: How many there are.
        advice: What to do about it; empty if it is part of the content.
        by_class: What is typical of each class, in words.
    """

    name: str
    title: str
    balanced_accuracy: float
    interval: tuple[float, float]
    alarm: bool
    told_apart: tuple[_ToldApart, ...]
    pairs: int
    advice: str
    by_class: dict[str, str]


class Shortcuts(Document):
    """What shortcuts.json holds.

    Attributes:
        n: Pictures that were used.
        chance: The balanced accuracy of guessing.
        margin: How far above chance, at the lower end of the interval, an alarm is raised.
        families: One row each; none if nothing was measured.
        too_small: The classes that were not checked.
        not_measured: Why nothing was measured, if so.
    """

    n: int
    chance: float
    margin: float
    families: tuple[_Family, ...] = ()
    too_small: dict[str, SmallClass] = Field(default={})
    not_measured: str = ""

    @property
    def alarms(self) -> list[str]:
        """A sentence for each alarm."""
        return [_sentence(family, self.chance) for family in self.families if family.alarm]

    @property
    def limits(self) -> str:
        """Which classes were not checked, and why; empty if all were."""
        if self.not_measured:
            return f"not measured: {self.not_measured}"
        if not self.too_small:
            return ""
        names = [
            f"{label} ({own.pictures} pictures" + (", all one group)" if own.groups < _LEAST_GROUPS else ")")
            for label, own in self.too_small.items()
        ]
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        return f"not measured for {', '.join(names[:_NAMED])}{more}: {_needs(self.too_small, 'a class')}"


def make(run: Run, table: Table, cache: Fingerprints, seed: int) -> Shortcuts:
    """Writes shortcuts.json unless it is up to date.

    Args:
        run: Where it is written.
        table: The pictures as training sees them.
        cache: Has the fingerprints of all pictures.
        seed: For the folds and the sample.
    """
    settings = {"seed": seed, "margin": MARGIN}
    recipe = stages.recipe("shortcuts", {"pictures": table.key}, settings, ("scikit-learn", *LIBRARIES))
    run.make(recipe, lambda: run.write(measure(table, cache, seed), stages.SHORTCUTS))
    return run.read(Shortcuts, stages.SHORTCUTS)


def measure(table: Table, cache: Fingerprints, seed: int) -> Shortcuts:
    """How well each family of features tells the classes apart."""
    groups_in = GroupNames(table)
    too_small = _too_small(table, groups_in)
    labels = [label for label in table.labels if label not in too_small]
    chance = 1 / max(1, len(labels))

    def nothing(reason: str) -> Shortcuts:
        return Shortcuts(n=0, chance=chance, margin=MARGIN, too_small=too_small, not_measured=reason)

    if len(labels) < 2:
        return nothing(_needs(too_small, "each of two classes or more"))
    sample = _sample([p for p in table.pictures if p.label not in too_small], seed)
    truth = numbers_of((picture.label for picture in sample), labels)
    groups = np.unique([groups_in.of(picture) for picture in sample], return_inverse=True)[1]
    folds = separability.folds(truth, groups, seed)
    tested = np.sort(np.concatenate([test for _, test in folds])) if folds else np.zeros(0, int)
    if len(np.unique(truth[tested])) < 2:
        return nothing("the groups are too large to leave any class for testing")
    contents = [picture.sha256 for picture in sample]
    rows, views = cache.facts(contents), cache.views(contents, table.views_again, ("tiny", "histogram"))
    families = []
    for name, inputs in _inputs(rows, views).items():
        predictions = separability.cross_validate(
            inputs, truth, folds, len(labels), seed, linear=inputs.shape[1] > 32
        )[tested]
        accuracy, interval = separability.score(truth[tested], predictions.argmax(1), groups[tested])
        pairs, count = separability.told_apart(truth[tested], predictions, groups[tested])
        title, advice = FAMILIES[name]
        families.append(
            _Family(
                name=name,
                title=title,
                balanced_accuracy=accuracy,
                interval=interval,
                alarm=bool(advice) and (interval[0] > chance + MARGIN or bool(pairs)),
                told_apart=tuple(
                    _ToldApart(
                        classes=(labels[one], labels[other]),
                        balanced_accuracy=between,
                        lower_bound=low,
                    )
                    for one, other, between, low in pairs
                ),
                pairs=count,
                advice=advice,
                by_class=_by_class(name, rows, truth, labels),
            )
        )
    return Shortcuts(
        n=len(sample), chance=chance, margin=MARGIN, families=tuple(families), too_small=too_small
    )


def _needs(too_small: Mapping[str, SmallClass], of: str) -> str:
    few_groups = any(own.pictures >= _LEAST for own in too_small.values())
    return f"needs {_LEAST} pictures of {of}" + (f", from {_LEAST_GROUPS} groups" if few_groups else "")


def _too_small(table: Table, groups_in: GroupNames) -> dict[str, SmallClass]:
    """The classes with too few pictures or groups to train on some and test others."""
    counts = Counter(table.pictures.labels())
    groups = defaultdict(set)
    for picture in table.pictures:
        groups[picture.label].add(groups_in.of(picture))
    return {
        label: SmallClass(pictures=counts[label], groups=len(groups[label]))
        for label in table.labels
        if counts[label] < _LEAST or len(groups[label]) < _LEAST_GROUPS
    }


def _sentence(family: _Family, chance: float) -> str:
    typical, accuracy = family.by_class, family.balanced_accuracy
    if family.interval[0] > chance + MARGIN:
        who = "the classes"
    else:
        # A mark on a few of many classes hardly changes the overall mean.
        first, others = family.told_apart[0], family.pairs - 1
        accuracy, chance = first.balanced_accuracy, 0.5
        who = " and ".join(first.classes)
        who += f" (and {others:,} more {'pairs' if others > 1 else 'pair'} of classes)" * bool(others)
        typical = {label: typical[label] for label in first.classes if label in typical}
    described = ", ".join(f"{label} {words}" for label, words in list(typical.items())[:_NAMED])
    described += " and so on" if len(typical) > _NAMED else ""
    return (
        f"{who} can be told apart by {family.title} alone (balanced accuracy {accuracy:.2f}, "
        f"chance {chance:.2f}): {described}. The classifier may learn that instead of the content; "
        f"{family.advice}"
    )


def _sample(pictures: Sequence[Picture], seed: int) -> list[Picture]:
    """At most `MOST` pictures, or `_LEAST` of every class; as evenly over the classes as possible."""
    ranks: Counter[str] = Counter()
    dealt: list[tuple[int, int]] = []
    for at in np.random.default_rng(seed).permutation(len(pictures)).tolist():
        ranks[pictures[at].label] += 1
        dealt.append((ranks[pictures[at].label], at))
    most = max(MOST, _LEAST * len(ranks))
    return [pictures[at] for at in sorted(at for _, at in sorted(dealt)[:most])]


def _inputs(rows: np.ndarray, views: np.ndarray) -> dict[str, np.ndarray]:
    """What the model of each family sees, shape (n, numbers)."""
    width, height = rows["width"].astype(float), rows["height"].astype(float)
    _, formats = np.unique(rows["file_format"], return_inverse=True)
    ring = np.ones(views["tiny"].shape[1:3], bool)
    ring[1:-1, 1:-1] = False
    colours = rows["border_colour"].reshape(len(rows), -1)
    return {
        "shape": np.stack([width, height, np.log(width / height)], 1),
        "quality": rows["quality"].astype(float)[:, None],
        "format": np.eye(int(formats.max()) + 1)[formats],
        "bars": rows["bars"].astype(float),
        "borders": np.concatenate([rows["border"], colours / 255.0], 1),
        "border_pixels": views["tiny"][:, ring].reshape(len(rows), -1) / 255.0,
        "colours": np.sqrt(views["histogram"] / 255.0),
    }


def _by_class(name: str, rows: np.ndarray, truth: np.ndarray, labels: Sequence[str]) -> dict[str, str]:
    """What is typical of each class, in words; empty for families that a few numbers cannot describe."""
    own = metrics.rows_by_class(truth, len(labels))
    words = {label: _typical(name, rows[places]) for label, places in zip(labels, own, strict=True)}
    return {label: typical for label, typical in words.items() if typical}


def _typical(name: str, own: np.ndarray) -> str:
    if name == "shape":
        return f"mostly {int(np.median(own['width']))}x{int(np.median(own['height']))}"
    if name == "quality":
        return f"mostly {int(np.median(own['quality']))}"
    if name == "format":
        kinds, counts = np.unique(own["file_format"], return_counts=True)
        return f"mostly {kinds[counts.argmax()].decode()}"
    if name in ("bars", "borders"):
        depths = own["bars" if name == "bars" else "border"].max(1)
        return f"{(depths > 0.01).mean():.0%} with them"
    return ""
