from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace

import numpy as np
import pytest

from pipeline.core import stages
from pipeline.core.errors import DataError
from pipeline.core.runs import Run
from pipeline.data import splits
from pipeline.data.dataset import Table
from pipeline.data.pictures import Picture, Pictures
from tests.support.splits import given, groups_in, picture, random_table, sides, singles, table_of


def remake(split_of, run: Run, table: Table) -> dict[str, str]:
    """Splits anew, as in a run that knows of nothing."""
    run.path(stages.SPLIT).unlink()
    run.path("recipes", "split.json").unlink()
    return sides(split_of(table))


@pytest.mark.parametrize("seed", range(12))
def test_groups_stay_whole_and_every_class_is_on_both_sides(draw_split, seed):
    table = random_table(seed)
    split = draw_split(table, f"seed={seed}")
    places = sides(split)
    assert places.keys() == {p.path for p in table.pictures}
    assert not split.split_conflicts
    together = defaultdict(set)
    for p in table.pictures:
        together[p.sha256].add(places[p.path])
        together[split.groups.of(p)].add(places[p.path])
        if p.group:
            together["group", p.group].add(places[p.path])
    assert {len(found) for found in together.values()} == {1}
    for part in (split.train, split.held_out):
        assert {p.label for p in part} == set(table.labels)
    for fold in range(5):
        validated = {p.label for p, f in zip(split.train, split.folds, strict=True) if f == fold}
        assert validated == set(table.labels)


@pytest.mark.parametrize("held_out", [0.1, 0.2, 0.35])
def test_single_pictures_are_shared_out_within_one_of_every_class(draw_split, held_out):
    counts = {"a": 10, "b": 11, "c": 37, "d": 203}
    split = draw_split(table_of(*singles(**counts)), f"data.held_out={held_out}")
    found = Counter(p.label for p in split.held_out)
    for label, n in counts.items():
        assert abs(found[label] - held_out * n) <= 1
    for fold in range(5):
        inside = Counter(p.label for p, f in zip(split.train, split.folds, strict=True) if f == fold)
        for label, n in counts.items():
            assert abs(inside[label] - (n - found[label]) / 5) <= 1


def test_the_default_holds_out_a_fifth(draw_split):
    split = draw_split(table_of(*singles(a=100, b=50)))
    assert Counter(p.label for p in split.held_out) == {"a": 20, "b": 10}


@pytest.mark.parametrize("seed", range(4))
def test_a_split_depends_on_nothing_but_pictures_and_seed(draw_split, run, seed):
    table = random_table(seed)
    first = sides(draw_split(table))
    assert remake(draw_split, run, table) == first
    random = np.random.default_rng(seed)
    shuffled = [table.pictures[i] for i in random.permutation(len(table.pictures))]
    assert remake(draw_split, run, replace(table, pictures=Pictures(shuffled))) == first


def test_another_seed_gives_another_split(draw_split):
    table = table_of(*singles(a=50, b=50))
    assert sides(draw_split(table, "seed=1")) != sides(draw_split(table, "seed=2"))


