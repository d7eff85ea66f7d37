"""Cards for photos from the field: those without a label, and those that the model got wrong.

Which they are stands in photos.json.
"""

from __future__ import annotations

from pathlib import Path

from export import artifacts
from export.android.photos.photos import Photos
from export.review.card import Card
from pipeline.core.errors import PictureError
from pipeline.core.progress import ProgressReporter
from pipeline.core.runs import Run
from pipeline.images import decode


def collect(run: Run, reporter: ProgressReporter) -> tuple[str, list[Card]]:
    """The folder of the photos and their cards, the most confident mistakes first; says which are gone."""
    if not run.path(artifacts.PHOTOS).is_file():
        return "", []
    scored = run.read(Photos, artifacts.PHOTOS)
    if run.out_of_date("photos"):
        reporter.warn(
            f"the photos in {scored.folder} are not shown, because their scores are older than the model: "
            f"run python -m export photos {scored.folder} --run {run.name} first"
        )
        return "", []
    wrong = [
        Card(
            sha256="",
            path=mistake.path,
            label=mistake.truth,
            reasons=("field_mistake",),
            answer=mistake.answer,
            score=round(mistake.probability, 6),
        )
        for mistake in scored.errors
        if mistake.truth
    ]
    unlabelled = [Card(sha256="", path=path, label="", reasons=("unlabelled",)) for path in scored.unlabelled]
    found, gone = [], []
    for card in (*wrong, *unlabelled):
        path = Path(scored.folder) / card.path
        try:
            found.append(card.model_copy(update={"sha256": decode.digest(path), "path": str(path)}))
        except (OSError, PictureError):
            gone.append(path)
    if gone:
        reporter.warn(f"photos gone since they were scored: {len(gone)}; the first: {gone[0]}")
    return scored.folder, found
