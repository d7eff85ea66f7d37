"""Whether a run's int8 file is made of the compensated model or of the model as it is.

Both are converted once, and training pictures that calibrated neither decide. How a model is compensated is
in `compensate`; the outcome is kept in compensation.json.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from export import artifacts
from export.conversion import calibration, judging, one_flavour
from export.conversion.calibration import Trial
from export.conversion.compensate.layer_error import LayerError
from pipeline.core import parallel, stages
from pipeline.core.errors import ConversionError
from pipeline.core.progress import ProgressReporter
from pipeline.core.recipes import Recipe
from pipeline.core.size import Size
from pipeline.data import stored_table
from pipeline.data.pictures import Picture
from pipeline.images.views import plain_view
from pipeline.training.experiment import Experiment

if TYPE_CHECKING:
    import keras

# Besides the black and the white frame: 48 to fit on, and 16 on which the errors are measured.
_PICTURES = 64
# Larger frames get fewer, so that memory stays the same.
_PIXELS = _PICTURES * 260 * 260
_FEWEST = 4
_JUDGES = 100
PLAIN, COMPENSATED = "plain", "compensated"


class Outcome(StrEnum):
    """What became of the compensation."""

    KEPT = "kept"
    NO_BETTER = "no better"
    NOT_APPLICABLE = "not applicable"
    NOT_JUDGED = "not judged"


class Compensation(Trial):
    """compensation.json: the compensated file against the plain one.

    Attributes:
        outcome: Whether the compensated file was kept, or why not.
        reason: For `NOT_APPLICABLE`, in words; else empty.
        layers: The errors of the layers in order; empty where nothing was compensated.
    """

    outcome: Outcome
    reason: str = ""
    layers: tuple[LayerError, ...] = ()

    @property
    def sentence(self) -> str:
        """What was done, with the figures of both files."""
        match self.outcome:
            case Outcome.KEPT:
                return f"The int8 file is compensated. {self.summary}."
            case Outcome.NO_BETTER:
                return f"The int8 file is plain: compensation brought it no closer to Keras. {self.summary}."
            case Outcome.NOT_APPLICABLE:
                return f"The int8 file is plain: {self.reason}."
            case Outcome.NOT_JUDGED:
                return (
                    f"The int8 file is not compensated: {self.judges} training pictures are left to judge "
                    f"with, and {judging.MIN_JUDGES} are needed."
                )


class Source(NamedTuple):
    """A model to convert in place of the run's, and the errors of its layers."""

    model: keras.Model
    layers: tuple[LayerError, ...]


def _recipe(experiment: Experiment) -> Recipe:
    inputs = {**experiment.model_key, "calibration": calibration.first_recipe(experiment).key}
    return stages.recipe("compensation", inputs, {}, ("tensorflow", "keras", "numpy", "pillow"))


def tried(experiment: Experiment) -> Compensation | None:
    """The outcome for the run's model; None if it has not been tried, as in runs of an earlier version."""
    if not experiment.config.export.compensate or not experiment.run.done(_recipe(experiment)):
        return None
    return experiment.run.read(Compensation, artifacts.COMPENSATION)


def lost(experiment: Experiment) -> bool:
    """Whether the outcome was written, but is damaged or incomplete now."""
    run = experiment.run
    wanted = experiment.config.export.compensate and calibration.recalibrated(experiment) is None
    written = bool(run.recorded("compensation")) or run.path(artifacts.COMPENSATION).exists()
    return wanted and written and not run.done(_recipe(experiment))


def in_force(experiment: Experiment) -> bool:
    """Whether the int8 file is made of the compensated model."""
    if not experiment.config.export.compensate:
        return False
    if recalibration := calibration.recalibrated(experiment):
        return recalibration.compensated
    compensation = tried(experiment)
    return compensation is not None and compensation.outcome is Outcome.KEPT