@pytest.mark.parametrize("seed", range(6))
def test_added_pictures_never_move_old_ones(draw_split, seed):
    random = np.random.default_rng(seed)
    rows = list(random_table(seed).pictures)
    random.shuffle(rows)
    kept = len(rows) // 2
    before = sides(draw_split(table_of(*rows[:kept])))
    for portion in range(1, 4):
        table = table_of(*rows[: kept + portion * (len(rows) - kept) // 3])
        after = sides(draw_split(table))
        assert {path: after[path] for path in before} == before
        assert after.keys() == {p.path for p in table.pictures}
        before = after


def test_added_single_pictures_keep_the_share(draw_split):
    rows = singles(a=50, b=50)
    draw_split(table_of(*rows))
    split = draw_split(table_of(*rows, *(picture(f"{c}/new{i}.png") for c in "ab" for i in range(50))))
    assert Counter(p.label for p in split.held_out) == {"a": 20, "b": 20}
    assert max(Counter(split.folds).values()) - min(Counter(split.folds).values()) <= 2


def test_removed_pictures_move_nobody(draw_split):
    rows = singles(a=40, b=40)
    before = sides(draw_split(table_of(*rows)))
    after = sides(draw_split(table_of(*rows[::2])))
    assert after == {p.path: before[p.path] for p in rows[::2]}


def test_a_removed_picture_that_comes_back_has_its_old_place(draw_split):
    rows = singles(a=40, b=40)
    before = sides(draw_split(table_of(*rows)))
    draw_split(table_of(*rows[10:]))
    draw_split(table_of(*rows[10:], *(picture(f"a/new{i}.png") for i in range(10))))
    after = sides(draw_split(table_of(*rows)))
    assert after == before


def test_a_renamed_picture_keeps_its_place(draw_split):
    rows = singles(a=40, b=40)
    before = sides(draw_split(table_of(*rows)))
    renamed = [p._replace(path=p.path.replace(".png", " (1).png")) for p in rows]
    after = sides(draw_split(table_of(*renamed)))
    assert after == {path.replace(".png", " (1).png"): place for path, place in before.items()}


def test_pictures_that_are_numbered_anew_keep_their_places(draw_split):
    rows = singles(a=40, b=40)
    before = sides(draw_split(table_of(*rows)))
    by_content = {p.sha256: before[p.path] for p in rows}
    # The first picture of a class is gone, and every other one takes the name before it.
    anew = [p._replace(path=q.path) for p, q in zip(rows[1:40], rows[:39], strict=True)]
    after = sides(draw_split(table_of(*anew, *rows[40:])))
    assert {p.path: after[p.path] for p in anew} == {p.path: by_content[p.sha256] for p in anew}


def test_two_pictures_that_swap_names_keep_their_sides(draw_split):
    rows = singles(a=40, b=40)
    before = sides(draw_split(table_of(*rows)))
    held = next(p for p in rows if before[p.path] == "held_out")
    kept = next(p for p in rows if before[p.path] == "fold 0" and p.label == held.label)
    swapped = [held._replace(path=kept.path), kept._replace(path=held.path)]
    after = sides(draw_split(table_of(*(p for p in rows if p not in (held, kept)), *swapped)))
    assert (after[kept.path], after[held.path]) == ("held_out", "fold 0")


def test_a_new_member_of_a_group_goes_where_the_group_is(draw_split):
    rows = [picture(f"{c}/{i:02d}.png", group=f"{c}{i // 2}") for c in "ab" for i in range(40)]
    before = sides(draw_split(table_of(*rows)))
    new = [picture(f"{c}/new{i}.png", group=f"{c}{i}") for c in "ab" for i in range(20)]
    after = sides(draw_split(table_of(*rows, *new)))
    assert {"held_out", "fold 0", "fold 4"} <= set(before.values())
    for p in new:
        mate = next(row for row in rows if row.group == p.group)
        assert after[p.path] == before[mate.path]


def test_a_copy_goes_where_the_original_is_also_under_another_label(draw_split):
    rows = singles(a=40, b=40)
    before = sides(draw_split(table_of(*rows)))
    copies = [p._replace(path=f"b/copy of {p.path[2:]}", label="b") for p in rows[:40]]
    after = sides(draw_split(table_of(*rows, *copies)))
    for original, copy in zip(rows[:40], copies, strict=True):
        assert after[copy.path] == before[original.path]


def test_same_bytes_are_one_group(draw_split):
    rows = [picture(f"{c}/{i:02d}.png", content=f"{c}{i // 4}") for c in "ab" for i in range(40)]
    split = draw_split(table_of(*rows))
    assert len(set(groups_in(split).values())) == 20
    places = sides(split)
    for first in range(0, 80, 4):
        assert len({places[p.path] for p in rows[first : first + 4]}) == 1


def test_groups_that_share_bytes_become_one(draw_split):
    rows = singles(a=40, b=40)
    rows += [picture("a/x1.png", content="x", group="one"), picture("a/y1.png", group="one")]
    rows += [picture("b/x2.png", content="x", group="two"), picture("b/y2.png", group="two")]
    split = draw_split(table_of(*rows))
    ours = ("a/x1.png", "a/y1.png", "b/x2.png", "b/y2.png")
    assert len({groups_in(split)[path] for path in ours}) == 1
    assert len({sides(split)[path] for path in ours}) == 1


def straddle(draw_split) -> tuple[list[Picture], dict[str, str], list[Picture]]:
    """Old pictures, their places, and a new picture that belongs with some on both sides."""
    rows = singles(a=40, b=40)
    before = sides(draw_split(table_of(*rows)))
    held = next(p for p in rows if before[p.path] == "held_out")
    kept = next(p for p in rows if before[p.path].startswith("fold"))
    joined = [p._replace(group="joined") if p in (held, kept) else p for p in rows]
    return joined, before, [picture("a/bridge.png", group="joined")]


def test_a_new_picture_that_belongs_to_both_sides_is_left_out_and_old_ones_stay(draw_split, run):
    joined, before, bridge = straddle(draw_split)
    split = draw_split(table_of(*joined, *bridge))
    assert [p.path for p in split.split_conflicts] == ["a/bridge.png"]
    after = sides(split)
    assert {path: after[path] for path in before} == before
    assert sides(splits.load(run, table_of(*joined, *bridge))) == after
    assert sides(draw_split(table_of(*joined, *bridge))) == after


def test_groups_found_later_to_stand_on_both_sides_are_counted_and_nothing_moves(draw_split):
    joined, before, _ = straddle(draw_split)
    split = draw_split(table_of(*joined))
    assert sides(split) == before
    assert split.shared_groups == 1


def test_given_sides_are_kept(draw_split):
    rows = given({"train": {"a": 30, "b": 20}, "test": {"a": 3, "b": 40}})
    split = draw_split(table_of(*rows))
    assert {p.path for p in split.held_out} == {p.path for p in rows if p.given_split == "held_out"}
    assert len(split.train) == 50
    assert split.shared_groups == 0


def test_given_sides_are_kept_even_where_they_leak(draw_split):
    rows = given({"train": {"a": 30, "b": 30}, "test": {"a": 5, "b": 5}})
    rows[0] = rows[0]._replace(sha256=rows[-1].sha256)
    split = draw_split(table_of(*rows))
    assert len(split.held_out) == 10
    assert not split.split_conflicts
    assert split.shared_groups == 1


def test_too_few_pictures_of_a_class_are_refused_with_the_numbers(draw_split):
    with pytest.raises(DataError) as caught:
        draw_split(table_of(*singles(a=30, b=5)))
    assert "class b has 5 pictures, 5 folds and a held-out set need 6" in caught.value.message
    assert caught.value.hint == "add pictures to b, or use fewer folds: --set train.folds=4"
    assert caught.value.exit_code == 2


def test_every_class_that_is_too_small_is_named_and_fewer_folds_only_where_they_help(draw_split):
    with pytest.raises(DataError) as caught:
        draw_split(table_of(*singles(a=30, b=5, c=4, d=6)))
    assert "class b has 5 pictures, class c has 4 pictures, 5 folds and" in caught.value.message
    assert caught.value.hint == "add pictures to b, c, or use fewer folds: --set train.folds=3"
    draw_split(table_of(*singles(a=30, b=5, c=4, d=6)), "train.folds=3")
    with pytest.raises(DataError) as caught:
        draw_split(table_of(*singles(a=30, b=2)))
    assert caught.value.hint == "add pictures to b"
    rows = given({"train": {"a": 30, "b": 30, "c": 30}, "test": {"a": 5}})
    with pytest.raises(DataError, match="classes b, c have no picture in the held-out set"):
        draw_split(table_of(*rows))


def test_a_preview_gives_or_refuses_what_training_would_and_writes_nothing(run, config_of, draw_split):
    table = random_table(5)
    previewed = splits.preview(run, table, config_of())
    assert not run.folder.exists()
    drawn = draw_split(table)
    assert previewed == drawn
    assert previewed.train_key == drawn.train_key
    with pytest.raises(DataError, match="class b has 5 pictures"):
        splits.preview(run, table_of(*singles(a=30, b=5)), config_of())


def test_just_enough_pictures_of_a_class_are_enough(draw_split):
    split = draw_split(table_of(*singles(a=30, b=6)))
    assert Counter(p.label for p in split.held_out)["b"] == 1
    inside = [fold for p, fold in zip(split.train, split.folds, strict=True) if p.label == "b"]
    assert sorted(inside) == [0, 1, 2, 3, 4]


def test_a_class_without_held_out_pictures_is_refused(draw_split):
    rows = given({"train": {"a": 30, "b": 30}, "test": {"a": 5}})
    with pytest.raises(DataError, match="class b has no picture in the held-out set") as caught:
        draw_split(table_of(*rows))
    assert "test/" in caught.value.hint
    assert caught.value.exit_code == 2


def test_a_class_without_training_pictures_is_refused(draw_split):
    rows = given({"train": {"a": 30}, "test": {"a": 5, "b": 30}})
    with pytest.raises(DataError, match="class b has no training picture") as caught:
        draw_split(table_of(*rows))
    assert caught.value.hint == "add some (train/ or split = train)"


def test_a_class_that_is_one_group_is_refused(draw_split):
    rows = [*singles(a=30), *(picture(f"b/{i}.png", group="video") for i in range(30))]
    with pytest.raises(DataError, match="class b") as caught:
        draw_split(table_of(*rows))
    assert caught.value.hint.endswith(", or make their groups smaller")
    near = [picture(f"b/{i}.png")._replace(near_duplicates="b") for i in range(30)]
    for setting, end in (("true", ", or use --set data.group_copies=false"), ("false", "")):
        with pytest.raises(DataError, match="class b") as caught:
            draw_split(table_of(*singles(a=30), *near), f"data.group_copies={setting}")
        assert caught.value.hint.partition(", or ")[1:] == end.partition(", or ")[1:]


@pytest.mark.parametrize("folds", [2, 3, 7])
def test_another_number_of_folds_never_touches_the_held_out_side(draw_split, folds):
    rows = singles(a=150, b=150)
    draw_split(table_of(*rows[::2]))
    table = table_of(*rows)
    before = draw_split(table)
    after = draw_split(table, f"train.folds={folds}")
    assert after.held_out == before.held_out
    assert len(before.held_out) == 60
    for label in "ab":
        inside = Counter(f for p, f in zip(after.train, after.folds, strict=True) if p.label == label)
        assert set(inside) == set(range(folds))
        assert max(inside.values()) - min(inside.values()) <= 1
    assert draw_split(table, f"train.folds={folds}") == after


def test_another_number_of_folds_forgets_the_folds_of_pictures_that_are_gone(draw_split):
    rows = singles(a=60, b=60)
    before = draw_split(table_of(*rows))
    gone = {p.path for p in before.train[::3]}
    draw_split(table_of(*(p for p in rows if p.path not in gone)), "train.folds=2")
    after = draw_split(table_of(*rows), "train.folds=2")
    assert set(after.folds) == {0, 1}
    assert after.held_out == before.held_out


def test_keys_tell_what_each_side_sees(draw_split):
    rows = singles(a=40, b=40)
    first = draw_split(table_of(*rows))
    gone = next(p for p in first.held_out)
    second = draw_split(table_of(*(p for p in rows if p != gone)))
    assert second.train_key == first.train_key
    assert second.held_out_key != first.held_out_key
    gone = next(p for p in first.train)
    third = draw_split(table_of(*(p for p in rows if p != gone)))
    assert third.train_key != first.train_key
    assert third.held_out_key == first.held_out_key
