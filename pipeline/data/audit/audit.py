"""What is wrong with the pictures, and which of them belong together.

`train` audits its data set before it splits it: every picture is decoded once, and not at all if
it was seen before. Copies of a picture become a group; a picture under two labels is excluded.
`near_duplicates` finds copies, `copies` decides what they mean, and `image_issues` and
`copy_issues` report.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path

from pydantic import AliasChoices, Field

from pipeline.core import stages
from pipeline.core.config import Config
from pipeline.core.documents import Document
from pipeline.core.errors import DataError, RunError
from pipeline.core.progress import Progress, ProgressReporter
from pipeline.core.recipes import key_of, library_version
from pipeline.core.remote_cache import RemoteCache
from pipeline.core.runs import Run
from pipeline.data import dataset, decisions, fingerprints, name_groups, stored_table
from pipeline.data.audit import copies, copy_issues, image_issues, near_duplicates
from pipeline.data.audit.issues import ImageIssue, IssueKind
from pipeline.data.changes import Change, compare
from pipeline.data.dataset import Table
from pipeline.data.decisions import LEAVE_OUT
from pipeline.data.fingerprints import Fingerprints
from pipeline.data.folders import Excluded
from pipeline.data.pictures import Picture, Pictures

# The libraries that read pictures, and so decide which ones are refused.
_DECODERS = ("pillow", "pi-heif")


class _Refusal(Document):
    """Why these pictures cannot be trained on, and what to do about it."""

    message: str
    hint: str


class _CopyPair(Document):
    """A `NearDuplicate`, by path."""

    first: str
    second: str
    kind: str
    distance_bits: int
    likeness: float
    same: bool = False


class Audit(Document):
    """What audit.json holds.

    Attributes:
        pictures: How many can be read.
        classes: How many each class has.
        refusal: Why they cannot be trained on, if so.
        image_issues: Those to act on come first.
        contradictions: Groups of copies under two labels, by path.
        resolved: Those that decisions have brought under one.
        groups: Groups of copies that stay on one side of the split, by path.
        near_duplicates: Pairs that connect them.
        hash_threshold_bits: Up to how many of 256 bits hashes of near-duplicates may differ.
        excluded: Path, label and reason of every file that is not used.
    """

    pictures: int
    classes: dict[str, int]
    refusal: _Refusal | None = None
    image_issues: tuple[ImageIssue, ...] = Field(validation_alias=AliasChoices("image_issues", "findings"))
    contradictions: tuple[tuple[str, ...], ...]
    resolved: tuple[tuple[str, ...], ...] = ()
    groups: tuple[tuple[str, ...], ...]
    near_duplicates: tuple[_CopyPair, ...] = Field(
        default=(), validation_alias=AliasChoices("near_duplicates", "twins")
    )
    hash_threshold_bits: int = 0
    excluded: tuple[tuple[str, str, str], ...] = ()

    @property
    def sentence(self) -> str:
        """The issues in one line, the important ones first."""
        summaries = [issue.summary for issue in self.image_issues]
        return "; ".join(summaries[:5]) + "; and more" * (len(summaries) > 5) or "no issues found"


@dataclass(frozen=True)
class AuditResult:
    """The result of an audit.

    Attributes:
        table: The pictures as training is to see them: copies grouped, contradictions excluded.
        audit: What audit.json holds.
        readable: All pictures that can be read, contradictions included.
        changed: How the pictures differ from the last time, if there was one.
        refusal: Why these pictures cannot be trained on, if so.
    """

    table: Table
    audit: Audit
    readable: Pictures
    changed: Change | None = None
    refusal: DataError | RunError | None = None


def make(
    run: Run, config: Config, reporter: ProgressReporter, cache: Fingerprints, *, strict: bool = True
) -> AuditResult:
    """Audits the pictures of a run; writes its table and audit.json.

    Args:
        run: Where they are written.
        config: Names the pictures.
        reporter: Receives progress and warnings.
        cache: Fingerprints; missing ones are added.
        strict: Refuse pictures that are not a data set. Otherwise they are audited, too, but only
            audit.json is written, as for pictures with too many contradictions.

    Raises:
        DataError, NetworkError: As `dataset.scan`; with `strict` off as `dataset.survey`.
    """
    source = Path(config.data.pictures)
    seen_before = all(run.path(name).is_file() for name in (stages.PICTURES, stages.EXCLUDED))
    known = _known(run, source, reporter) if seen_before else None
    allowed = config.data.allow_unreadable
    remote = RemoteCache(config.data.remote_cache_gb, reporter.warn)
    if strict:
        table, refusal = dataset.scan(source, known, reporter.progress, cache, allowed, remote), None
    else:
        table, refusal = dataset.survey(source, reporter.progress, cache, allowed, remote)
    table = name_groups.apply(table, config.data.group_pattern)
    if config.data.decisions:
        table = decisions.decide(table, Path(config.data.decisions), reporter.warn)
    excluded = [[entry.path, entry.label, entry.reason] for entry in table.excluded]
    notes = [asdict(note) for note in table.notes]
    inputs = {"pictures": table.key, "excluded": key_of(excluded), "notes": key_of(notes)}
    grouped = config.data.group_copies
    settings = {"group_copies": grouped, "refusal": refusal.message if refusal else ""}
    recipe = stages.recipe("audit", inputs, settings, fingerprints.LIBRARIES)
    sheet = run.path(stages.FIGURES, f"audit-{IssueKind.CONTRADICTIONS}.png")

    def build() -> None:
        run.write(_audit(table, cache, refusal, sheet, reporter.progress, grouped=grouped), stages.AUDIT)

    run.make(recipe, build)
    audit = run.read(Audit, stages.AUDIT)
    refusal = refusal or copy_issues.refusal(table, audit.contradictions, sheet)
    result = apply(table, audit)
    if not refusal:
        made = stages.recipe("pictures", {"pictures": result.key, "audit": recipe.key}, {}, _DECODERS)
        run.make(made, lambda: stored_table.save(run, result))
    return AuditResult(result, audit, table.pictures, compare(known, result) if known else None, refusal)


def _known(run: Run, source: Path, reporter: ProgressReporter) -> Table | None:
    """The run's table; without the refusals of other versions of the decoders."""
    try:
        known = stored_table.load(run, source)
    except RunError as error:
        reporter.warn(f"{error.message}; all pictures are read again")
        return None
    refused_by = run.recorded("pictures").get("libraries")
    if refused_by != {name: library_version(name) for name in _DECODERS}:
        return replace(known, excluded=tuple(replace(entry, sha256="") for entry in known.excluded))
    return known


