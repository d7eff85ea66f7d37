"""explain.json as documents: answers, maps and borders of explained pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pipeline.core.documents import Document
from pipeline.stats.metrics import MOST_CLASSES

Reason = Literal["sample", "flip", "mistake", "most confident", "least confident"]


class Answer(Document):
    """The two most likely labels, with their probabilities."""

    answer: str
    score: float
    second: str
    second_score: float


class JudgedAnswer(Answer):
    """An answer whose truth is known; `truth_score` is the probability of the true label."""

    truth_score: float


class Cells(Document):
    """The grid of a map; `strongest` is a row and a column, null for a map without heat."""

    rows: int
    columns: int
    strongest: tuple[int, int] | None


class OcclusionCells(Cells):
    """The grid of an occlusion map.

    Attributes:
        patch_cells: The side of the patches, in cells.
        drop: The most probability that one patch costs the answer.
    """

    patch_cells: int
    drop: float


class Border(Document):
    """How much an answer relies on the border of one picture: bars, and the outer tenth of each side.

    Attributes:
        share: The share of the occlusion map's heat on the border, 0 ... 1; null without heat.
        share_gradcam: The same for Grad-CAM.
        area: The border's share of the frame, 0 ... 1.
        kept_without: Whether the answer stays if the border is covered.
        kept_alone: Whether the border alone gives the answer.
    """

    share: float | None
    share_gradcam: float | None
    area: float
    kept_without: bool
    kept_alone: bool


class NearPicture(Document):
    """A training picture, and the cosine of its features to those of the explained one."""

    path: str
    label: str
    similarity: float


class Maps(Document):
    """What the maps of one picture show; `maps` is their file in the run."""

    nearest: tuple[NearPicture, ...]
    maps: str
    gradcam: Cells
    occlusion: OcclusionCells
    border: Border


class AnsweredPicture(Document):
    """A held-out picture with the answers of Keras and the file; `flip` means that they differ."""

    path: str
    sha256: str
    label: str
    right: bool
    flip: bool
    keras: JudgedAnswer
    file: JudgedAnswer


class ExplainedPicture(Maps, AnsweredPicture):
    """A held-out picture with its maps, and why it was selected."""

    why: tuple[Reason, ...]


class ClassBorder(Document):
    """How much the border matters for the sampled pictures answered with one class.

    Attributes:
        n: How many there are.
        carried: How many answers the border decides: lost if it is covered, kept by it alone.
        carried_interval: The 95% interval of their share.
        share: Mean share of heat on the border; null without heat.
        area: Mean share of the frame; null without pictures.
        alarm: Whether the lower end of the interval is above the bound.
        few: Whether there are too few pictures to tell.
        sentence: The alarm; empty if there is none.
        most_confident: Paths of the class's held-out pictures with the highest scores.
        least_confident: The same with the lowest scores.
    """

    label: str
    n: int
    carried: int
    carried_interval: tuple[float, float]
    share: float | None
    area: float | None
    alarm: bool
    few: bool
    sentence: str
    most_confident: tuple[str, ...] = ()
    least_confident: tuple[str, ...] = ()


class Explanation(Document):
    """explain.json.

    Attributes:
        model: The flavour that is explained.
        reference: The model that it is compared with.
        n: Held-out pictures.
        limit: The most pictures to explain.
        panels: What the panels of a map file show, from the left.
        mistakes: Held-out pictures that one of the two models gets wrong.
        alarms: The alarms of all classes.
    """

    model: str
    reference: str
    n: int
    limit: int
    labels: tuple[str, ...]
    panels: tuple[str, ...]
    pictures: tuple[ExplainedPicture, ...]
    mistakes: tuple[AnsweredPicture, ...]
    classes: tuple[ClassBorder, ...]
    alarms: tuple[str, ...]

    @property
    def telling(self) -> Sequence[ClassBorder]:
        """All classes; of too many to show, those whose answers the border decides most often."""
        if len(self.classes) <= MOST_CLASSES:
            return self.classes
        return sorted(self.classes, key=lambda row: (not row.alarm, -row.carried, -row.n))[:MOST_CLASSES]


class OwnPicture(Maps):
    """A user's own picture, whose truth is not known."""

    path: str
    file: Answer


class UnreadFile(Document):
    """A file that is not a readable picture."""

    path: str
    reason: str


class OwnExplanation(Document):
    """The explanation of a user's own pictures; printed, not stored."""

    model: str
    pictures: tuple[OwnPicture, ...]
    unread: tuple[UnreadFile, ...]
