"""The documents that training leaves in a run, and how they are read.

`search` and `train` write them, `export.conversion.given` that of a model from elsewhere; everything later
reads them. Their file names are in `core.stages`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum

from pipeline.core.documents import Document
from pipeline.core.size import Size
from pipeline.stats.metrics import Interval

# One value of a configuration key.
_Setting = str | int | float | bool | dict[str, str]


class Frame(Document):
    """frame.json: the model's input size, and the median aspect ratio (width / height) of the pictures."""

    width: int
    height: int
    content_aspect: float

    @property
    def size(self) -> Size:
        """In pixels."""
        return Size(self.width, self.height)


class Candidate(Document):
    """One combination of searched settings, scored out of fold."""

    values: dict[str, _Setting]
    frame: str
    accuracy: float
    interval: Interval
    log_loss: float
    chosen_epoch: int


class Search(Document):
    """search.json: every combination tried on n training pictures, best first."""

    n: int
    winner: dict[str, _Setting]
    note: str = ""
    rows: tuple[Candidate, ...]


class Budget(Document):
    """What a search may not exceed; None is no limit.

    A limit on the model's latency (one thread on this computer) and file size (10⁶ bytes), and on the minutes
    of the search itself.
    """

    max_latency_ms: float | None = None
    max_size_mb: float | None = None
    max_minutes: float


class Reason(StrEnum):
    """Why a search did not train a candidate."""

    LATENCY = "latency"
    SIZE = "size"
    TIME = "time"
    UNAVAILABLE = "unavailable"


class Tried(Candidate):
    """A candidate of a search within a budget.

    Attributes:
        depths: How many depths of the backbone its head sees.
        latency_ms: Of its int8 file, one thread on this computer.
        size_bytes: Of that file.
        fine_tuned: Whether the folds show that fine-tuning gained something; otherwise the scores are the
            fast model's.
        on_frontier: Whether no candidate is at least as fast and scores better.
    """

    depths: int
    latency_ms: float
    size_bytes: int
    fine_tuned: bool
    on_frontier: bool


class NotTried(Document):
    """A candidate that a search did not train, with what is known of it.

    Attributes:
        values: Of the keys that were searched.
        frame: Its input size.
        depths: As in `Tried`.
        reason: Why.
        latency_ms: As in `Tried`; None if it was not measured.
        size_bytes: As in `Tried`.
        minutes: How long it was expected to take; None unless that is the reason.
        problem: What makes it unavailable, and what to do.
    """

    values: dict[str, _Setting]
    frame: str
    depths: int
    reason: Reason
    latency_ms: float | None = None
    size_bytes: int | None = None
    minutes: float | None = None
    problem: str = ""


class Frontier(Document):
    """frontier.json: what a search within a budget tried on n training pictures, best first."""

    n: int
    budget: Budget
    note: str = ""
    rows: tuple[Tried, ...]
    not_tried: tuple[NotTried, ...]


class Curves(Document):
    """One fold's learning curves, a value per epoch; empty for a fold without pictures."""

    train_loss: tuple[float, ...] = ()
    train_accuracy: tuple[float, ...] = ()
    validation_loss: tuple[float, ...] = ()
    validation_accuracy: tuple[float, ...] = ()

    @classmethod
    def of(cls, points: Iterable[Sequence[float]]) -> Curves:
        """From the values of each epoch, in the order of the fields."""
        columns = zip(*points, strict=True)
        return cls(
            **{
                name: tuple(map(float, column))
                for name, column in zip(cls.model_fields, columns, strict=False)
            }
        )


class Folds(Document):
    """folds.json: the out-of-fold scores, and what was chosen on them."""

    labels: tuple[str, ...]
    n: int
    accuracy: float
    fold_accuracy: tuple[float, ...]
    chosen_epoch: int
    epoch_was_chosen: bool
    steps: int
    temperature: float
    threshold: float
    history: tuple[Curves, ...] = ()


class FineTuning(Document):
    """fine_tuning.json: what fine-tuning brought, out of fold, and whether its model was kept.

    `layer` is the one above which the backbone was trained; `gain` is the accuracy gained over the fast
    model on the same n pictures, with its 95% interval.
    """

    preset: str
    layer: str
    epochs: int
    fast_accuracy: float
    gain: float
    interval: Interval
    kept: bool
    folds: Folds


class GivenModel(Document):
    """given.json: a classifier that the user brought, and what its run knows of it.

    Attributes:
        file: Its name.
        sha256: Of that file.
        labels: In output order.
        limits: What the model itself expects for the pixels 0 and 255; model.keras takes pixels.
        softmax_added: Whether the file's answers were logits, and model.keras ends with a softmax instead.
        parameters: How many it has.
        n: Pictures that calibrate.
        accuracy: On those; it may have been trained on them.
        threshold: Chosen on those; below it the answer is "don't know".
    """

    file: str
    sha256: str
    labels: tuple[str, ...]
    limits: tuple[float, float]
    softmax_added: bool
    parameters: int
    n: int
    accuracy: float
    threshold: float


class Training(Document):
    """training.json: the final model's fit to its n training pictures, and its size in parameters."""

    n: int
    accuracy: float
    log_loss: float
    steps: int
    trainable_parameters: int
    frozen_parameters: int