def apply(table: Table, audit: Audit) -> Table:
    """The table with copies grouped, and without pictures whose copies have another label."""
    first_of = {path: group[0] for group in audit.groups for path in group}
    # Contradictions were never scored as given, so that the decision counts for both sides.
    resolved = {*chain(*audit.resolved)}
    involved = {*first_of, *resolved, *chain(*audit.contradictions)}
    copied = {path: table.pictures.at(path) for path in involved}
    contradicted: dict[str, str] = {}
    for group in audit.contradictions:
        for path in group:
            own = copied[path].final_label
            other = next(copied[other] for other in group if copied[other].final_label != own)
            which = f"{other.path}, which is labelled {other.final_label}"
            contradicted[path] = f"the same picture as {which}; decide which is right"
    left_out = (path for path in resolved if copied[path].decision == LEAVE_OUT)
    contradicted |= dict.fromkeys(left_out, "left out by a decision")

    def as_training_sees(picture: Picture) -> Picture:
        if picture.path in resolved:
            picture = picture._replace(label=picture.final_label, decided_label="")
        first = copied.get(first_of.get(picture.path, ""))
        return picture._replace(near_duplicates=first.sha256) if first else picture

    kept = table.pictures
    if involved:
        kept = Pictures(as_training_sees(p) for p in table.pictures if p.path not in contradicted)
    # Without a sha256: the file itself is fine and is read again next time.
    gone = (Excluded(path, copied[path].label, "", why) for path, why in contradicted.items())
    excluded = sorted([*table.excluded, *gone], key=lambda entry: entry.path)
    return replace(table, pictures=kept, excluded=tuple(excluded), notes=())


