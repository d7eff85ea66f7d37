"""The verdict in three sentences: may the file be shipped and why, how good it is, and what to watch.

The only place that says what to do; tables and the comparison itself only report.
"""

from __future__ import annotations

from typing import NamedTuple

from export import artifacts
from export.android.benchmark.phone_benchmarks import PhoneBenchmarks
from export.android.photos.photos import Photos
from export.explain.explanation import Explanation
from export.inspection.inspector import Passports
from export.parity.result import Verdict as Gated
from export.report.artifacts import SHIPPED, Artifacts
from export.report.scores import clean, coverage, scores
from pipeline.data.audit.shortcuts import Shortcuts
from pipeline.evaluation.evaluate import ClassScore, Evaluation, leak
from pipeline.training.results import Folds, GivenModel

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


def verdict(contents: Artifacts) -> Verdict:
    """May the file for the phone be shipped?"""
    state, first = _file(contents)
    instead = _instead(contents)
    useless = _silent(contents) or _guessing(contents)
    if useless and state != UNKNOWN:
        state, first = NO, useless
    elif instead:
        first = f"{first} {instead}"
    alarms = alarms_of(contents)
    known = scores(contents)
    unseen = known is not None and known.accuracy is None
    if (alarms or instead or unseen or _never(contents)) and state == YES:
        state = LOOK
    return Verdict(state, _TITLES[state], (first, _quality(contents), _watch(contents, alarms)))


def alarms_of(contents: Artifacts) -> list[str]:
    """What the model may have learned instead of the content, as sentences that follow `Warning:`."""
    shortcuts, explanation = contents.get(Shortcuts), contents.get(Explanation)
    by_file = shortcuts.alarms if shortcuts else ()
    by_border = explanation.alarms if explanation else ()
    return [*by_border, *(f"{sentence}." for sentence in by_file)]


def points(share: float) -> str:
    """A share as percent."""
    return f"{share:.1%}"


def _file(contents: Artifacts) -> tuple[str, str]:
    parity, row = contents.parity, contents.target()
    if parity is None or row is None:
        command = contents.missing[artifacts.PARITY].command if artifacts.PARITY in contents.missing else ""
        return (
            UNKNOWN,
            f"No exported file has been compared with the Keras model yet; run {command}.",
        )
    name, n = row.model, parity.n
    wrong = _contradictions(contents, name)
    if wrong:
        return NO, f"The {name} file is not what its name says: {wrong}."
    seen = "outside training" if row.second_look else "that no decision has used"
    (own, _, counted), (keras, *_) = clean(row, n), clean(parity.reference, n)
    compared = f"on {n:,} pictures {seen}, {points(row.agreement)} of its answers match the Keras model's"
    if own is not None and keras is not None:
        where = f" on the {counted:,} without copies in training" if counted < n else ""
        both = f"both have an accuracy of {own:.3f}"
        compared += ", and "
        compared += (
            both if f"{own:.3f}" == f"{keras:.3f}" else f"its accuracy is {own:.3f} against {keras:.3f}"
        )
        compared += where
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
    check = f"Check the changed answers in {artifacts.FLIPS}; to" if row.flips else "To"
    return LOOK, (
        f"No problem found with the {name} file: {compared}. But the sample is too small to confirm parity: "
        f"a loss below {least:.1f} points would not show. {check} confirm parity, hold out more pictures "
        f"(data.held_out).{look}"
    )


def _contradictions(contents: Artifacts, name: str) -> str:
    passports = contents.get(Passports)
    passport = passports.passports.get(name) if passports else None
    return "; ".join((*passport.defects, *passport.contradictions)) if passport else ""


def _instead(contents: Artifacts) -> str:
    """Why another file replaces int8; empty if none does."""
    row, first = contents.target(), contents.target(SHIPPED)
    if row is None or row.model == SHIPPED:
        return ""
    if SHIPPED in contents.failed:
        return f"It replaces int8, which could not be converted: {contents.failed[SHIPPED]}."
    if first is None:
        return ""
    return f"It replaces int8, which failed the gate: {'; '.join(first.reasons)}."


