from __future__ import annotations

from export.explain.explanation import ClassBorder, Explanation


def explanation(count: int) -> Explanation:
    classes = tuple(
        ClassBorder(
            label=f"class {number}",
            n=9,
            carried=number % 9,
            carried_interval=(0.0, 1.0),
            share=None,
            area=None,
            alarm=number == 5,
            few=False,
            sentence="",
        )
        for number in range(count)
    )
    return Explanation(
        model="int8",
        reference="keras",
        n=9 * count,
        limit=100,
        labels=tuple(row.label for row in classes),
        panels=(),
        pictures=(),
        mistakes=(),
        classes=classes,
        alarms=(),
    )


def test_of_many_classes_those_that_the_border_decides_tell_most():
    shown = [row.label for row in explanation(450).telling]
    decided = [f"class {number}" for number in range(8, 450, 9)]
    assert shown == ["class 5", *decided[:49]]


def test_as_many_classes_as_fit_stay_in_their_order():
    assert [row.label for row in explanation(50).telling] == [f"class {number}" for number in range(50)]
