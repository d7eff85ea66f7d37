"""Where the model fails and where it looks, from explain.json; without it, only how many answers changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from export import artifacts
from export.explain.explanation import (
    AnsweredPicture,
    ClassBorder,
    ExplainedPicture,
    Explanation,
    NearPicture,
)
from export.report.artifacts import Artifacts, Missing

_WRONG, _SHOWN = 12, 36  # pictures with maps
_MISTAKES = 100


@dataclass(frozen=True)
class Mistake:
    """A wrong answer; `anchor` is the id of its maps on the page, if it has any."""

    picture: AnsweredPicture
    anchor: str
    nearest: tuple[NearPicture, ...]


@dataclass(frozen=True)
class _Failures:
    """The section on mistakes.

    Attributes:
        model: The flavour; empty if nothing was explained.
        n: Held-out pictures.
        wrong: Its mistakes, the most confident first; not all if there are many.
        count: How many there are.
        own: How many of them the Keras model does not make.
        mended: How many of the Keras model's mistakes it does not make.
        flips: How many answers conversion changed; None if that is unknown.
    """

    model: str
    n: int
    wrong: list[Mistake]
    count: int
    own: int
    mended: int
    flips: int | None
    missing: list[Missing]


@dataclass(frozen=True)
class Looks:
    """The section on maps.

    Attributes:
        groups: The pictures in titled groups.
        explained: How many have maps at all.
        classes: The answers, each with how often it rests on the border.
        shown: All of them, or those that do so most often.
    """

    model: str
    groups: list[tuple[str, list[ExplainedPicture]]]
    explained: int
    classes: Sequence[ClassBorder]
    shown: Sequence[ClassBorder]
    alarms: tuple[str, ...]
    missing: list[Missing]

    @property
    def sample(self) -> int:
        """The number of pictures behind the table of answers."""
        return sum(row.n for row in self.classes)

    @property
    def pictures(self) -> list[ExplainedPicture]:
        """Those of all groups."""
        return [picture for _, group in self.groups for picture in group]


def failures(contents: Artifacts) -> _Failures:
    """The mistakes of the file, and the answers that quantization changed."""
    explanation, missing = contents.get(Explanation), contents.lacks(artifacts.EXPLAINED)
    target = contents.target(explanation.model if explanation else "")
    flips = target.flips if target else None
    if explanation is None:
        return _Failures("", 0, [], 0, 0, 0, flips, missing)
    explained = {picture.path: picture for picture in explanation.pictures}
    wrong = [picture for picture in explanation.mistakes if not picture.right]
    wrong.sort(key=lambda picture: -picture.file.score)
    shown = []
    for picture in wrong[:_MISTAKES]:
        own = explained.get(picture.path)
        shown.append(Mistake(picture, anchor(picture) if own else "", own.nearest if own else ()))
    return _Failures(
        model=explanation.model,
        n=explanation.n,
        wrong=shown,
        count=len(wrong),
        own=sum(picture.flip for picture in wrong),
        mended=len(explanation.mistakes) - len(wrong),
        flips=flips,
        missing=missing,
    )


def looks(contents: Artifacts) -> Looks:
    """The pictures with maps, the most telling first, and how much rests on the border."""
    explanation, missing = contents.get(Explanation), contents.lacks(artifacts.EXPLAINED)
    if explanation is None:
        return Looks("", [], 0, (), (), (), missing)
    return Looks(
        model=explanation.model,
        groups=_groups(explanation),
        explained=len(explanation.pictures),
        classes=explanation.classes,
        shown=explanation.telling,
        alarms=explanation.alarms,
        missing=missing,
    )


def anchor(picture: AnsweredPicture) -> str:
    """The id that a picture's maps have on the page."""
    return f"look-{picture.sha256[:12]}"


def _groups(explanation: Explanation) -> list[tuple[str, list[ExplainedPicture]]]:
    """Mistakes, most confident first; then the most and the least confident picture of each class."""
    by_path = {picture.path: picture for picture in explanation.pictures}
    wrong = sorted(
        (picture for picture in by_path.values() if not picture.right),
        key=lambda picture: -picture.file.score,
    )[:_WRONG]
    groups = [("Wrong answers, most confident first", wrong)]
    room = (_SHOWN - len(wrong)) // 2
    taken = {picture.path for picture in wrong}
    for title, paths in (
        ("Most confident of each class", [row.most_confident for row in explanation.classes]),
        ("Least confident of each class", [row.least_confident for row in explanation.classes]),
    ):
        firsts = [next((path for path in own if path in by_path and path not in taken), "") for own in paths]
        firsts = [path for path in firsts if path][:room]
        taken |= set(firsts)
        groups.append((title, [by_path[path] for path in firsts]))
    return [(title, group) for title, group in groups if group]
