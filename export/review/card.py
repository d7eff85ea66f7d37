"""A picture that a person is asked to decide about."""

from __future__ import annotations

from typing import Literal

from pipeline.core.documents import Document

Reason = Literal[
    "contradiction", "copy", "doubt", "mistake", "odd", "disagrees", "field_mistake", "unlabelled"
]


class Near(Document):
    """A picture to compare with."""

    path: str
    label: str


class Card(Document):
    """A picture to decide about.

    Attributes:
        sha256: Of its bytes; the decision follows it.
        path: Where it is.
        label: Its class; empty for a photo without a label.
        reasons: Why it is shown.
        held_out: Whether it is held out, so that a decision does not change what is trained.
        answer: The class that the model gives it; empty if the model did not see it.
        score: The model's probability of `answer`.
        label_score: Its probability of `label`.
        near: Its copies, or the training pictures nearest to it.
    """

    sha256: str
    path: str
    label: str
    reasons: tuple[Reason, ...]
    held_out: bool = False
    answer: str = ""
    score: float = 0.0
    label_score: float = 0.0
    near: tuple[Near, ...] = ()
