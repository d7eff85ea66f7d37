"""Groups are shared out evenly, by class and by size."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pytest
from sklearn.model_selection import StratifiedGroupKFold

from pipeline.data.shares import keys_of, share_out
from pipeline.data.splits import Split
from tests.support.splits import groups_in, picture, sides, singles, table_of


@pytest.mark.parametrize("labels", [(0.5, 0.5), (0.85, 0.1, 0.05), (0.3, 0.3, 0.2, 0.2)])
@pytest.mark.parametrize("seed", range(4))
def test_groups_are_shared_out_as_evenly_as_scikit_learn_does(labels, seed):
    random = np.random.default_rng(seed)
    group = random.integers(0, 80, 800)
    truth = random.choice(len(labels), 800, p=labels)
    counts = defaultdict(Counter)
    for name, label in zip(group, truth, strict=True):
        counts[str(name)][str(label)] += 1
    shares = {str(fold): 0.2 for fold in range(5)}
    dealt = dict(zip(counts, share_out([*counts.values()], keys_of(counts, seed), shares, {}), strict=True))
    ours = np.array([int(dealt[str(name)]) for name in group])
    theirs = np.zeros(800, int)
    judge = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
    for fold, (_, rows) in enumerate(judge.split(np.zeros((800, 1)), truth, group)):
        theirs[rows] = fold

    def unevenness(folds: np.ndarray) -> float:
        found = np.array(
            [[((folds == f) & (truth == c)).sum() for c in range(len(labels))] for f in range(5)]
        )
        return float((found.std(0) / found.mean(0)).mean())

    assert set(dealt) == set(counts)
    assert unevenness(ours) <= unevenness(theirs) * 1.1 + 0.01


def by_size(split: Split) -> dict[int, Counter[str]]:
    """How many groups of each size stand on each side and in each fold."""
    groups, place = groups_in(split), {}
    size = Counter(groups.values())
    for path, where in sides(split).items():
        place[groups[path]] = where
    found: dict[int, Counter[str]] = defaultdict(Counter)
    for group, where in place.items():
        found[size[group]][where] += 1
    return found


@pytest.mark.parametrize("classes", [2, 7])
@pytest.mark.parametrize("seed", range(5))
def test_every_part_gets_its_share_of_groups_of_every_size(draw_split, seed, classes):
    random = np.random.default_rng(seed)
    rows = []
    for size, count in ((10, 80), (2, 400), (1, 400)):
        for number in range(count):
            label = "abcdefg"[random.integers(classes)]
            rows += [
                picture(f"{label}/{size}-{number}-{i}.png", group=f"{size}-{number}") for i in range(size)
            ]
    split = draw_split(table_of(*rows), f"seed={seed}")
    for size, count in ((10, 80), (2, 400), (1, 400)):
        # Within two standard deviations of what lots drawn for each group would give.
        places = by_size(split)[size]
        assert abs(places["held_out"] - 0.2 * count) <= 2 * (0.16 * count) ** 0.5
        for fold in range(5):
            assert abs(places[f"fold {fold}"] - 0.16 * count) <= 2 * (0.1344 * count) ** 0.5
    total, held_out = Counter(p.label for p in rows), Counter(p.label for p in split.held_out)
    assert all(abs(held_out[label] - 0.2 * n) <= 1 for label, n in total.items())


def test_large_groups_are_held_out_where_each_class_has_two_only(draw_split):
    rows = [
        picture(f"{label:02d}/{group}-{i}.png", group=f"{label}-{group}" if group < 2 else "")
        for label in range(40)
        for group in range(3)
        for i in range(20 if group == 2 else 10)
    ]
    split = draw_split(table_of(*rows))
    assert 10 <= by_size(split)[10]["held_out"] <= 22


def test_a_class_of_few_groups_is_on_both_sides_and_in_two_folds(draw_split):
    rows = [*singles(a=60, b=6), *(picture(f"c/{i}.png", group=f"c{i // 10}") for i in range(30))]
    for seed in range(5):
        split = draw_split(table_of(*rows), f"seed={seed}")
        assert {p.label for p in split.held_out} == {"a", "b", "c"}


def test_a_deal_takes_into_account_what_the_parts_have():
    keys = keys_of(map(str, range(10)), 0)
    dealt = share_out([Counter(a=1)] * 10, keys, {"x": 0.5, "y": 0.5}, {"x": Counter(a=10)})
    assert dealt == ["y"] * 10
