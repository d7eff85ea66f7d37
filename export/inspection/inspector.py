"""The passport of a .tflite: is it what its name says, and who can load it?

Combines the results of `examination`, `defects`, `flavours`, `compatibility` and `oldest_runtime`. A run
has passports of its flavours in `passport.json`; any other .tflite can have one, too.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from pydantic import computed_field

from export import artifacts
from export.bundle import bundle
from export.bundle import contract as contracts
from export.bundle.contract import Contract
from export.conversion import convert
from export.inspection import compatibility, defects, examination, judges, oldest_runtime
from export.inspection.compatibility import Consumer
from export.inspection.examination import Examination, Trial
from export.inspection.oldest_runtime import Claim, Proof
from export.model_file import flavours, operators
from export.model_file.metadata import Metadata
from export.model_file.structure import Part, Structure
from pipeline.core import parallel, stages
from pipeline.core.documents import Document
from pipeline.core.errors import BundleError, GateError, RunError
from pipeline.core.files import digest
from pipeline.core.progress import ProgressReporter
from pipeline.core.recipes import Recipe
from pipeline.core.runs import Run
from pipeline.core.size import Size
from pipeline.images.letterbox import letterbox
from pipeline.tflite import interpreter as litert

# Our own files do not hang, but a busy machine may be slow.
_PATIENCE = 60
# Files from strangers are read, run and judged in under ten seconds.
_SECONDS = 9
# Well above rounding, well below the error of a runtime that misreads a file.
_SAME_ANSWER = 0.1


class Passport(Part, extra="ignore"):
    """All that is known about a .tflite.

    Attributes:
        file: Its name.
        promised: The flavour that its name or contract states; null if neither does.
        kind: Its actual flavour, from `flavours.kind`.
        contradictions: Where it differs from `promised`.
        defects: What makes it unusable, whatever its name.
        remarks: Worth knowing, but no reason to refuse it.
        metadata: Null if it has none.
        consumers: Who accepts it; empty if it has defects.
    """

    file: str
    promised: str | None
    kind: str
    contradictions: tuple[str, ...]
    defects: tuple[str, ...]
    remarks: tuple[str, ...]
    structure: Structure
    metadata: Metadata | None
    trial: Trial
    consumers: tuple[Consumer, ...]
    claimed: Claim
    proved: Proof

    @computed_field
    @property
    def sound(self) -> bool:
        return not self.contradictions and not self.defects

    @computed_field
    @property
    def verdict(self) -> str:
        """Whether it is what its name says, in one sentence."""
        what, wrong = flavours.in_words(self.structure), "; ".join((*self.defects, *self.contradictions))
        if self.sound:
            return f"yes: it is {what}" if self.promised else f"its name states no flavour; it is {what}"
        if self.structure.chip:
            return f"cannot be checked: {wrong}"
        if self.promised:
            return f"NO: {wrong}"
        return f"unusable: {wrong}" if self.defects else f"its name states no flavour; {wrong}"


class Passports(Document):
    """passport.json: the passports of a run's files, by flavour."""

    passports: dict[str, Passport]


def of_file(path: Path, seconds: int | None = None, size: Size | None = None) -> Passport:
    """The passport of any .tflite, judged by the contract beside it if there is one.

    Args:
        path: The file.
        seconds: Time limit for reading and running it; default: under ten seconds in all.
        size: The input size, if the file leaves it open.

    Raises:
        DataError: It is not a complete .tflite, or cannot be read.
        UsageError: It leaves its input size open and none is given, or it has another size.
    """
    started = time.monotonic()
    examined = examination.examine(path, seconds or examination.SECONDS, size)
    structure = examined.structure
    contract, contradictions = _contract(path, structure)
    promised = contract.flavour if contract else flavours.promised(path.stem)
    kind, faults = flavours.kind(structure), defects.defects(examined)
    if kind == "nothing":
        # The defects already say that it holds nothing.
        contradictions += [f"so it is not the {promised} file that its name promises"] if promised else []
    else:
        if promised:
            contradictions += flavours.broken(structure, promised, path.name)
        if contract and not contradictions:
            contradictions += flavours.broken_border(structure, contract.flavour, path.name)
    claimed = operators.claim(structure)
    if faults:
        proved = oldest_runtime.not_asked(
            "the file does not run" if structure.chip else "the file is unusable"
        )
    else:
        left = seconds or max(1, int(_SECONDS - (time.monotonic() - started)))
        proved = _prove(path, examined, contract, left)
    if disagreement := oldest_runtime.disagreement(claimed, proved):
        contradictions.append(disagreement)
    return Passport(
        file=path.name,
        promised=promised,
        kind=kind,
        contradictions=tuple(contradictions),
        defects=tuple(faults),
        remarks=tuple(defects.remarks(examined)),
        structure=structure,
        metadata=examined.metadata,
        trial=examined.trial,
        consumers=() if faults else compatibility.consumers(structure, examined.metadata),
        claimed=claimed,
        proved=proved,
    )


