"""The verdict, in three sentences: may the file be shipped and why, how good it is, and what to mind."""

from __future__ import annotations

from typing import Any, NamedTuple

from export import artifacts
from export.parity.result import Verdict as Gated
from export.report.artifacts import SHIPPED, Artifacts
from export.report.scores import clean, coverage, scores
from pipeline.core import runs
from pipeline.data.audit import shortcuts

YES, LOOK, NO, UNKNOWN = "yes", "look", "no", "unknown"
TITLES = {
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
    return Verdict(state, TITLES[state], (first, _quality(found), _mind(found, alarms)))


def alarms_of(found: Artifacts) -> list[str]:
    """What a model may have learned instead of the content, a sentence each."""
    measured = found.get(runs.SHORTCUTS)
    by_file = shortcuts.alarms(measured) if measured and "families" in measured else []
    by_border = (found.get(artifacts.EXPLAINED) or {}).get("alarms", [])
    return [*by_border, *by_file]


def capital(sentence: str) -> str:
    """An alarm as a sentence of its own; a class name at its head stays as it is."""
    return sentence[0].upper() + sentence[1:] if sentence.startswith(("the ", "in ")) else sentence


def points(share: float) -> str:
    """A share as percent."""
    return f"{share:.1%}"


def _file(found: Artifacts) -> tuple[str, str]:
    parity, row = found.parity, found.target()
    if parity is None or row is None:
        command = found.missing[artifacts.PARITY].command if artifacts.PARITY in found.missing else ""
        return (
            UNKNOWN,
            f"No file for the phone has been compared with its original yet; this does it: {command}.",
        )
    name, n = row.model, parity.n
    wrong = _contradictions(found, name)
    if wrong:
        return NO, f"The {name} file is not what its name says: {wrong}."
    seen = "that it was not trained on" if row.second_look else "that no choice has seen"
    (own, _, counted), (keras, *_) = clean(row, n), clean(parity.reference, n)
    compared = (
        f"on {n:,} pictures {seen}, {points(row.agreement)} of its answers are those of the Keras model"
    )
    if own is not None and keras is not None:
        where = f" on the {counted:,} without copies in training" if counted < n else ""
        compared += f", and its accuracy is {own:.3f} against {keras:.3f}{where}"
    look = " This is a second look: the gate had said no to a first file." if row.second_look else ""
    if row.verdict == Gated.FAILED:
        broken = "; ".join(row.broken)
        return (
            NO,
            f"The {name} file lost too much on the way from the Keras model: {broken} (n = {n:,}).{look}",
        )
    if row.verdict == Gated.PASSED:
        return YES, f"The {name} file answers as its original does: {compared}.{look}"
    least = 100 * row.smallest_drop_that_would_show
    unseen = f", but a loss of less than {least:.1f} points would not show in so few"
    return LOOK, f"Nothing speaks against the {name} file: {compared}{unseen}; parity is not shown.{look}"


def _contradictions(found: Artifacts, name: str) -> str:
    passport = ((found.get(artifacts.PASSPORT) or {}).get("passports") or {}).get(name)
    if not passport or passport.get("sound", True):
        return ""
    return "; ".join((*passport.get("image_issues", ()), *passport.get("contradictions", ()))) or "see below"


def _instead(found: Artifacts) -> str:
    """Said where another file takes the place of int8: why, and which."""
    row, first = found.target(), found.target(SHIPPED)
    if row is None or row.model == SHIPPED:
        return ""
    if SHIPPED in found.failed:
        return f"It takes the place of int8, which could not be made: {found.failed[SHIPPED]}."
    if first is None:
        return ""
    return f"It takes the place of int8, to which the gate says no: {'; '.join(first.reasons)}."


def _silent(found: Artifacts) -> str:
    """Said where the threshold leaves no picture with an answer."""
    known = scores(found)
    if known is None or known.coverage != 0:
        return ""
    keras = found.parity and coverage(found.parity.reference)
    beside = f" (the Keras model: {points(keras)})" if keras is not None else ""
    below = "" if known.threshold is None else f" with its threshold of {known.threshold:.3f}"
    return (
        f"{known.who} gives no answer at all{below}: coverage is 0%{beside}, so the app says “I don't know” "
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
        f"{known.who} is not surely better than always saying {commonest['label']}, which would be right "
        f"for {points(share)} of the held-out pictures; it is for {points(known.accuracy)}."
    )


def _quality(found: Artifacts) -> str:
    known = scores(found)
    if known is None:
        folds = found.get(runs.FOLDS)
        if not folds:
            return "How good it is has not been measured: the training is not finished."
        return (
            f"On pictures that a fold had not seen the model was right for {points(folds['accuracy'])} "
            f"(n = {folds['n']:,}); the held-out pictures have not been asked yet."
        )
    if known.accuracy is None:
        return "How good it is on new pictures is not known: every held-out picture has a copy in training."
    low, high = known.interval
    leaked = f", {known.leaked:,} with copies in training left out" if known.leaked else ""
    sure = f"n = {known.n:,}{leaked}; with 95% certainty between {points(low)} and {points(high)}"
    if known.coverage == 0:
        return f"Its best guesses, which nobody sees, would be right for {points(known.accuracy)} ({sure})."
    unsure = ""
    if known.coverage is not None and known.threshold is not None:
        unsure = (
            f"; below a score of {known.threshold:.3f} it says “I don't know”: it answers "
            f"{points(known.coverage)}"
        )
        if known.right_of_answered is not None and not known.leaked:
            unsure += f", {points(known.right_of_answered)} of those correctly"
    return f"{known.who} names {points(known.accuracy)} of new pictures correctly ({sure}){unsure}."


def _mind(found: Artifacts, alarms: list[str]) -> str:
    """The one thing that most needs to be minded."""
    if alarms:
        more = f" ({len(alarms) - 1} more below.)" if len(alarms) > 1 else ""
        return f"Mind this: {alarms[0]}.{more}".replace("..", ".")
    photos = found.get(artifacts.PHOTOS)
    gap = (photos or {}).get("gap") or {}
    if gap.get("words"):
        return gap["words"][0]
    evaluation = found.get(runs.EVALUATION) or {}
    never = _never(found)
    if never:
        some = f" ({len(never) - 1} more classes likewise.)" if len(never) > 1 else ""
        return f"Mind this: of {never[0]['n']} pictures of {never[0]['label']} none is recognised.{some}"
    if evaluation.get("without_leaked"):
        return evaluation["gaps"][-1]
    weakest = _weakest(evaluation)
    phone = "" if found.get(artifacts.PHONE) else " Nothing has been measured on a phone yet."
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
        f"pictures {'is' if counts[most] == 1 else 'are'} taken for {evaluation['labels'][most]}."
    )


def flavour(found: Artifacts) -> str:
    """The flavour that the verdict is about."""
    row = found.target()
    return row.model if row else SHIPPED
