"""The results of comparing models, as documents: `parity.json` and its parts.

`comparison` measures, `gate` judges, `wording` puts it in words.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import computed_field

from export.conversion.calibration import FirstLook
from export.parity.latency import Timing
from pipeline.core.documents import Document
from pipeline.core.sections import Gate
from pipeline.evaluation.evaluate import WithoutLeaked
from pipeline.stats.metrics import Interval

Quantity = Literal[
    "agreement", "mean_abs_dp", "confidence_shift", "accuracy_drop", "macro_f1_drop", "coverage_drop"
]


class Verdict(StrEnum):
    """The gate's verdict on a file."""

    FAILED = "failed"
    PASSED = "passed"
    NOT_SHOWN = "not shown"


class Check(Document):
    """One quantity that the gate judged.

    Attributes:
        name: The comparison's field of that name.
        verdict: Of this quantity alone.
        value: As measured.
        interval: Its 95% interval.
        allowed: The lowest and the highest value allowed; None for no limit.
        pictures_needed: About how many pictures like these would pass, if it is not shown; None if the value
            itself is beyond its limit.
        text: The value and its limit.
    """

    name: Quantity
    verdict: Verdict
    value: float
    interval: Interval
    allowed: tuple[float | None, float | None]
    pictures_needed: int | None
    text: str


class Judgement(Document):
    """The gate's verdict on one comparison, and the checks behind it."""

    verdict: Verdict
    checks: tuple[Check, ...]

    @computed_field
    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return self.verdict == Verdict.PASSED

    @computed_field
    @property
    def broken(self) -> list[str]:
        """The checks that failed, each with its limit."""
        return [check.text for check in self.checks if check.verdict == Verdict.FAILED]

    @computed_field
    @property
    def unproved(self) -> list[str]:
        """The checks that need more pictures to decide, each with its limit."""
        return [check.text for check in self.checks if check.verdict == Verdict.NOT_SHOWN]

    @property
    def reasons(self) -> list[str]:
        """Why it did not pass: the failed checks, or else the undecided ones."""
        return self.broken or self.unproved


class DontKnow(Document):
    """A model that answers "I don't know" below the threshold; shares of all pictures and of those answered.

    `selective_accuracy` is None if no picture is answered.
    """

    threshold: float
    coverage: float
    coverage_interval: Interval
    selective_accuracy: float | None
    selective_accuracy_interval: Interval


class Scores(Document):
    """How good one model is, with 95% intervals.

    Attributes:
        accuracy: The share of right answers.
        macro_f1: Over the classes that occur.
        calibration_error: Expected; None if there are too few pictures to tell.
        dont_know: None without a threshold.
    """

    accuracy: float
    accuracy_interval: Interval
    macro_f1: float
    calibration_error: float | None
    dont_know: DontKnow | None


class ClassChange(Document):
    """How the n pictures of one class fared; no recall without pictures."""

    label: str
    n: int
    lost: int
    gained: int
    recall: float | None
    recall_drop_interval: Interval | None
    f1_drop: float
    f1_drop_interval: Interval


class Comparison(Scores):
    """A target's scores and how they differ from the reference's, on the same n pictures.

    Attributes:
        groups: How many groups the pictures come in; intervals allow for them.
        agreement: Share of pictures with the same answer.
        flips: How many answers changed.
        lost: Right before, wrong now.
        gained: Wrong before, right now.
        mean_abs_dp: The mean probability that moved to other classes, 0 to 1.
        max_abs_dp: The largest change of any probability.
        confidence_shift: Mean change of the top probability, −1 to 1.
        coverage: Share of pictures answered; None without a threshold.
        mcnemar_p: Exact, two-sided.
        smallest_drop_that_would_show: In accuracy, with this many pictures.
    """

    n: int
    groups: int
    agreement: float
    agreement_interval: Interval
    flips: int
    lost: int
    gained: int
    mean_abs_dp: float
    mean_abs_dp_interval: Interval
    max_abs_dp: float
    confidence_shift: float
    confidence_shift_interval: Interval
    accuracy_drop: float
    accuracy_drop_interval: Interval
    macro_f1_drop: float
    macro_f1_drop_interval: Interval
    coverage: float | None
    coverage_drop: float | None
    coverage_drop_interval: Interval | None
    mcnemar_p: float
    smallest_drop_that_would_show: float
    classes: tuple[ClassChange, ...]

    def measured(self, quantity: Quantity) -> tuple[float, Interval] | None:
        """A quantity of the gate and its 95% interval; None if it could not be measured."""
        value, interval = getattr(self, quantity), getattr(self, f"{quantity}_interval")
        return None if value is None else (value, interval)


class Reference(Scores):
    """The model that others are compared with."""

    model: str


class Target(Comparison, Judgement):
    """A model that was compared and judged.

    Attributes:
        model: Its name.
        look: How often these pictures have judged a file of this model: 1, or 2 after a recalibration.
        words: What it means, in sentences.
    """

    model: str
    look: int
    words: tuple[str, ...]

    @property
    def second_look(self) -> bool:
        """Whether an earlier file failed on these same pictures."""
        return self.look == 2


class KerasReference(Reference):
    """A run's Keras model; `without_leaked` is None if no held-out picture has a copy in training."""

    without_leaked: WithoutLeaked | None


class SameAnswers(Document):
    """The share of pictures with the reference's answer."""

    agreement: float
    agreement_interval: Interval


class FlavourTarget(Target):
    """A .tflite file of a run, as XNNPACK computes it.

    Attributes:
        file: Its path within the run.
        without_leaked: Its score without pictures that have copies in training; None if there are none.
        first_look: The gate's figures for the file before a recalibration, at a second look.
        latency: On the computer that made it.
        built_in: Of the int8 file with the built-in kernels, which the gate does not judge.
    """

    file: str
    size_bytes: int
    without_leaked: WithoutLeaked | None
    first_look: FirstLook | None
    latency: Timing
    built_in: SameAnswers | None = None


class ParityResult(Document):
    """parity.json: a run's .tflite files against its Keras model on the n held-out pictures."""

    n: int
    groups: int
    labels: tuple[str, ...]
    gate: Gate
    threshold: float | None
    reference: KerasReference
    targets: tuple[FlavourTarget, ...]
    verdict: Verdict

    @computed_field
    @property
    def passed(self) -> bool:
        """Whether every file passed."""
        return self.verdict == Verdict.PASSED

    def target(self, model: str) -> FlavourTarget | None:
        """The file of that flavour, if it was compared."""
        return next((row for row in self.targets if row.model == model), None)
