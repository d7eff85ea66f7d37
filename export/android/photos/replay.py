"""Each photo answered again on the desktop: do phone and desktop agree, and by how much do they not?

The app keeps the pixels without loss, so the desktop's frame must be the phone's byte for byte,
and its probabilities within the contract's tolerance on the same kind of kernels.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from export.android.photos.folder import Photo, Photos
from export.android.photos.record import Record
from export.bundle.bundle import Bundle
from export.bundle.verify import SLACK
from pipeline.core import parallel
from pipeline.core.progress import Progress, silent
from pipeline.images import decode
from pipeline.images.letterbox import letterbox
from pipeline.tflite import interpreter as litert
from pipeline.tflite.interpreter import Interpreters

KERNELS = (litert.XNNPACK, litert.BUILT_IN)
# What the app rounds when it writes a probability down.
_WRITTEN = 1e-5

# Why phone and desktop disagree on a photo, the most telling first.
CHANGED = "its picture was changed since it was taken"
OTHER_RULES = "its labels or threshold are not those of the model's contract"
INCONSISTENT = "what the app noted contradicts itself"
FRAME = "the frame that went into the model differs: the letterbox, or the picture"
BEYOND = "the probabilities differ by more than the contract allows"
ANSWER = "another answer, though the probabilities are within the contract's tolerance"
# A near tie may fall either way on other kernels; that is told, and breaks no rule.
ALLOWED = (ANSWER,)


@dataclass(frozen=True)
class Replay:
    """What came of one photo.

    Attributes:
        path: Of the photo.
        kernels: What the phone ran on.
        tolerance: The contract's, in probability.
        differences: The largest between phone and desktop over the labels, by the desktop's kernels.
        phone: What the app said; None for don't know.
        desktop: What the desktop says on the same kernels.
        reasons: Why they disagree; empty where they agree.
    """

    path: str
    kernels: str
    tolerance: float
    differences: Mapping[str, float]
    phone: str | None
    desktop: str | None
    reasons: tuple[str, ...]

    @property
    def difference(self) -> float:
        """On the same kernels."""
        return self.differences[self.kernels]


def rerun(photos: Photos, bundles: Mapping[str, Bundle], progress: Progress = silent) -> list[Replay]:
    """Answers the photos again that a model of this run answered on the phone.

    Args:
        photos: Those of a folder.
        bundles: By the sha256 of the model.
        progress: Called as photos are done.

    Raises:
        PictureError: A photo cannot be read any more.
    """
    wanted = [(p, p.record) for p in photos.photos if p.record and p.record.model.sha256 in bundles]
    runtimes = {
        (sha256, kernels): Interpreters(bundles[sha256].data, kernels)
        for sha256 in {record.model.sha256 for _, record in wanted}
        for kernels in KERNELS
    }

    def again(pair: tuple[Photo, Record]) -> Replay:
        photo, record = pair
        found = bundles[record.model.sha256]
        frame = letterbox(decode.read(photos.file(photo)), found.contract.input.frame)
        predictions = {}
        for kernels in KERNELS:
            with runtimes[record.model.sha256, kernels].one() as interpreter:
                predictions[kernels] = found.contract.output.probabilities(interpreter.run(frame).tobytes())
        return _compare(photo, record, found, hashlib.sha256(frame.tobytes()).hexdigest(), predictions)

    results = []
    for done, result in enumerate(parallel.ordered(again, wanted), 1):
        results.append(result)
        progress("answering the photos again", done, len(wanted))
    return results


def summary(results: Sequence[Replay]) -> dict[str, Any]:
    """Numbers and words for photos.json.

    `disagree` counts photos on which phone and desktop do not say the same; `broken` those of them
    that the contract does not allow.
    """
    differing = [result for result in results if result.reasons]
    broken = [result for result in differing if set(result.reasons) - set(ALLOWED)]
    largest = max((result.difference for result in results), default=0.0)
    return {
        "n": len(results),
        "equal": sum(result.difference == 0 and not result.reasons for result in results),
        "disagree": len(differing),
        "broken": len(broken),
        "largest_difference": largest,
        "mean_difference": float(np.mean([result.difference for result in results])) if results else 0.0,
        "kernels": dict(Counter(result.kernels for result in results)),
        "reasons": dict(Counter(reason for result in differing for reason in result.reasons)),
        "photos": [
            {
                "path": result.path,
                "kernels": result.kernels,
                "differences": dict(result.differences),
                "tolerance": result.tolerance,
                "phone": result.phone,
                "desktop": result.desktop,
                "reasons": list(result.reasons),
            }
            for result in results
        ],
        "words": _words(results, differing, largest),
    }


def _compare(
    photo: Photo, record: Record, bundle: Bundle, prepared_sha256: str, predictions: Mapping[str, np.ndarray]
) -> Replay:
    contract = bundle.contract
    same_rules = record.labels == contract.labels and abs(record.threshold - contract.threshold) < _WRITTEN
    noted = np.array(record.probabilities)
    width = 1 if contract.output.dtype == "uint8" else 4
    whole = len(record.raw) == len(contract.labels) * width
    phone = contract.output.probabilities(record.raw) if whole else np.full(len(contract.labels), np.nan)
    consistent = (
        phone.shape == noted.shape
        and bool(np.abs(phone - noted).max() <= _WRITTEN)
        and record.says == record.answer
    )
    gaps = {kernels: float(np.abs(phone - answer).max()) for kernels, answer in predictions.items()}
    # What cannot be read off differs as much as anything can.
    differences = {kernels: gap if np.isfinite(gap) else 1.0 for kernels, gap in gaps.items()}
    same_kernels = predictions[record.kernels]
    top = int(same_kernels.argmax())
    desktop = contract.labels[top] if same_kernels[top] >= contract.threshold else None
    # Of the gap itself, so that NaN is beyond any tolerance, even that of 1.
    within = gaps[record.kernels] <= contract.tolerance + SLACK
    found = {
        CHANGED: photo.sha256 != record.sha256,
        OTHER_RULES: not same_rules,
        INCONSISTENT: not consistent,
        FRAME: prepared_sha256 != record.prepared_sha256,
        BEYOND: not within,
        ANSWER: within and desktop != record.answer,
    }
    return Replay(
        photo.path,
        record.kernels,
        contract.tolerance,
        differences,
        record.answer,
        desktop,
        tuple(reason for reason, true in found.items() if true),
    )


def _words(results: Sequence[Replay], differing: Sequence[Replay], largest: float) -> str:
    if not results:
        return "No photo was answered on a phone by a model of this run, so there is nothing to compare."
    kernels = " and ".join(sorted({result.kernels for result in results}))
    allowed = max(result.tolerance for result in results)
    how = (
        f"largest difference {largest:.4f} in probability, allowed {allowed:.4f}; "
        f"{kernels} kernels on both sides"
    )
    if not differing:
        return f"Phone and desktop disagree on none of {len(results)} photos ({how})."
    reasons = Counter(reason for result in differing for reason in result.reasons)
    listed = "; ".join(f"{count}: {reason}" for reason, count in reasons.items())
    return f"Phone and desktop disagree on {len(differing)} of {len(results)} photos ({how}). {listed}."
