"""If a calibrated file fails the gate: another way of making it, then the gate once more.

Other choices are tried: more pictures, other pictures, and the first ones without compensation, or with it
where there was none. Training pictures that calibrated none of the files decide, plain and in one augmented
view each: the file that moves the least probability away from the Keras model wins, and that may be the
first one. Only the winner sees the held-out pictures, once, and from then on its verdict is a *second look*.
A model gets one recalibration.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from export import artifacts
from export.conversion import calibration, compensation, convert, failures, judging, one_flavour
from export.conversion.calibration import FirstLook, Recalibration
from export.conversion.compensate.layer_error import LayerError
from export.parity import gate, parity, preference
from export.parity.result import FlavourTarget, ParityResult, Verdict
from pipeline.core.errors import ConversionError, GateError
from pipeline.core.progress import ProgressReporter
from pipeline.data.pictures import Picture
from pipeline.training.experiment import Experiment

_MORE = 3


@dataclass(frozen=True)
class _Choice:
    """How a file is made: its calibration pictures, and whether from the compensated model."""

    pictures: tuple[Picture, ...]
    compensated: bool
    layers: tuple[LayerError, ...]


def gated(experiment: Experiment, reporter: ProgressReporter) -> ParityResult:
    """The result of `parity.parity`, after one recalibration if a calibrated file failed."""
    result = parity.parity(experiment, reporter)
    failed = [row for row in result.targets if row.verdict == Verdict.FAILED and _calibrated(row)]
    if not failed or calibration.recalibration_done(experiment):
        return result
    row = failed[0]
    reporter.say("gate", f"{row.model} failed: {'; '.join(row.broken)} (n = {result.n})")
    if not _recalibrate(experiment, row, reporter):
        return result
    convert.convert(experiment, reporter)
    reporter.say("gate", f"second look at the {result.n} held-out pictures")
    result = parity.parity(experiment, reporter)
    for row in result.targets:
        if row.first_look:
            reporter.say("gate", both_looks(row.first_look, row))
    return result


def both_looks(first: FirstLook, second: FlavourTarget) -> str:
    """The held-out figures of the file before a recalibration and of the one after it."""
    return "; ".join(
        f"{name} file: accuracy {look.accuracy:.3f}, agreement {look.agreement:.3f}, "
        f"probability moved {look.mean_abs_dp:.4f}, confidence change {look.confidence_shift:+z.4f}"
        for name, look in (("first", first), ("second", second))
    )


def refusal(experiment: Experiment, result: ParityResult) -> GateError | None:
    """The error that a comparison ends with; None if all flavours exist and the gate accepts them."""
    bounds = experiment.config.gate
    refused = [row for row in result.targets if gate.refuses(row.verdict, bounds)]
    missing = convert.failed(experiment)
    if not refused:
        if not missing:
            return None
        return GateError(f"could not make {failures.in_words(missing)}", next(iter(missing.values())).hint)
    parts = "; ".join(f"{row.model}: {', '.join(row.reasons)}" for row in refused)
    second = ", second look" if any(row.second_look for row in refused) else ""
    more = f"; could not make {failures.in_words(missing)}" if missing else ""
    if not any(row.verdict == Verdict.FAILED for row in refused):
        return GateError(
            f"parity is not proved: {parts} (not shown with n = {result.n}){more}",
            "hold out more pictures (data.held_out), or set gate.require_proof = false",
        )
    return GateError(
        f"failed the gate: {parts} (n = {result.n}{second}){more}", _hint(experiment, result, refused)
    )


def _hint(experiment: Experiment, result: ParityResult, refused: Sequence[FlavourTarget]) -> str:
    if any(map(_calibrated, refused)) and not calibration.recalibration_done(experiment):
        return f"python -m export tflite {experiment.run.name} tries other calibration pictures, once"
    row = preference.best(result.targets, experiment.config.gate)
    if row is None:
        return "no flavour is close enough; add float16 to export.flavours, or loosen the limits in [gate]"
    return (
        f"ship {row.model} instead: agreement {row.agreement:.3f}, accuracy {row.accuracy:.3f}, "
        f"{row.size_bytes / 1e6:.1f} MB, {row.latency.median_ms:.1f} ms per picture here"
    )


def _calibrated(row: FlavourTarget) -> bool:
    return convert.FLAVOURS[row.model].calibrated


def _recalibrate(experiment: Experiment, row: FlavourTarget, reporter: ProgressReporter) -> bool:
    """Tries other calibration pictures and stores the outcome; returns whether one was better."""
    first = calibration.first_choice(experiment)
    judges, others = judging.outside(experiment, first)
    document = Recalibration(
        first_look=FirstLook.model_validate_json(row.model_dump_json()),
        judges=len(judges),
        candidates=(),
        second_look=False,
        chosen="",
        pictures=(),
    )
    if len(judges) >= judging.MIN_JUDGES and others:
        document = document.model_copy(update=_try(experiment, row.model, first, judges, others, reporter))
        reporter.say("calibration", document.summary)
    if document.second_look:
        reporter.say("calibration", f"taken: {document.chosen}")
    elif document.candidates:
        reporter.warn("no other calibration pictures bring the file closer to Keras; it is unchanged")
    else:
        reporter.warn(
            f"no other calibration pictures were tried: only {len(judges)} training pictures are left to "
            f"judge with, and {judging.MIN_JUDGES} are needed"
        )
    experiment.run.make(
        calibration.recalibration_recipe(experiment),
        lambda: experiment.run.write(document, artifacts.RECALIBRATION),
    )
    return document.second_look


def _try(
    experiment: Experiment,
    flavour: str,
    first: Sequence[Picture],
    judges: Sequence[Picture],
    others: Sequence[Picture],
    reporter: ProgressReporter,
) -> dict[str, Any]:
    """Compares the file with those of other choices; returns the fields of the Recalibration."""
    model = one_flavour.load(experiment)
    panel = judging.Panel(experiment, model, judges)
    as_it_was = experiment.run.path(convert.file_name(flavour)).read_bytes()
    now = _Choice(tuple(first), compensation.in_force(experiment), compensation.layers(experiment))
    unchanged = panel.judge(f"as it was, {len(first)} pictures", as_it_was)
    candidates = [(unchanged, now)]
    for name, choice in _choices(experiment, now, others).items():
        reporter.progress(f"recalibrating: {name}", 0, 1)
        try:
            source, layers = model, ()
            if choice.compensated:
                source, layers = compensation.source(experiment, model, choice.pictures, reporter)
            data = one_flavour.convert_one(experiment, source, flavour, choice.pictures, reporter)
        except ConversionError as error:
            reporter.warn(f"{name}: {error.message}")
            continue
        candidates.append((panel.judge(name, data), replace(choice, layers=layers)))
    best, choice = min(candidates, key=lambda pair: pair[0].mean_abs_dp)
    return {
        "second_look": best is not unchanged,
        "candidates": tuple(candidate for candidate, _ in candidates),
        "chosen": best.name,
        "pictures": tuple(picture.path for picture in choice.pictures),
        "compensated": choice.compensated,
        "layers": choice.layers,
    }


def _choices(experiment: Experiment, now: _Choice, others: Sequence[Picture]) -> dict[str, _Choice]:
    """What to try in place of a file: more pictures, other pictures, and with or without compensation."""
    seed, count = experiment.config.seed, len(now.pictures)
    more = (*now.pictures, *calibration.stratified(others, (_MORE - 1) * count, seed))
    other = tuple(calibration.stratified(others, count, seed + 2))
    choices = {
        f"{len(more)} pictures instead of {count}": replace(now, pictures=more),
        f"{len(other)} other pictures": replace(now, pictures=other),
    }
    if compensation.applicable(experiment):
        name = "without compensation" if now.compensated else "with compensation"
        choices[name] = replace(now, compensated=not now.compensated)
    return choices
