"""The file for the phone: the gate's table, what the file is, who can load it, its threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from export import artifacts
from export.android.apk.apk_info import ApkInfo
from export.conversion.calibration_report import CalibrationReport
from export.inspection.compatibility import Consumer
from export.inspection.inspector import Passport, Passports
from export.inspection.oldest_runtime import Proof
from export.model_file.structure import Tensor
from export.parity import wording
from export.parity.recalibration import both_looks
from export.parity.result import FlavourTarget, ParityResult
from export.report import scores, verdict
from export.report.artifacts import Artifacts, Missing
from pipeline.training.results import Folds, GivenModel


@dataclass(frozen=True)
class Row:
    """A flavour's row of the gate's table; its accuracy excludes pictures with copies in training."""

    target: FlavourTarget
    accuracy: float | None
    coverage: float | None

    @property
    def verdict(self) -> str:
        """The gate's verdict in words."""
        return f"{self.target.verdict}{', second look' if self.target.second_look else ''}"


@dataclass(frozen=True)
class ModelSection:
    """The section.

    Attributes:
        flavour: The one that the verdict is about.
        n: Held-out pictures.
        leaked: Those of them with copies in training.
        failed: Flavours that could not be converted, each with the reason.
        words: What the comparison means, in sentences.
        passport: What the file is, as pairs of a title and a text.
        calibration: What is known about the calibration pictures, in sentences.
        app: What the app is, by title.
    """

    flavour: str
    n: int
    targets: list[Row]
    reference_accuracy: float | None
    reference_coverage: float | None
    leaked: int
    failed: Mapping[str, str]
    words: list[str]
    passport: list[tuple[str, str]]
    calibration: Sequence[str]
    folds: Folds | None
    given: GivenModel | None
    app: Mapping[str, str]
    missing: list[Missing]


def shipped(contents: Artifacts) -> ModelSection:
    """The section of the page."""
    parity, target = contents.get(ParityResult), contents.target()
    flavour = verdict.flavour(contents)
    passports, calibration, app = (
        contents.get(Passports),
        contents.get(CalibrationReport),
        contents.get(ApkInfo),
    )
    passport = passports.passports.get(flavour) if passports else None
    reference = scores.clean(parity.reference, parity.n) if parity else None
    return ModelSection(
        flavour=flavour,
        n=parity.n if parity else 0,
        targets=[
            Row(row, scores.clean(row, parity.n).accuracy, scores.coverage(row)) for row in parity.targets
        ]
        if parity
        else [],
        reference_accuracy=reference and reference.accuracy,
        reference_coverage=parity and scores.coverage(parity.reference),
        leaked=parity.n - reference.n if parity and reference else 0,
        failed=contents.failed,
        words=_words(target) if target else [],
        passport=_passport(passport) if passport else [],
        calibration=calibration.words if calibration else (),
        folds=contents.get(Folds),
        given=contents.get(GivenModel),
        app=app.words if app else {},
        missing=contents.lacks(artifacts.PARITY, artifacts.PASSPORT, artifacts.APK_PASSPORT),
    )


def _words(target: FlavourTarget) -> list[str]:
    """What the comparison means, with the figures of both files after a second look and of other kernels."""
    looks = [f"Second look: {both_looks(target.first_look, target)}."] if target.first_look else []
    if target.built_in:
        _, same, interval = wording.built_in(target.built_in)
        looks.append(
            f"The figures are XNNPACK's, which phones run. With the built-in kernels, {same} ({interval}) of "
            "the pictures get the same answer as from Keras; the gate does not judge that."
        )
    return [*target.words, *looks]


def _passport(passport: Passport) -> list[tuple[str, str]]:
    structure, claimed = passport.structure, passport.claimed
    rows = [("Is it what its name says?", passport.verdict)]
    rows += [
        (title, _tensor(tensor))
        for title, tensors in (("Input", structure.inputs), ("Output", structure.outputs))
        for tensor in tensors[:1]
    ]
    count = sum(operator.count for operator in structure.operators)
    rows += [
        ("Operators", f"{count} of {len(structure.operators)} kinds; {structure.float_count} float tensors"),
        ("sha256", structure.sha256),
    ]
    if claimed.version:
        rows.append(("Oldest runtime, claimed", f"{claimed.version} ({claimed.because})"))
    rows.append(("Oldest runtime, proved", _proof(passport.proved)))
    return rows + [(consumer.name, _consumer(consumer)) for consumer in passport.consumers]


def _tensor(tensor: Tensor) -> str:
    shape = " × ".join(str(side) for side in tensor.shape)
    if tensor.scale is None:
        return f"{shape}, {tensor.dtype}"
    return f"{shape}, {tensor.dtype}, scale {tensor.scale:g}, zero point {tensor.zero_point}"


def _proof(proof: Proof) -> str:
    if proof.holds is None:
        return f"not proved: {proof.words or 'no judge is available'}"
    answers = f"answers {proof.against} as it should" if proof.holds else "does NOT answer as it should"
    difference = "" if proof.difference is None else f"largest difference {proof.difference:.4f}"
    details = "; ".join(part for part in (difference, proof.words) if part)
    return f"{proof.runtime} {answers}" + (f" ({details})" if details else "")


def _consumer(consumer: Consumer) -> str:
    if consumer.accepts is None:
        return "not checked"
    answer = "accepts it" if consumer.accepts else "refuses it"
    return f"{answer}: {consumer.reason}" if consumer.reason else answer
