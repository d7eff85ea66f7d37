"""What is wrong with the pictures, and which of them belong together.

One look at a data set, which `train` takes before it splits: every picture is decoded once, and
not at all if it was seen before. Copies of one picture become a group; one picture under two
labels is left out. How copies are found is in `near_duplicates`, what they mean in `copies`, the
other findings in `image_issues`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.core import files, runs, stages
from pipeline.core.config import Config
from pipeline.core.errors import DataError, RunError
from pipeline.core.progress import Progress, ProgressReporter
from pipeline.core.recipes import key_of, library_version
from pipeline.core.runs import Run
from pipeline.data import dataset, fingerprints
from pipeline.data.audit import copies, image_issues, near_duplicates
from pipeline.data.audit.image_issues import ImageIssue
from pipeline.data.audit.near_duplicates import NearDuplicate
from pipeline.data.dataset import Picture, Table
from pipeline.data.fingerprints import Fingerprints
from pipeline.data.folders import Excluded

# More of a class than this is never left out for having two labels.
MOST_LEFT_OUT = 0.05
CONTRADICTIONS = "contradictions"
# What reads pictures, and so decides which ones it refuses.
_DECODERS = ("pillow", "pi-heif")
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
    refusal: DataError | RunError | None = None


def look(
    run: Run, config: Config, reporter: ProgressReporter, looks: Fingerprints, *, strict: bool = True
) -> Audit:
    """Looks at the pictures of a run and writes its table and audit.json.

    Args:
        run: Where they are written.
        config: Names the pictures.
        listener: Hears how far it is.
        looks: The sketches in the cache; missing ones are added.
        strict: Pictures that cannot be read as a data set are refused; else they are audited, and only
            audit.json is written, as for those with too much under two labels.

    Raises:
        DataError: As `dataset.scan`; with `strict` off as `dataset.survey`.
    """
    source = Path(config.data.pictures)
    seen_before = all(run.path(name).is_file() for name in (runs.PICTURES, runs.EXCLUDED))
    known = _known(run, source, reporter) if seen_before else None
    allowed = config.data.allow_unreadable
    if strict:
        table, refusal = dataset.scan(source, known, reporter.progress, looks, allowed), None
    else:
        table, refusal = dataset.survey(source, reporter.progress, looks, allowed)
    listed = [[entry.path, entry.label, entry.reason] for entry in table.excluded]
    noted = [asdict(note) for note in table.notes]
    inputs = {"pictures": table.key, "excluded": key_of(listed), "notes": key_of(noted)}
    settings = {"group_copies": config.data.group_copies, "refusal": refusal.message if refusal else ""}
    recipe = stages.recipe("audit", inputs, settings, fingerprints.LIBRARIES)

    sheet = run.path(runs.FIGURES, f"audit-{CONTRADICTIONS}.png")

    def build() -> None:
        grouped = config.data.group_copies
        found = _document(table, looks, refusal, sheet, reporter.progress, grouped=grouped)
        files.write_json(run.path(runs.AUDIT), found)

    run.make(recipe, build)
    document = run.read_json(runs.AUDIT)
    refusal = refusal or _too_contradictory(table, document["contradictions"], sheet)
    judged = apply(table, document)
    change = dataset.compare(known, judged) if known else None
    if not refusal:
        made = stages.recipe("pictures", {"pictures": judged.key, "audit": recipe.key}, {}, _DECODERS)
        run.make(made, lambda: dataset.save(run, judged))
    return Audit(judged, document, table.pictures, change, refusal)


def _known(run: Run, source: Path, reporter: ProgressReporter) -> Table | None:
    """The pictures as the run knows them; refusals of another version of the decoders are not among it."""
    try:
        known = dataset.load(run, source)
    except RunError as error:
        reporter.warn(f"{error.message}; all pictures are looked at anew")
        return None
    refused_by = run.recorded("pictures").get("libraries")
    if refused_by != {name: library_version(name) for name in _DECODERS}:
        return replace(known, excluded=tuple(replace(entry, sha256="") for entry in known.excluded))
    return known


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
        replace(picture, near_duplicates=contents.get(twins_of.get(picture.path, ""), ""))
        for picture in table.pictures
        if picture.path not in against
    )
    # Without a sha256: the file itself is sound, and is looked at again next time.
    away = [Excluded(p.path, p.label, "", against[p.path]) for p in table.pictures if p.path in against]
    excluded = tuple(sorted([*table.excluded, *away], key=lambda entry: entry.path))
    return Table(table.root, table.labels, kept, excluded)


def _document(
    table: Table,
    looks: Fingerprints,
    refusal: DataError | None,
    sheet: Path,
    progress: Progress,
    *,
    grouped: bool,
) -> dict[str, Any]:
    by_content: dict[str, list[Picture]] = defaultdict(list)
    for picture in table.pictures:
        by_content[picture.sha256].append(picture)
    contents = list(by_content)
    rows = looks.facts(contents)
    progress("looking for copies", 0, 1)
    pairs, threshold = near_duplicates.find(
        rows["hashes"], lambda few: looks.views([contents[at] for at in few])
    )
    progress("looking for copies", 1, 1)

    def paths(groups: Sequence[Sequence[str]]) -> list[list[str]]:
        members = [[picture.path for sha256 in group for picture in by_content[sha256]] for group in groups]
        return sorted(sorted(group) for group in members if len(group) > 1)

    named = [(contents[pair.first], contents[pair.second], pair) for pair in pairs]
    judged = copies.judge(
        {sha256: Counter(picture.label for picture in own) for sha256, own in by_content.items()},
        [(a, b, pair.same) for a, b, pair in named] if grouped else [],
        lambda sha256: table.file(by_content[sha256][0]),
        progress,
    )
    together = paths(judged.bound)
    equal = paths([[sha256] for sha256 in contents])
    label = {picture.path: picture.label for picture in table.pictures}
    contradictions = [group for group in paths(judged.same) if len({label[path] for path in group}) > 1]
    refusal = refusal or _too_contradictory(table, contradictions, sheet)
    rows_of = dict(zip(contents, range(len(contents)), strict=True))
    each = rows[[rows_of[picture.sha256] for picture in table.pictures]] if equal else rows
    found = [
        *_of_copies(
            table,
            contradictions,
            together,
            equal,
            named,
            by_content,
            copies=grouped,
            series=bool(judged.series),
        ),
        *_of_series(table, paths(judged.series)),
        *(image_issues.of_classes(table) if refusal is None else []),
        *image_issues.of_files(table.excluded),
        *image_issues.of_layout(table.notes),
        *image_issues.of_pictures(table.pictures, each),
    ]
    counts = {name: sum(p.label == name for p in table.pictures) for name in table.labels}
    return {
        "pictures": len(table.pictures),
        "classes": counts,
        "refusal": {"message": refusal.message, "hint": refusal.hint} if refusal else None,
        "image_issues": [asdict(finding) for finding in sorted(found, key=lambda f: not f.matters)],
        "contradictions": contradictions,
        "groups": together,
        "near_duplicates": [_told(a, b, pair, by_content) for a, b, pair in named],
        "hash_threshold_bits": threshold,
        "excluded": [[entry.path, entry.label, entry.reason] for entry in table.excluded],
    }


def _too_contradictory(
    table: Table, contradictions: Sequence[Sequence[str]], sheet: Path
) -> DataError | None:
    """Why these pictures cannot be trained on, where too much of a class would be left out."""
    contradicting = {path for group in contradictions for path in group}
    total = Counter(picture.label for picture in table.pictures)
    lost = Counter(picture.label for picture in table.pictures if picture.path in contradicting)
    share, label = max(((n / total[label], label) for label, n in lost.items()), default=(0.0, ""))
    if share <= MOST_LEFT_OUT:
        return None
    return DataError(
        f"{lost[label]} of {total[label]} pictures of class {label} lie in another class, too "
        f"(more than {MOST_LEFT_OUT:.0%}); {sheet} shows them",
        "move the copy out of the wrong class, or make one class of those that share their pictures",
    )


def _told(
    one: str, other: str, pair: NearDuplicate, by_content: Mapping[str, Sequence[Picture]]
) -> dict[str, Any]:
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
    named: Sequence[tuple[str, str, NearDuplicate]],
    by_content: Mapping[str, Sequence[Picture]],
    *,
    copies: bool,
    series: bool,
) -> list[ImageIssue]:
    given = {picture.path: picture.given for picture in table.pictures}
    contradicting = {path for group in contradictions for path in group}
    across = [
        group
        for group in together
        if len({given[path] for path in group if path not in contradicting} - {""}) > 1
    ]
    close = [[by_content[a][0].path, by_content[b][0].path] for a, b, _ in named]
    loose = "they may stand on both sides of the split"
    kept = "nothing: they stay on one side of the split" if copies else loose
    near = f"{kept}; in the series {loose}" if copies and series else kept
    told = (
        (
            CONTRADICTIONS,
            "one picture under two labels",
            "decide which label is right and move the other copy out; until then all are left out",
            contradictions,
            True,
        ),
        (
            "leaks",
            "copies in both train and test",
            "keep them on one side only; evaluate reports the score with and without them",
            across,
            True,
        ),
        ("equal", "equal files", f"{kept}; training is faster without them", equal, False),
        ("copies", "near-copies (saved again, resized, cropped, mirrored)", near, close, not copies),
    )
    return [
        ImageIssue(
            kind, title, advice, tuple(path for group in groups for path in group), len(groups), matters
        )
        for kind, title, advice, groups, matters in told
        if groups
    ]


def _of_series(table: Table, series: Sequence[Sequence[str]]) -> list[ImageIssue]:
    grouped = {picture.path for picture in table.pictures if picture.group}
    groups = [group for group in series if not grouped.issuperset(group)]
    if not groups:
        return []
    return [
        ImageIssue(
            "series",
            "series of near-copies, across classes or over a tenth of one (one camera, bursts)",
            "only exact copies stay on one side, so the score may flatter: give a table (.csv) with a column "
            "group, one name for each session or thing",
            tuple(path for group in groups for path in group),
            len(groups),
        )
    ]


def sentence(document: Mapping[str, Any]) -> str:
    """What the audit found, in one line, the important first."""
    said = [_short(entry) for entry in document["image_issues"]]
    return "; ".join(said[:5]) + ("; and more" if len(said) > 5 else "") if said else "nothing odd"


def _short(entry: Mapping[str, Any]) -> str:
    title = entry["title"].split(" (")[0]
    if entry["kind"] in ("balance", "few", "splits", "encoding", "backslashes"):
        return entry["title"]
    return f"{entry['count']:,} × {title}"
