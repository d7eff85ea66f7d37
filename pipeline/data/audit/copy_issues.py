"""What an audit reports about copies; `near_duplicates` finds them, `copies` decides what they mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pipeline.core.errors import DataError
from pipeline.data import name_groups
from pipeline.data.audit.issues import ImageIssue, IssueKind, issue_of_groups, present
from pipeline.data.dataset import Table

# Training refuses to exclude more of a class than this for having two labels.
_MAX_CONTRADICTORY = 0.05


def of_copies(
    *,
    contradictions: Sequence[Sequence[str]],
    leaks: Sequence[Sequence[str]],
    equal: Sequence[Sequence[str]],
    near: Sequence[Sequence[str]],
    series: Sequence[Sequence[str]],
    grouped: bool,
) -> list[ImageIssue]:
    """Issues of copies.

    Args:
        contradictions: Groups of copies under two labels.
        leaks: Groups of copies that the data set's own split puts into both train and test.
        equal: Groups of equal files.
        near: Pairs of near-duplicates.
        series: Groups of near-duplicates that are too large to stay together.
        grouped: Whether copies stay on one side of the split.
    """
    loose = "they may end up on both sides of the split"
    kept = "nothing: they stay on one side of the split" if grouped else loose
    return present(
        issue_of_groups(
            IssueKind.CONTRADICTIONS,
            "one picture under two labels",
            "decide which label is right and move the other copy out; until then all copies are excluded",
            contradictions,
        ),
        issue_of_groups(
            IssueKind.LEAKS,
            "copies in both train and test",
            "keep them on one side only; evaluate gives the score with and without them",
            leaks,
        ),
        issue_of_groups(
            IssueKind.EQUAL,
            "groups of equal files",
            f"{kept}; training is faster without them",
            equal,
            matters=False,
        ),
        issue_of_groups(
            IssueKind.COPIES,
            "groups of near-duplicates (re-saved, resized, cropped or mirrored)",
            f"{kept}; in large series {loose}" if grouped and series else kept,
            near,
            matters=not grouped,
        ),
    )


def of_series(table: Table, series: Sequence[Sequence[str]]) -> list[ImageIssue]:
    """Large series of near-duplicates that no group of the data set holds together."""

    def held_together(group: Sequence[str]) -> bool:
        members = map(table.pictures.get, group)
        return all(picture and picture.group for picture in members)

    return present(
        issue_of_groups(
            IssueKind.SERIES,
            "large series of near-duplicates (a fixed camera or bursts), across classes or over 10% of one",
            "only exact copies stay on one side, so the score may be too optimistic: set data.group_pattern "
            "to what file names say, or give a table (.csv) with a column group for each session or object",
            [group for group in series if not held_together(group)],
        )
    )


def of_names(table: Table, pairs: Sequence[tuple[str, str]]) -> list[ImageIssue]:
    """File names that tell groups, as near-duplicates confirm, in a data set without groups."""
    if any(table.pictures.each("group")):
        return []
    found = name_groups.proposal(table.pictures.paths(), pairs)
    if found is None:
        return []
    recipe, groups = found
    return present(
        issue_of_groups(
            IssueKind.NAMES,
            "groups in the file names",
            f"train with --set data.group_pattern={recipe}, so that each stays on one side of the split",
            groups,
        )
    )


def leaks(
    table: Table, groups: Sequence[Sequence[str]], contradictions: Sequence[Sequence[str]]
) -> list[Sequence[str]]:
    """The groups that are on both sides of the data set's own split."""
    contradictory = {path for group in contradictions for path in group}

    def sides(group: Sequence[str]) -> set[str]:
        members = (table.pictures.get(path) for path in group if path not in contradictory)
        return {picture.given_split for picture in members if picture} - {""}

    return [group for group in groups if len(sides(group)) > 1]


def refusal(table: Table, contradictions: Sequence[Sequence[str]], contact_sheet: Path) -> DataError | None:
    """Why these pictures cannot be trained on, if too much of a class would be excluded."""
    contradictory = {path for group in contradictions for path in group}
    total = Counter(table.pictures.labels())
    found = (table.pictures.get(path) for path in contradictory)
    lost = Counter(picture.label for picture in found if picture)
    share, label = max(((n / total[label], label) for label, n in lost.items()), default=(0.0, ""))
    if share <= _MAX_CONTRADICTORY:
        return None
    return DataError(
        f"{lost[label]} of {total[label]} pictures of class {label} are also in another class "
        f"(more than {_MAX_CONTRADICTORY:.0%}); {contact_sheet} shows them",
        "move the copies out of the wrong class, or merge the classes that share their pictures",
    )
