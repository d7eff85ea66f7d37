"""The page for deciding about pictures, review.html: cards with keys, saved as decisions.csv.

`cards` and `field` find what to decide; `pipeline.data.decisions` reads what was decided.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from export import artifacts
from export.review import cards, field
from export.review.card import Card
from pipeline.core import files, runs
from pipeline.core.progress import ProgressReporter
from pipeline.core.recipes import key_of
from pipeline.core.size import Size
from pipeline.data import decisions
from pipeline.data.decisions import Decision
from pipeline.images import thumbnails
from pipeline.training.experiment import Experiment

_FILES = Path(__file__).parent / "page"
_MOST = 500
_LARGE, _SMALL = Size(480, 480), Size(144, 144)


@dataclass(frozen=True)
class _Review:
    """The page that was made.

    Attributes:
        path: The file.
        shown: How many pictures it asks about.
        photos: How many of them are photos from the field.
        more: How many others there are.
    """

    path: Path
    shown: int
    photos: int
    more: int


def make(experiment: Experiment, reporter: ProgressReporter) -> _Review:
    """Writes the page of a trained and evaluated run."""
    run = experiment.run
    source = experiment.config.data.decisions
    decided = decisions.read(Path(source)) if source else {}
    folder, photos = field.collect(run, reporter)
    found = [c for c in (*photos, *cards.collect(experiment, reporter)) if c.sha256 not in decided]
    shown = found[:_MOST]
    path, paths = run.path(artifacts.REVIEW), {photo.path for photo in photos}
    of_the_field = [card for card in shown if card.path in paths]
    own = shown[len(of_the_field) :]
    files.write_text(path, _page(experiment, own, of_the_field, folder, decided, reporter))
    return _Review(path, len(shown), len(of_the_field), len(found) - len(shown))


def _page(
    experiment: Experiment,
    shown: Sequence[Card],
    photos: Sequence[Card],
    folder: str,
    decided: Mapping[str, Decision],
    reporter: ProgressReporter,
) -> str:
    table, own = experiment.table, {card.path for card in shown}
    others = [near.path for card in shown for near in card.near if near.path not in own]
    images = thumbnails.thumbnails({path: table.at(path) for path in others}, reporter.progress, _SMALL)
    images |= thumbnails.thumbnails(
        {card.path: table.at(card.path) for card in shown}, reporter.progress, _LARGE
    )
    images |= thumbnails.thumbnails(
        {card.path: Path(card.path) for card in photos}, reporter.progress, _LARGE
    )
    words = json.loads((_FILES / "words.json").read_text("utf-8"))
    document = {
        "run": experiment.run.name,
        "key": key_of([table.key, str(table.root)])[:16],
        "labels": experiment.labels,
        "cards": [card.model_dump(mode="json") for card in (*photos, *shown)],
        "images": images,
        "decided": {
            sha256: {"decision": row.kind, "label": row.label, "note": row.note}
            for sha256, row in decided.items()
        },
        "command": f"{runs.training_command(experiment.run)} --set data.decisions=decisions.csv",
        "photos": _photos_command(experiment, folder) if photos else "",
        "words": words,
    }
    style, script = ((_FILES / name).read_text("utf-8") for name in ("style.css", "review.js"))
    environment = Environment(loader=FileSystemLoader(_FILES), autoescape=True, undefined=StrictUndefined)
    page = environment.get_template("review.html").render(
        run=experiment.run.name,
        style_hash=_hash(style),
        script_hash=_hash(script),
        **{name: f"\0{name}\0" for name in ("style", "script", "data")},
    )
    data = json.dumps(document, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    for name, text in {"style": style, "script": script, "data": data}.items():
        page = page.replace(f"\0{name}\0", text)
    return page


def _photos_command(experiment: Experiment, folder: str) -> str:
    """What scores the photos as decided, and makes them a data set."""
    words = ["python", "-m", "export", "photos", folder, "--run", experiment.run.name]
    return shlex.join([*words, "--decisions", "decisions.csv", "--adopt", "field"])


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