def applicable(experiment: Experiment) -> bool:
    """Whether compensation is wanted, and not known to be impossible for the run's model."""
    compensation = tried(experiment)
    impossible = compensation is not None and compensation.outcome is Outcome.NOT_APPLICABLE
    return experiment.config.export.compensate and not impossible


def layers(experiment: Experiment) -> tuple[LayerError, ...]:
    """The errors of the layers as measured for the int8 file; empty if it is not compensated."""
    if not in_force(experiment):
        return ()
    if recalibration := calibration.recalibrated(experiment):
        return recalibration.layers
    compensation = tried(experiment)
    return compensation.layers if compensation else ()


def source(
    experiment: Experiment, model: keras.Model, chosen: Sequence[Picture], reporter: ProgressReporter
) -> Source:
    """The compensated model, fitted on the first of the chosen pictures.

    Raises:
        ConversionError: It has a layer that cannot be compensated.
        DataError: A picture has changed since training.
    """
    from export.conversion.compensate import compensate  # loads TensorFlow

    fitting = chosen[: _count(experiment.frame)]
    stored_table.check_unchanged(experiment.table, fitting)
    views = parallel.ordered(lambda p: plain_view(experiment.table.file(p), experiment.frame), fitting)
    frames = np.stack([*calibration.extremes(experiment.frame), *views])
    result = compensate.compensate(
        model, frames, lambda done, total: reporter.progress("compensating int8", done, total)
    )
    if isinstance(result, compensate.NotApplicable):
        raise ConversionError(f"the model cannot be compensated, because {result.reason}")
    return Source(result.model, result.layers)


def decide(
    experiment: Experiment, flavour: str, model: keras.Model, reporter: ProgressReporter
) -> bytes | None:
    """Compares both files, unless that is done or not wanted, and writes compensation.json.

    Returns:
        The file in force, if it was made for the comparison.

    Raises:
        ConversionError: The plain file cannot be made.
        DataError: A picture has changed since training.
    """
    wanted = experiment.config.export.compensate and calibration.recalibrated(experiment) is None
    if not wanted or tried(experiment):
        return None
    document, data = _compare(experiment, flavour, model, reporter)
    experiment.run.make(_recipe(experiment), lambda: experiment.run.write(document, artifacts.COMPENSATION))
    reporter.say("compensation", document.sentence)
    return data


def _compare(
    experiment: Experiment, flavour: str, model: keras.Model, reporter: ProgressReporter
) -> tuple[Compensation, bytes | None]:
    chosen = calibration.first_choice(experiment)
    judges = judging.outside(experiment, chosen)[0][:_JUDGES]
    document = Compensation(judges=len(judges), candidates=(), chosen=PLAIN, outcome=Outcome.NOT_JUDGED)
    if len(judges) < judging.MIN_JUDGES:
        return document, None
    plain = one_flavour.convert_one(experiment, model, flavour, chosen, reporter)
    try:
        compensated = source(experiment, model, chosen, reporter)
        data = one_flavour.convert_one(experiment, compensated.model, flavour, chosen, reporter)
    except ConversionError as error:
        changes = {"outcome": Outcome.NOT_APPLICABLE, "reason": error.message}
        return document.model_copy(update=changes), plain
    panel = judging.Panel(experiment, model, judges)
    candidates = panel.judge(PLAIN, plain), panel.judge(COMPENSATED, data)
    better = candidates[1].mean_abs_dp < candidates[0].mean_abs_dp
    changes = {
        "candidates": candidates,
        "chosen": COMPENSATED if better else PLAIN,
        "outcome": Outcome.KEPT if better else Outcome.NO_BETTER,
        "layers": compensated.layers,
    }
    return document.model_copy(update=changes), data if better else plain


def _count(frame: Size) -> int:
    """The number of pictures that are compensated on, in a frame."""
    return max(_FEWEST, min(_PICTURES, _PIXELS // (frame.width * frame.height)))
