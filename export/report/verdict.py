"""The verdict in three sentences: may the file be shipped and why, how good it is, and what to watch.

The only place that says what to do; tables and the comparison itself only report.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from export import artifacts
from export.parity.result import Verdict as Gated
from export.report.artifacts import SHIPPED, Artifacts
from export.report.scores import clean, coverage, scores
from pipeline.core import runs
from pipeline.data.audit.shortcuts import Shortcuts

YES, LOOK, NO, UNKNOWN = "yes", "look", "no", "unknown"
_TITLES = {
    YES: "It may be shipped",
    LOOK: "Look before you ship it",
    NO: "Do not ship it",
    UNKNOWN: "Not known yet",
}


_SOME = 5  # pictures of a class


class Verdict(NamedTuple):
    """What the report begins with.

    Attributes:
        state: `yes`, `look`, `no` or `unknown`.
        title: The same in words.
        sentences: Three of them.
    """

    state: str
    title: str
    sentences: tuple[str, ...]


def verdict(found: Artifacts) -> Verdict:
    """May the file for the phone be shipped?"""
    state, first = _file(found)
    instead = _instead(found)
    useless = _silent(found) or _guessing(found)
    if useless and state != UNKNOWN:
        state, first = NO, useless
    elif instead:
        first = f"{first} {instead}"
    alarms = alarms_of(found)
    known = scores(found)
    unseen = known is not None and known.accuracy is None
    if (alarms or instead or unseen or _never(found)) and state == YES:
        state = LOOK
    return Verdict(state, _TITLES[state], (first, _quality(found), _mind(found, alarms)))


def alarms_of(found: Artifacts) -> list[str]:
    """What a model may have learned instead of the content: sentences to follow `Warning:`."""
    shortcuts: Shortcuts | None = found.get(runs.SHORTCUTS)
    by_file = shortcuts.alarms if shortcuts else []
    by_border = (found.get(artifacts.EXPLAINED) or {}).get("alarms", [])
    return [*by_border, *(f"{sentence}." for sentence in by_file)]


def points(share: float) -> str:
    """A share as percent."""
    return f"{share:.1%}"


def _file(found: Artifacts) -> tuple[str, str]:
    parity, row = found.parity, found.target()
    if parity is None or row is None:
        command = found.missing[artifacts.PARITY].command if artifacts.PARITY in found.missing else ""
        return (
            UNKNOWN,
            f"No exported file has been compared with the Keras model yet; run {command}.",
        )
    name, n = row.model, parity.n
    wrong = _contradictions(found, name)
    if wrong:
        return NO, f"The {name} file is not what its name says: {wrong}."
    seen = "outside training" if row.second_look else "that no decision has used"
    (own, _, counted), (keras, *_) = clean(row, n), clean(parity.reference, n)
    compared = f"on {n:,} pictures {seen}, {points(row.agreement)} of its answers match the Keras model's"
    if own is not None and keras is not None:
        where = f" on the {counted:,} without copies in training" if counted < n else ""
        compared += f", and its accuracy is {own:.3f} against {keras:.3f}{where}"
    look = " This is the second look: a first file failed the gate." if row.second_look else ""
    if row.verdict == Gated.FAILED:
        broken = "; ".join(row.broken)
        return (
            NO,
            f"The {name} file lost too much in conversion: {broken} (n = {n:,}).{look}",
        )
    if row.verdict == Gated.PASSED:
        return YES, f"The {name} file matches the Keras model: {compared}.{look}"
    least = 100 * row.smallest_drop_that_would_show
    return LOOK, (
        f"No problem found with the {name} file: {compared}. But the sample is too small to confirm parity: "
        f"a loss below {least:.1f} points would not show. Check the changed answers in {artifacts.FLIPS}; to "
        f"confirm parity, hold out more pictures.{look}"
    )


def _contradictions(found: Artifacts, name: str) -> str:
    passport = ((found.get(artifacts.PASSPORT) or {}).get("passports") or {}).get(name)
    if not passport or passport.get("sound", True):
        return ""
    return "; ".join((*passport.get("defects", ()), *passport.get("contradictions", ()))) or "see below"


def _instead(found: Artifacts) -> str:
    """Said where another file takes the place of int8: why, and which."""
    row, first = found.target(), found.target(SHIPPED)
    if row is None or row.model == SHIPPED:
        return ""
    if SHIPPED in found.failed:
        return f"It replaces int8, which could not be converted: {found.failed[SHIPPED]}."
    if first is None:
        return ""
    return f"It replaces int8, which failed the gate: {'; '.join(first.reasons)}."


def _silent(found: Artifacts) -> str:
    """Said where the threshold leaves no picture with an answer."""
    known = scores(found)
    if known is None or known.coverage != 0:
        return ""
    keras = found.parity and coverage(found.parity.reference)
    beside = f" (the Keras model: {points(keras)})" if keras is not None else ""
    below = "" if known.threshold is None else f" with its threshold of {known.threshold:.3f}"
    return (
        f"{known.who} never gives an answer{below}: coverage is 0%{beside}, so the app says “I don't know” "
        "to every picture."
    )


def _guessing(found: Artifacts) -> str:
    """Said where the model is not surely better than always giving the commonest answer."""
    known = scores(found)
    held_out = (found.get(runs.EVALUATION) or {}).get("held_out") or {}
    classes = held_out.get("classes")
    if not known or known.accuracy is None or not classes:
        return ""
    commonest = max(classes, key=lambda row: row["n"])
    share = commonest["n"] / sum(row["n"] for row in classes)
    if known.interval[0] > share:
        return ""
    return (
        f"{known.who} may be no better than always answering {commonest['label']}, which is right for "
        f"{points(share)} of the held-out pictures; its accuracy is {points(known.accuracy)}."
    )


def _quality(found: Artifacts) -> str:
    known = scores(found)
    if known is None:
        folds = found.get(runs.FOLDS)
        if not folds:
            return "Its accuracy is unknown: training is not finished."
        return (
            f"Out-of-fold accuracy is {points(folds['accuracy'])} (n = {folds['n']:,}); the held-out "
            "pictures have not been evaluated yet."
        )
    if known.accuracy is None:
        return "Its accuracy on new pictures is unknown: every held-out picture has a copy in training."
    low, high = known.interval
    leaked = f", {known.leaked:,} with copies in training excluded" if known.leaked else ""
    sure = f"n = {known.n:,}{leaked}; 95% interval {points(low)} to {points(high)}"
    if known.coverage == 0:
        return f"Its hidden best guesses would be right for {points(known.accuracy)} ({sure})."
    unsure = ""
    if known.coverage is not None and known.threshold is not None:
        unsure = (
            f". Below a score of {known.threshold:.3f} it says “I don't know”: it answers "
            f"{points(known.coverage)}"
        )
        if known.right_of_answered is not None and not known.leaked:
            unsure += f", {points(known.right_of_answered)} of those correctly"
    return f"{known.who} recognises {points(known.accuracy)} of new pictures ({sure}){unsure}."


def _mind(found: Artifacts, alarms: list[str]) -> str:
    """The one thing that most needs to be minded."""
    if alarms:
        more = f" ({len(alarms) - 1} more below.)" if len(alarms) > 1 else ""
        return f"Warning: {alarms[0]}{more}"
    photos = found.get(artifacts.PHOTOS)
    gap = (photos or {}).get("gap") or {}
    if gap.get("words"):
        return gap["words"][0]
    evaluation = found.get(runs.EVALUATION) or {}
    never = _never(found)
    if never:
        some = f" ({len(never) - 1} more such classes.)" if len(never) > 1 else ""
        return f"Warning: none of the {never[0]['n']} pictures of {never[0]['label']} is recognised.{some}"
    if evaluation.get("without_leaked"):
        return evaluation["gaps"][-1]
    weakest = _weakest(evaluation)
    phone = "" if found.get(artifacts.PHONE) else " It has not been timed on a phone yet."
    return f"{weakest}{phone}".strip() or "Finish the training to learn more."


def _never(found: Artifacts) -> list[dict[str, Any]]:
    """Classes of which the Keras model recognises no held-out picture, where there are some to recognise."""
    classes = ((found.get(runs.EVALUATION) or {}).get("held_out") or {}).get("classes", [])
    return [row for row in classes if row["n"] >= _SOME and row["recall"] == 0]


def _weakest(evaluation: dict[str, Any]) -> str:
    held_out = evaluation.get("held_out")
    if not held_out:
        return ""
    index, row = min(enumerate(held_out["classes"]), key=lambda entry: entry[1]["f1"])
    counts = list(held_out["confusion"][index])
    own, counts[index] = counts[index], 0
    most = max(range(len(counts)), key=counts.__getitem__)
    if own == row["n"]:
        return ""
    return (
        f"The weakest class is {row['label']} (F1 {row['f1']:.2f}): {counts[most]} of its {row['n']} "
        f"pictures {'is' if counts[most] == 1 else 'are'} mistaken for {evaluation['labels'][most]}."
    )


def flavour(found: Artifacts) -> str:
    """The flavour that the verdict is about."""
    row = found.target()
    return row.model if row else SHIPPED