def _labels_of(picture: Picture) -> set[str]:
    """The labels that count for a picture's copies."""
    return set() if picture.decision == LEAVE_OUT else {picture.label, picture.final_label}


def _audit(
    table: Table,
    cache: Fingerprints,
    refusal: DataError | None,
    sheet: Path,
    progress: Progress,
    *,
    grouped: bool,
) -> Audit:
    times = Counter(picture.sha256 for picture in table.pictures)
    contents = list(times)
    # Most pictures have no copy; what is kept of those that have takes memory.
    several = {sha256 for sha256, n in times.items() if n > 1}
    del times
    progress("looking for copies", 0, 1)
    hashes = cache.facts(contents, ("hashes",))["hashes"]
    pairs, threshold = near_duplicates.find(
        hashes, lambda few: cache.views([contents[at] for at in few], table.views_again)
    )
    progress("looking for copies", 1, 1)
    sizes = Counter(chain.from_iterable(map(_labels_of, table.pictures)))
    several.update(contents[at] for pair in pairs for at in (pair.first, pair.second))
    by_content: dict[str, list[Picture]] = defaultdict(list)
    for picture in (p for p in table.pictures if p.sha256 in several):
        by_content[picture.sha256].append(picture)

    def paths(groups: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
        named = (sorted(p.path for sha256 in group for p in by_content[sha256]) for group in groups)
        return sorted(tuple(group) for group in named if len(group) > 1)

    copy_groups = copies.judge(
        {sha256: Counter(chain.from_iterable(map(_labels_of, own))) for sha256, own in by_content.items()},
        sizes,
        [(contents[pair.first], contents[pair.second], pair.same) for pair in pairs] if grouped else [],
        lambda sha256: table.file(by_content[sha256][0]),
        progress,
    )
    groups = paths(copy_groups.bound)
    members = [picture for own in by_content.values() for picture in own]
    given = {p.path: p.label for p in members}
    label = {p.path: p.final_label for p in members if p.decision != LEAVE_OUT}
    copied = paths(copy_groups.same)
    same = [tuple(path for path in group if path in label) for group in copied]
    contradictions = [group for group in same if len({label[path] for path in group}) > 1]
    undecided = {*chain(*contradictions)}
    resolved = [own for own in copied if len({given[p] for p in own}) > 1 and not undecided.intersection(own)]
    refusal = refusal or copy_issues.refusal(table, contradictions, sheet)
    copy_pairs = tuple(
        _CopyPair(
            first=by_content[contents[pair.first]][0].path,
            second=by_content[contents[pair.second]][0].path,
            kind=pair.kind,
            distance_bits=pair.distance,
            likeness=pair.likeness,
            same=pair.same,
        )
        for pair in near_duplicates.spanning(pairs)
    )
    facts = cache.facts((picture.sha256 for picture in table.pictures), image_issues.FACTS)
    counts = Counter(table.pictures.labels())
    issues = [
        *copy_issues.of_copies(
            contradictions=contradictions,
            leaks=copy_issues.leaks(table, groups, contradictions),
            equal=paths([[sha256] for sha256 in by_content]),
            near=[(pair.first, pair.second) for pair in copy_pairs],
            series=copy_groups.series,
            grouped=grouped,
        ),
        *copy_issues.of_series(table, paths(copy_groups.series)),
        *copy_issues.of_names(table, [(pair.first, pair.second) for pair in copy_pairs]),
        *(image_issues.of_classes(table) if refusal is None else []),
        *image_issues.of_files(table.excluded),
        *image_issues.of_layout(table.notes),
        *image_issues.of_pictures(table.pictures, facts),
    ]
    return Audit(
        pictures=len(table.pictures),
        classes={name: counts[name] for name in table.labels},
        refusal=_Refusal(message=refusal.message, hint=refusal.hint) if refusal else None,
        image_issues=tuple(sorted(issues, key=lambda issue: not issue.matters)),
        contradictions=tuple(contradictions),
        resolved=tuple(resolved),
        groups=tuple(groups),
        near_duplicates=copy_pairs,
        hash_threshold_bits=threshold,
        excluded=tuple((entry.path, entry.label, entry.reason) for entry in table.excluded),
    )
