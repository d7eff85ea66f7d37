"""The verdict, in three sentences: may the file be shipped and why, how good it is, and what to mind."""

from __future__ import annotations

from typing import Any, NamedTuple

from export.report.artefacts import SHIPPED, Artefacts
from pipeline import runs, shortcuts

YES, LOOK, NO, UNKNOWN = "yes", "look", "no", "unknown"
TITLES = {
    YES: "It may be shipped",
    LOOK: "Look before you ship it",
    NO: "Do not ship it",
    UNKNOWN: "Not known yet",
}


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
    if alarms and state == YES:
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
    """A share as percent, without a digit that means nothing."""
    return f"{100 * share:.1f}".removesuffix(".0") + "%"


def _file(found: Artefacts) -> tuple[str, str]:
    parity, row = found.get(runs.PARITY), found.target()
    if parity is None or row is None:
        command = found.missing[runs.PARITY].command if runs.PARITY in found.missing else ""
        return UNKNOWN, f"There is no file for the phone yet that was compared with its original: {command}"
    name, n = row["model"], parity["n"]
    wrong = _contradictions(found, name)
    if wrong:
        return NO, f"The {name} file is not what its name says: {wrong}."
    compared = (
        f"on {n:,} pictures that no choice has seen, {points(row['agreement'])} of its answers are those of "
        f"the Keras model, and its accuracy is {row['accuracy']:.3f} against "
        f"{parity['reference']['accuracy']:.3f}"
    )
    said = row.get("verdict", "passed" if row.get("passed") else "failed")
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
    unseen = f", but a loss of less than {points(least)} would not show in so few" if least else ""
    return LOOK, f"Nothing speaks against the {name} file: {compared}{unseen}; parity is not shown.{look}"


def _contradictions(found: Artefacts, name: str) -> str:
    passport = ((found.get(runs.PASSPORT) or {}).get("passports") or {}).get(name)
    if not passport or passport.get("sound", True):
        return ""
    return "; ".join((*passport.get("findings", ()), *passport.get("contradictions", ()))) or "see below"


def _guessing(found: Artefacts) -> str:
    """Said where the model is not surely better than always giving the commonest answer."""
    scores = (found.get(runs.EVALUATION) or {}).get("held_out")
    if not scores or not scores.get("classes"):
        return ""
    commonest = max(scores["classes"], key=lambda row: row["n"])
    share = commonest["n"] / scores["n"]
    if scores["accuracy_interval"][0] > share:
        return ""
    return (
        f"The model is not surely better than always saying {commonest['label']}, which would be right for "
        f"{points(share)} of the held-out pictures; it is for {points(scores['accuracy'])}."
    )


def _quality(found: Artefacts) -> str:
    evaluation = found.get(runs.EVALUATION)
    if not evaluation:
        folds = found.get(runs.FOLDS)
        if not folds:
            return "How good it is has not been measured: the training is not finished."
        return (
            f"On pictures that a fold had not seen it was right for {points(folds['accuracy'])} "
            f"(n = {folds['n']:,}); the held-out pictures have not been asked yet."
        )
    scores = evaluation["held_out"]
    low, high = scores["accuracy_interval"]
    selective = ((found.get(runs.PARITY) or {}).get("reference") or {}).get("dont_know")
    unsure = ""
    if selective and selective.get("selective_accuracy") is not None:
        unsure = (
            f"; below a score of {selective['threshold']:.2f} it says “I don't know”: it answers "
            f"{points(selective['coverage'])}, and {points(selective['selective_accuracy'])} of those correctly"
        )
    return (
        f"It names {points(scores['accuracy'])} of new pictures correctly (n = {scores['n']:,}; with 95% "
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
        return _first(gap["words"])
    evaluation = found.get(runs.EVALUATION) or {}
    if evaluation.get("without_leaked"):
        return evaluation["gaps"][-1]
    weakest = _weakest(evaluation)
    phone = "" if found.get(runs.PHONE) else " Nothing has been measured on a phone yet."
    return f"{weakest}{phone}".strip() or "Finish the training to learn more."


def _first(words: Any) -> str:
    return words if isinstance(words, str) else words[0]


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
        f"pictures are taken for {evaluation['labels'][most]}."
    )


def flavour(found: Artefacts) -> str:
    """The flavour that the verdict is about."""
    row = found.target()
    return row["model"] if row else SHIPPED
