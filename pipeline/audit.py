"""What is wrong with the pictures, and which of them belong together.

One look at a data set, which `train` takes before it splits: every picture is decoded once, and
not at all if it was seen before. Copies of one picture become a group; one picture under two
labels is left out. How copies are found is in `twins`, the other findings in `findings`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pipeline import dataset, findings, runs, sketches, twins, workers
from pipeline.config import Config
from pipeline.dataset import Picture, Table
from pipeline.errors import DataError
from pipeline.findings import Finding
from pipeline.layouts import LeftOut
from pipeline.runs import Recipe, Run
from pipeline.sketches import Sketches
from pipeline.twins import Twin
from pipeline.workers import Listener

VERSION = 2
# What a picture that is left out because of its label is listed with.
_UNDER_TWO = "the same picture as {other}, which is labelled {label}; decide which is right"


@dataclass(frozen=True)
class Audit:
    """What was found.

    Attributes:
        table: The pictures as training is to see them: copies grouped, contradictions left out.
        document: What audit.json holds.
        seen: All pictures that can be read, contradictions too.
        changed: How the pictures differ from the last time, if there was one.
        refusal: Why these pictures cannot be trained on, if so.
    """

    table: Table
    document: dict[str, Any]
    seen: tuple[Picture, ...]
    changed: dataset.Change | None = None
    refusal: DataError | None = None


def look(run: Run, config: Config, listener: Listener, looks: Sketches, *, strict: bool = True) -> Audit:
    """Looks at the pictures of a run and writes its table and audit.json.

    Args:
        run: Where they are written.
        config: Names the pictures.
        listener: Hears how far it is.
        looks: The sketches in the cache; missing ones are added.
        strict: Pictures that cannot be trained on are refused; else they are audited, and only
            audit.json is written.

    Raises:
        DataError: As `dataset.scan`; with `strict` off as `dataset.survey`.
    """
    source = Path(config.data.pictures)
    seen_before = all(run.path(name).is_file() for name in (runs.PICTURES, runs.LEFT_OUT))
    known = dataset.load(run, source) if seen_before else None
    allowed = config.data.allow_unreadable
    if strict:
        table, refusal = dataset.scan(source, known, listener.progress, looks, allowed), None
    else:
        table, refusal = dataset.survey(source, listener.progress, looks, allowed)
    listed = [[entry.path, entry.label, entry.reason] for entry in table.left_out]
    noted = [asdict(note) for note in table.notes]
    inputs = {"pictures": table.key, "left_out": runs.key_of(listed), "notes": runs.key_of(noted)}
    settings = {"group_copies": config.data.group_copies, "refusal": refusal.message if refusal else ""}
    recipe = Recipe("audit", VERSION, inputs, settings, sketches.LIBRARIES)

    def build() -> None:
        found = _document(table, looks, refusal, listener.progress, copies=config.data.group_copies)
        runs.write_json(run.path(runs.AUDIT), found)

    run.make(recipe, [runs.AUDIT], build)
    document = run.read_json(runs.AUDIT)
    judged = apply(table, document)
    change = dataset.compare(known, judged) if known else None
    if not refusal:
        made = Recipe("pictures", 2, {"pictures": judged.key, "audit": recipe.key}, {}, ("pillow", "pi-heif"))
        run.make(made, [runs.PICTURES, runs.LEFT_OUT], lambda: dataset.save(run, judged))
    return Audit(judged, document, table.pictures, change, refusal)


def apply(table: Table, document: Mapping[str, Any]) -> Table:
    """The table with copies grouped, and without pictures whose copies have another label."""
    twins_of = {path: group[0] for group in document["groups"] for path in group}
    labels = {picture.path: picture.label for picture in table.pictures}
    against: dict[str, str] = {}
    for group in document["contradictions"]:
        for path in group:
            other = next(other for other in group if labels[other] != labels[path])
            against[path] = _UNDER_TWO.format(other=other, label=labels[other])
    contents = {picture.path: picture.sha256 for picture in table.pictures}
    kept = tuple(
        replace(picture, twins=contents.get(twins_of.get(picture.path, ""), ""))
        for picture in table.pictures
        if picture.path not in against
    )
    # Without a sha256: the file itself is sound, and is looked at again next time.
    away = [LeftOut(p.path, p.label, "", against[p.path]) for p in table.pictures if p.path in against]
    left_out = tuple(sorted([*table.left_out, *away], key=lambda entry: entry.path))
    return Table(table.root, table.labels, kept, left_out)


def _document(
    table: Table, looks: Sketches, refusal: DataError | None, progress: workers.Progress, *, copies: bool
) -> dict[str, Any]:
    by_content: dict[str, list[Picture]] = defaultdict(list)
    for picture in table.pictures:
        by_content[picture.sha256].append(picture)
    contents = list(by_content)
    rows = looks.facts(contents)
    progress("looking for copies", 0, 1)
    pairs, threshold = twins.find(rows["hashes"], lambda few: looks.views([contents[at] for at in few]))
    progress("looking for copies", 1, 1)

    def paths(groups: Mapping[str, str]) -> list[list[str]]:
        members: dict[str, list[str]] = defaultdict(list)
        for sha256, group in groups.items():
            members[group] += [picture.path for picture in by_content[sha256]]
        return sorted(sorted(group) for group in members.values() if len(group) > 1)

    named = [(contents[pair.first], contents[pair.second], pair) for pair in pairs]
    together = paths(twins.joined(contents, [(a, b) for a, b, _ in named] if copies else []))
    same = paths(twins.joined(contents, [(a, b) for a, b, pair in named if pair.same and copies]))
    label = {picture.path: picture.label for picture in table.pictures}
    contradictions = [group for group in same if len({label[path] for path in group}) > 1]
    equal = [[picture.path for picture in group] for group in by_content.values() if len(group) > 1]
    rows_of = dict(zip(contents, range(len(contents)), strict=True))
    each = rows[[rows_of[picture.sha256] for picture in table.pictures]] if equal else rows
    found = [
        *_of_copies(table, contradictions, together, sorted(equal), named, by_content, copies=copies),
        *(findings.of_classes(table) if refusal is None else []),
        *findings.of_files(table.left_out),
        *findings.of_layout(table.notes),
        *findings.of_pictures(table.pictures, each),
    ]
    counts = {name: sum(p.label == name for p in table.pictures) for name in table.labels}
    return {
        "pictures": len(table.pictures),
        "classes": counts,
        "refusal": {"message": refusal.message, "hint": refusal.hint} if refusal else None,
        "findings": [asdict(finding) for finding in sorted(found, key=lambda f: not f.matters)],
        "contradictions": contradictions,
        "groups": together,
        "twins": [_told(a, b, pair, by_content) for a, b, pair in named],
        "hash_threshold_bits": threshold,
        "left_out": [[entry.path, entry.label, entry.reason] for entry in table.left_out],
    }


def _told(one: str, other: str, pair: Twin, by_content: Mapping[str, Sequence[Picture]]) -> dict[str, Any]:
    return {
        "first": by_content[one][0].path,
        "second": by_content[other][0].path,
        "kind": pair.kind,
        "distance_bits": pair.distance,
        "likeness": pair.likeness,
        "same": pair.same,
    }


def _of_copies(
    table: Table,
    contradictions: Sequence[Sequence[str]],
    together: Sequence[Sequence[str]],
    equal: Sequence[Sequence[str]],
    named: Sequence[tuple[str, str, Twin]],
    by_content: Mapping[str, Sequence[Picture]],
    *,
    copies: bool,
) -> list[Finding]:
    given = {picture.path: picture.given for picture in table.pictures}
    contradicting = {path for group in contradictions for path in group}
    across = [
        group
        for group in together
        if len({given[path] for path in group if path not in contradicting} - {""}) > 1
    ]
    close = [[by_content[a][0].path, by_content[b][0].path] for a, b, _ in named]
    kept = (
        "nothing: they stay on one side of the split"
        if copies
        else "they may stand on both sides of the split"
    )
    told = (
        (
            "contradictions",
            "one picture under two labels",
            "decide which label is right and move the other copy out; until then all are left out",
            contradictions,
            True,
        ),
        (
            "leaks",
            "copies in both train and test",
            "keep them on one side only; evaluate gives the score with and without them",
            across,
            True,
        ),
        ("equal", "equal files", f"{kept}; training is faster without them", equal, False),
        ("copies", "near-copies (saved again, resized, cropped, mirrored)", kept, close, not copies),
    )
    return [
        Finding(kind, title, advice, tuple(path for group in groups for path in group), len(groups), matters)
        for kind, title, advice, groups, matters in told
        if groups
    ]


def sentence(document: Mapping[str, Any]) -> str:
    """What the audit found, in one line, the important first."""
    said = [_short(entry) for entry in document["findings"]]
    return "; ".join(said[:5]) + ("; and more" if len(said) > 5 else "") if said else "nothing odd"


def _short(entry: Mapping[str, Any]) -> str:
    title = entry["title"].split(" (")[0]
    if entry["kind"] in ("balance", "few", "splits", "encoding", "backslashes"):
        return entry["title"]
    return f"{entry['count']:,} × {title}"
