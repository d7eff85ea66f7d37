"""Runs each photo through the model on this computer: does it agree with the phone, and how closely?

The app stores pixels losslessly, so the frame must equal the phone's byte for byte. The output must differ
by no more than the contract allows on the phone's kernels and processor.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum

import numpy as np
from pydantic import computed_field

from export.android.photos.folder import Photo, PhotoFolder
from export.android.photos.record import Record
from export.bundle import softmax
from export.bundle.bundle import Bundle
from export.bundle.verify import SLACK
from pipeline.core import parallel
from pipeline.core.documents import Document
from pipeline.core.progress import Progress, silent
from pipeline.images import decode
from pipeline.images.letterbox import letterbox
from pipeline.tflite import interpreter as litert

KERNELS = (litert.XNNPACK, litert.BUILT_IN)
# The app rounds the probabilities that it writes.
_ROUNDING = 1e-5


class Disagreement(StrEnum):
    """Why phone and computer disagree on a photo, the most telling reason first."""

    CHANGED = "changed"
    OTHER_RULES = "other_rules"
    INCONSISTENT = "inconsistent"
    FRAME = "frame"
    BEYOND_TOLERANCE = "beyond_tolerance"
    ANSWER = "answer"

    @property
    def text(self) -> str:
        """The reason as a phrase."""
        return _TEXTS[self]


_TEXTS = {
    Disagreement.CHANGED: "its picture was changed after it was taken",
    Disagreement.OTHER_RULES: "its labels or threshold are not those of the model's contract",
    Disagreement.INCONSISTENT: "its record contradicts itself",
    Disagreement.FRAME: "the model's input frame differs, because of the letterbox or the picture",
    Disagreement.BEYOND_TOLERANCE: "the probabilities differ by more than the contract allows",
    Disagreement.ANSWER: "the answer differs, although the probabilities are within the contract's tolerance",
}
# A near tie may go either way on other kernels, so that alone breaks no rule.
_ALLOWED = {Disagreement.ANSWER}


class Replay(Document):
    """One photo on the phone and on this computer.

    Attributes:
        path: The photo's path.
        kernels: The kernels on the phone.
        differences: The largest difference over the labels between phone and computer, in probability, by
            the computer's kernels.
        allowed: The largest difference that the contract allows on the same kernels, in probability.
        phone: The phone's answer; None for "don't know".
        desktop: The computer's answer on the same kernels.
        reasons: Why they disagree; empty if they agree.
    """

    path: str
    kernels: str
    differences: dict[str, float]
    allowed: float
    phone: str | None
    desktop: str | None
    reasons: tuple[Disagreement, ...]

    @property
    def difference(self) -> float:
        """The largest difference on the same kernels."""
        return self.differences[self.kernels]

    @property
    def broken(self) -> bool:
        """Whether the contract does not allow the disagreement."""
        return bool(set(self.reasons) - _ALLOWED)


class ReplaySummary(Document):
    """All photos on the phone and on this computer.

    Attributes:
        n: The number of photos.
        equal: How many have exactly the same probabilities, and no disagreement.
        disagree: How many have a disagreement.
        broken: How many of those the contract does not allow.
        largest_difference: In probability, on the same kernels.
        mean_difference: The mean over the photos of each one's largest difference.
        kernels: The number of photos by the phone's kernels.
        reasons: The number of photos by disagreement.
        photos: The photos.
    """

    n: int
    equal: int
    disagree: int
    broken: int
    largest_difference: float
    mean_difference: float
    kernels: dict[str, int]
    reasons: dict[Disagreement, int]
    photos: tuple[Replay, ...]

    @computed_field
    @property
    def words(self) -> str:
        """The summary as a sentence."""
        if not self.photos:
            return "No photo was answered on a phone by a model of this run, so there is nothing to compare."
        kernels = " and ".join(sorted(self.kernels))
        limits = {photo.allowed for photo in self.photos}
        most = f"{'up to ' * (len(limits) > 1)}{max(limits):.4f}"
        allowed = f"{most} is allowed" if max(limits) else "it must be equal"
        details = (
            f"largest difference {self.largest_difference:.4f} in probability; {allowed}; "
            f"{kernels} kernels on both sides"
        )
        if not self.disagree:
            return f"Phone and computer agree on all {self.n} photos ({details})."
        reasons = "; ".join(f"{count}: {reason.text}" for reason, count in self.reasons.items())
        return f"Phone and computer disagree on {self.disagree} of {self.n} photos ({details}). {reasons}."


def replay(photos: PhotoFolder, bundles: Mapping[str, Bundle], progress: Progress = silent) -> list[Replay]:
    """Answers the photos again that a model of this run answered on the phone.

    Args:
        photos: The photos.
        bundles: By the sha256 of the model.
        progress: Called after every photo.

    Raises:
        PictureError: A photo cannot be read any more.
    """
    pairs = [(p, p.record) for p in photos.photos if p.record and p.record.model.sha256 in bundles]
    runs = {
        (sha256, abi, kernels): softmax.runner(bundles[sha256].data, kernels, abi)
        for sha256, abi in {(record.model.sha256, record.device.abi) for _, record in pairs}
        for kernels in KERNELS
    }

    def again(pair: tuple[Photo, Record]) -> Replay:
        photo, record = pair
        bundle = bundles[record.model.sha256]
        frame = letterbox(decode.read(photos.file(photo)), bundle.contract.input.frame)
        raw = {kernels: runs[record.model.sha256, record.device.abi, kernels](frame) for kernels in KERNELS}
        predictions = {
            kernels: bundle.contract.output.probabilities(output.tobytes()) for kernels, output in raw.items()
        }
        return _compare(photo, record, bundle, hashlib.sha256(frame.tobytes()).hexdigest(), predictions)

    replays = []
    for done, one in enumerate(parallel.ordered(again, pairs), 1):
        replays.append(one)
        progress("replaying the photos", done, len(pairs))
    return replays


def summary(replays: Sequence[Replay]) -> ReplaySummary:
    """Counts what came of the photos."""
    differences = [replay.difference for replay in replays]
    return ReplaySummary(
        n=len(replays),
        equal=sum(replay.difference == 0 and not replay.reasons for replay in replays),
        disagree=sum(bool(replay.reasons) for replay in replays),
        broken=sum(replay.broken for replay in replays),
        largest_difference=max(differences, default=0.0),
        mean_difference=float(np.mean(differences)) if replays else 0.0,
        kernels=dict(Counter(replay.kernels for replay in replays)),
        reasons=dict(Counter(reason for replay in replays for reason in replay.reasons)),
        photos=tuple(replays),
    )


def _compare(
    photo: Photo, record: Record, bundle: Bundle, prepared_sha256: str, predictions: Mapping[str, np.ndarray]
) -> Replay:
    contract = bundle.contract
    same_rules = record.labels == contract.labels and abs(record.threshold - contract.threshold) < _ROUNDING
    noted = np.array(record.probabilities)
    width = 1 if contract.output.dtype == "uint8" else 4
    whole = len(record.raw) == len(contract.labels) * width
    phone = contract.output.probabilities(record.raw) if whole else np.full(len(contract.labels), np.nan)
    consistent = (
        phone.shape == noted.shape
        and bool(np.abs(phone - noted).max() <= _ROUNDING)
        and record.answer_by_probabilities == record.answer
    )
    gaps = {kernels: float(np.abs(phone - answer).max()) for kernels, answer in predictions.items()}
    # An unreadable output counts as the largest possible difference.
    differences = {kernels: gap if np.isfinite(gap) else 1.0 for kernels, gap in gaps.items()}
    same_kernels = predictions[record.kernels]
    top = int(same_kernels.argmax())
    desktop = contract.labels[top] if same_kernels[top] >= contract.threshold else None
    # A phone's built-in kernels are other code than the ones here, whatever the contract's version.
    xnnpack = record.kernels == litert.XNNPACK
    allowed = contract.allowed(record.kernels, record.device.abi) if xnnpack else contract.tolerance
    # The gap itself is compared, so that NaN is beyond any tolerance, even 1.
    within = gaps[record.kernels] <= allowed + SLACK
    reasons = {
        Disagreement.CHANGED: photo.sha256 != record.sha256,
        Disagreement.OTHER_RULES: not same_rules,
        Disagreement.INCONSISTENT: not consistent,
        Disagreement.FRAME: prepared_sha256 != record.prepared_sha256,
        Disagreement.BEYOND_TOLERANCE: not within,
        Disagreement.ANSWER: within and desktop != record.answer,
    }
    return Replay(
        path=photo.path,
        kernels=record.kernels,
        differences=differences,
        allowed=allowed,
        phone=record.answer,
        desktop=desktop,
        reasons=tuple(reason for reason, applies in reasons.items() if applies),
    )
