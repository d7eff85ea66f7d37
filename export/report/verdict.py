"""The verdict, in three sentences: may the file be shipped and why, how good it is, and what to mind."""

from __future__ import annotations

from typing import Any, NamedTuple

from export.report.artefacts import SHIPPED, Artefacts
from pipeline import metrics, runs, shortcuts

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


def verdict(found: Artefacts) -> Verdict:
    """May the file for the phone be shipped?"""
    state, first = _file(found)
    guessing = _guessing(found)
    if guessing and state != UNKNOWN:
        state, first = NO, guessing
    alarms = alarms_of(found)
    if (alarms or _never(found)) and state == YES:
        state = LOOK
    return Verdict(state, TITLES[state], (first, _quality(found), _mind(found, alarms)))


def alarms_of(found: Artefacts) -> list[str]:
    """What a model may have learned instead of the content, a sentence each."""
    measured = found.get(runs.SHORTCUTS)
    by_file = shortcuts.alarms(measured) if measured and "families" in measured else []
    by_border = (found.get(runs.EXPLAINED) or {}).get("alarms", [])
    return [*by_border, *by_file]


def capital(sentence: str) -> str:
    """An alarm as a sentence of its own; a class name at its head stays as it is."""
    return sentence[0].upper() + sentence[1:] if sentence.startswith(("the ", "in ")) else sentence


def points(share: float) -> str:
    """A share as percent."""
    return f"{share:.1%}"


def _file(found: Artefacts) -> tuple[str, str]:
    parity, row = found.get(runs.PARITY), found.target()
    if parity is None or row is None:
        command = found.missing[runs.PARITY].command if runs.PARITY in found.missing else ""
        return (
            UNKNOWN,
            f"No file for the phone has been compared with its original yet; this does it: {command}.",
        )
    name, n = row["model"], parity["n"]
    wrong = _contradictions(found, name)
    if wrong:
        return NO, f"The {name} file is not what its name says: {wrong}."
    seen = "that no choice has seen" if row.get("look") != 2 else "that it was not trained on"
    compared = (
        f"on {n:,} pictures {seen}, {points(row['agreement'])} of its answers are those of "
        f"the Keras model, and its accuracy is {row['accuracy']:.3f} against "
        f"{parity['reference']['accuracy']:.3f}"
    )
    said = row["verdict"]
    look = " This is a second look: the gate had said no to a first file." if row.get("look") == 2 else ""
    if said == "failed":
        broken = "; ".join(row.get("broken", [])) or "a bound of the gate is broken"
        return (
            NO,
            f"The {name} file lost too much on the way from the Keras model: {broken} (n = {n:,}).{look}",
        )
    if said == "passed":
        return YES, f"The {name} file answers as its original does: {compared}.{look}"
    least = row.get("smallest_drop_that_would_show")
    unseen = f", but a loss of less than {100 * least:.1f} points would not show in so few" if least else ""
    return LOOK, f"Nothing speaks against the {name} file: {compared}{unseen}; parity is not shown.{look}"


def _contradictions(found: Artefacts, name: str) -> str:
    passport = ((found.get(runs.PASSPORT) or {}).get("passports") or {}).get(name)
    if not passport or passport.get("sound", True):
        return ""
    return "; ".join((*passport.get("findings", ()), *passport.get("contradictions", ()))) or "see below"


class _Scores(NamedTuple):
    """How good a model is on the held-out pictures."""

    who: str
    n: int
    accuracy: float
    interval: tuple[float, float]
    dont_know: dict[str, Any] | None


def _scores(found: Artefacts) -> _Scores | None:
    """Of the file for the phone; of the Keras model where there is none yet."""
    parity, row = found.get(runs.PARITY), found.target()
    if parity and row:
        n, right = parity["n"], round(row["accuracy"] * parity["n"])
        who = f"The {row['model']} file"
        return _Scores(who, n, row["accuracy"], metrics.wilson(right, n), row.get("dont_know"))
    held_out = (found.get(runs.EVALUATION) or {}).get("held_out")
    if not held_out:
        return None
    low, high = held_out["accuracy_interval"]
    return _Scores("The Keras model", held_out["n"], held_out["accuracy"], (low, high), None)


def _guessing(found: Artefacts) -> str:
    """Said where the model is not surely better than always giving the commonest answer."""
    scores = _scores(found)
    classes = ((found.get(runs.EVALUATION) or {}).get("held_out") or {}).get("classes")
    if not scores or not classes:
        return ""
    commonest = max(classes, key=lambda row: row["n"])
    share = commonest["n"] / scores.n
    if scores.interval[0] > share:
        return ""
    return (
        f"{scores.who} is not surely better than always saying {commonest['label']}, which would be right "
        f"for {points(share)} of the held-out pictures; it is for {points(scores.accuracy)}."
    )


def _quality(found: Artefacts) -> str:
    scores = _scores(found)
    if scores is None:
        folds = found.get(runs.FOLDS)
        if not folds:
            return "How good it is has not been measured: the training is not finished."
        return (
            f"On pictures that a fold had not seen the model was right for {points(folds['accuracy'])} "
            f"(n = {folds['n']:,}); the held-out pictures have not been asked yet."
        )
    unsure, selective = "", scores.dont_know
    if selective and selective.get("selective_accuracy") is not None:
        unsure = (
            f"; below a score of {selective['threshold']:.3f} it says “I don't know”: it answers "
            f"{points(selective['coverage'])}, {points(selective['selective_accuracy'])} of those correctly"
        )
    low, high = scores.interval
    return (
        f"{scores.who} names {points(scores.accuracy)} of new pictures correctly (n = {scores.n:,}; with 95% "
        f"certainty between {points(low)} and {points(high)}){unsure}."
    )


def _mind(found: Artefacts, alarms: list[str]) -> str:
    """The one thing that most needs to be minded."""
    if alarms:
        more = f" ({len(alarms) - 1} more below.)" if len(alarms) > 1 else ""
        return f"Mind this: {alarms[0]}.{more}".replace("..", ".")
    photos = found.get(runs.PHOTOS)
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
    phone = "" if found.get(runs.PHONE) else " Nothing has been measured on a phone yet."
    return f"{weakest}{phone}".strip() or "Finish the training to learn more."


def _never(found: Artefacts) -> list[dict[str, Any]]:
    """Classes of which the Keras model recognises no held-out picture, where there are some to recognise."""
    classes = ((found.get(runs.EVALUATION) or {}).get("held_out") or {}).get("classes", [])
    return [row for row in classes if row["n"] >= _SOME and row["recall"] == 0]


def _weakest(evaluation: dict[str, Any]) -> str:
    scores = evaluation.get("held_out")
    if not scores:
        return ""
    index, row = min(enumerate(scores["classes"]), key=lambda entry: entry[1]["f1"])
    counts = list(scores["confusion"][index])
    own, counts[index] = counts[index], 0
    most = max(range(len(counts)), key=counts.__getitem__)
    if own == row["n"]:
        return ""
    return (
        f"The weakest class is {row['label']} (F1 {row['f1']:.2f}): {counts[most]} of its {row['n']} "
        f"pictures {'is' if counts[most] == 1 else 'are'} taken for {evaluation['labels'][most]}."
    )


def flavour(found: Artefacts) -> str:
    """The flavour that the verdict is about."""
    row = found.target()
    return row["model"] if row else SHIPPED
