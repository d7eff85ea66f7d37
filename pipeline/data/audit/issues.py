"""The issues that an audit reports: their kinds, and the form in which audit.json holds them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import StrEnum

from pipeline.core.documents import Document


class IssueKind(StrEnum):
    """The kinds of issue, by their names in audit.json."""

    CONTRADICTIONS = "contradictions"
    LEAKS = "leaks"
    EQUAL = "equal"
    COPIES = "copies"
    SERIES = "series"
    UNREADABLE = "unreadable"
    MISSING = "missing"
    OTHER_FORMATS = "other_formats"
    PASSED_OVER = "passed_over"
    NESTED = "nested"
    SPLITS = "splits"
    ENCODING = "encoding"
    BACKSLASHES = "backslashes"
    NAMED_GROUPS = "named_groups"
    NO_NAMED_GROUPS = "no_named_groups"
    NAMES = "names"
    FEW = "few"
    BALANCE = "balance"
    UNIFORM = "uniform"
    PLACEHOLDER = "placeholder"
    TINY = "tiny"
    BARS = "bars"
    MISNAMED = "misnamed"
    ODD_MODES = "odd_modes"
    ANIMATED = "animated"
    TURNED = "turned"
    ORIENTATION = "orientation"


# Issues of the whole data set; the count is in their titles.
_OF_THE_WHOLE = {
    IssueKind.SPLITS,
    IssueKind.ENCODING,
    IssueKind.BACKSLASHES,
    IssueKind.NAMED_GROUPS,
    IssueKind.NO_NAMED_GROUPS,
    IssueKind.FEW,
    IssueKind.BALANCE,
}


class ImageIssue(Document):
    """All occurrences of one kind of issue.

    Attributes:
        kind: What kind.
        title: The issue in a few words.
        advice: What to do about it.
        pictures: Their paths; those of groups one after the other.
        count: How many pictures, classes or groups are affected.
        matters: Whether the user should act; the pipeline handles the rest.
    """

    kind: IssueKind
    title: str
    advice: str
    pictures: tuple[str, ...]
    count: int
    matters: bool = True

    @property
    def summary(self) -> str:
        """The issue and how often it occurs."""
        return self.title if self.kind in _OF_THE_WHOLE else f"{self.count:,} × {self.title}"


def issue(
    kind: IssueKind,
    title: str,
    advice: str,
    pictures: Collection[str],
    *,
    count: int | None = None,
    matters: bool = True,
) -> ImageIssue:
    """An issue of these pictures; `count` where it counts something else."""
    return ImageIssue(
        kind=kind,
        title=title,
        advice=advice,
        pictures=tuple(pictures),
        count=len(pictures) if count is None else count,
        matters=matters,
    )


def issue_of_groups(
    kind: IssueKind, title: str, advice: str, groups: Sequence[Sequence[str]], *, matters: bool = True
) -> ImageIssue:
    """An issue of groups of pictures."""
    paths = [path for group in groups for path in group]
    return issue(kind, title, advice, paths, count=len(groups), matters=matters)


def present(*issues: ImageIssue) -> list[ImageIssue]:
    """The issues that occur at all."""
    return [issue for issue in issues if issue.count]