def _silent(contents: Artifacts) -> str:
    """That the threshold leaves no picture with an answer; empty if it leaves any."""
    known = scores(contents)
    if known is None or known.coverage != 0:
        return ""
    keras = contents.parity and coverage(contents.parity.reference)
    beside = f" (the Keras model: {points(keras)})" if keras is not None else ""
    below = "" if known.threshold is None else f" with its threshold of {known.threshold:.3f}"
    return (
        f"{known.who} never gives an answer{below}: coverage is 0%{beside}, so the app says “I don't know” "
        "to every picture."
    )


def _guessing(contents: Artifacts) -> str:
    """That the model may be no better than the commonest answer; empty if it is."""
    known, evaluation = scores(contents), contents.get(Evaluation)
    if not known or known.accuracy is None or not evaluation:
        return ""
    classes = evaluation.held_out.classes
    commonest = max(classes, key=lambda row: row.n)
    share = commonest.n / sum(row.n for row in classes)
    if known.interval[0] > share:
        return ""
    return (
        f"{known.who} may be no better than always answering {commonest.label}, which is right for "
        f"{points(share)} of the held-out pictures; its accuracy is {points(known.accuracy)}."
    )


def _quality(contents: Artifacts) -> str:
    known = scores(contents)
    if known is None:
        folds = contents.get(Folds)
        if not folds:
            return "Its accuracy is unknown: training is not finished."
        return (
            f"Out-of-fold accuracy is {points(folds.accuracy)} (n = {folds.n:,}); the held-out "
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
    if contents.get(GivenModel):
        return (
            f"{known.who} recognizes {points(known.accuracy)} of the held-out pictures ({sure}){unsure}. "
            "If the model was trained on some of them, it does worse on new ones."
        )
    return f"{known.who} recognizes {points(known.accuracy)} of new pictures ({sure}){unsure}."


def _watch(contents: Artifacts, alarms: list[str]) -> str:
    """The one thing to watch most."""
    if alarms:
        more = f" ({len(alarms) - 1} more below.)" if len(alarms) > 1 else ""
        return f"Warning: {alarms[0]}{more}"
    photos, evaluation = contents.get(Photos), contents.get(Evaluation)
    if photos and photos.gap and photos.gap.words:
        return photos.gap.words[0]
    never = _never(contents)
    if never:
        some = f" ({len(never) - 1} more such classes.)" if len(never) > 1 else ""
        return f"Warning: none of the {never[0].n} pictures of {never[0].label} is recognized.{some}"
    if evaluation and evaluation.without_leaked:
        return leak(evaluation.held_out, evaluation.without_leaked)
    weakest = _weakest(evaluation) if evaluation else ""
    phone = "" if contents.get(PhoneBenchmarks) else " It has not been timed on a phone yet."
    return f"{weakest}{phone}".strip() or "Finish the training to learn more."


def _never(contents: Artifacts) -> list[ClassScore]:
    """Classes with some held-out pictures, none of which the Keras model recognizes."""
    evaluation = contents.get(Evaluation)
    classes = evaluation.held_out.classes if evaluation else ()
    return [row for row in classes if row.n >= _SOME and row.recall == 0]


def _weakest(evaluation: Evaluation) -> str:
    index, row = min(enumerate(evaluation.held_out.classes), key=lambda entry: entry[1].f1)
    wrong = {
        answer: n for truth, answer, n in evaluation.held_out.confusion if truth == index and answer != index
    }
    if not wrong:
        return ""
    most, count = max(wrong.items(), key=lambda entry: entry[1])
    return (
        f"The weakest class is {row.label} (F1 {row.f1:.2f}): {count} of its {row.n} "
        f"pictures {'is' if count == 1 else 'are'} mistaken for {evaluation.labels[most]}."
    )


def flavour(contents: Artifacts) -> str:
    """The flavour that the verdict is about."""
    row = contents.target()
    return row.model if row else SHIPPED