def of_run(run: Run, reporter: ProgressReporter) -> dict[str, Passport]:
    """The passports of a run's flavours; made again and written if `passport.json` is out of date.

    Args:
        run: An exported run, locked.
        reporter: Receives progress.

    Raises:
        RunError: The run has no exported file, or its passport.json is damaged.
    """
    if not run.done(_recipe(_files(run))):
        passports = examine(run, reporter)
        write(run, passports)
        return passports
    return dict(run.read(Passports, artifacts.PASSPORT).passports)


def examine(run: Run, reporter: ProgressReporter) -> dict[str, Passport]:
    """Makes the passports of a run's flavours, without writing them.

    Raises:
        RunError: The run has no exported file.
    """
    files, passports = _files(run), {}
    run.warn_of_damage(reporter.warn)
    made = parallel.ordered(lambda path: of_file(path, _PATIENCE), files.values())
    for name, passport in zip(files, made, strict=True):
        passports[name] = passport
        reporter.progress("passports", len(passports), len(files))
    return passports


def write(run: Run, passports: Mapping[str, Passport]) -> None:
    """Writes a run's `passport.json`; the run is locked."""
    recipe = _recipe(_files(run))
    run.forget(recipe.stage)
    run.write(Passports(passports=dict(passports)), artifacts.PASSPORT)
    run.record(recipe)


def _files(run: Run) -> dict[str, Path]:
    files = {name: run.path(convert.file_name(name)) for name in convert.FLAVOURS}
    files = {name: path for name, path in files.items() if path.is_file()}
    if not files:
        raise RunError(
            f"{run.folder} holds no .tflite", f"export it first: python -m export tflite {run.name}"
        )
    return files


def require(passports: Mapping[str, Passport]) -> None:
    """Raises GateError if a file is unusable or not what its name says."""
    wrong = [passport for passport in passports.values() if not passport.sound]
    if not wrong:
        return
    reasons = "; ".join(
        f"{passport.file}: {', '.join((*passport.defects, *passport.contradictions))}" for passport in wrong
    )
    if all(passport.structure.chip for passport in wrong):
        raise GateError(f"unusable here: {reasons}", "use the .tflite that it was compiled from")
    title, hint = "", "convert it again"
    if any(passport.promised for passport in wrong):
        title, hint = "not what the name says: ", "rename the file to what it is, or convert it again"
    elif any(passport.defects for passport in wrong):
        title = "unusable here: "
    raise GateError(f"{title}{reasons}", f"{hint}; files of a run are made by python -m export tflite")


def _recipe(files: Mapping[str, Path]) -> Recipe:
    inputs = {}
    for name, path in files.items():
        for file in (path, path.with_name(bundle.CONTRACT)):
            if file.is_file():
                inputs[f"{convert.bundle_name(name)}/{file.name}"] = digest(file)
    # So that the proof is added once the judge is installed.
    settings = {"oldest_judge": judges.OLDEST.version}
    return stages.recipe("passport", inputs, settings, ("ai-edge-litert",))


def _contract(path: Path, structure: Structure) -> tuple[Contract | None, list[str]]:
    """The contract beside a file, if it is for that file, and how the two contradict each other."""
    beside = path.with_name(bundle.CONTRACT)
    if not beside.is_file():
        return None, []
    try:
        contract = contracts.parse(beside.read_text("utf-8"), str(beside))
    except (BundleError, UnicodeDecodeError, OSError) as error:
        return None, [f"the contract beside it cannot be read: {error}"]
    if contract.model.file != path.name:
        return None, []
    if contract.model.sha256 != structure.sha256:
        return contract, ["the contract beside it belongs to another file of this name"]
    return contract, []


def _prove(path: Path, examined: Examination, contract: Contract | None, seconds: int) -> Proof:
    """Runs the golden vectors in the oldest runtime; without a contract, compares it with LiteRT here."""
    output = examined.structure.outputs[0]
    if contract and contract.model.sha256 == examined.structure.sha256:
        frames = [letterbox(vector.picture, contract.input.frame) for vector in contract.golden.vectors]
        calls = [(frame[np.newaxis].astype(contract.input.dtype),) for frame in frames]
        expected = [
            contract.output.probabilities(vector.answer(litert.BUILT_IN))
            for vector in contract.golden.vectors
        ]
        tolerance, against = contract.tolerance, f"the {len(calls)} golden vectors"
    else:
        calls = list(examined.calls)
        expected = [oldest_runtime.real(answer, output) for answer in examined.answers]
        largest = max((float(np.abs(answer).max(initial=0)) for answer in expected), default=0.0)
        tolerance, against = _SAME_ANSWER * max(1.0, largest), "LiteRT's outputs here"
    return oldest_runtime.prove(
        path, output, calls, expected, tolerance=tolerance, against=against, seconds=seconds
    )
