"""What a .tflite really is, in words and figures: is it what its name says, and who can load it?

Puts together what `examination` found in a process with limits, what the name promises
(`promises`), who accepts it (`consumers`) and the oldest runtime (`oldest`). Every run has the
passports of its flavours; files of any origin get one, too.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from export import artifacts
from export.bundle import bundle
from export.bundle import contract as contracts
from export.bundle.contract import Contract
from export.conversion import convert
from export.inspection import compatibility as who
from export.inspection import examination, judges, oldest_runtime
from export.inspection.compatibility import Consumer
from export.inspection.examination import Examination, Trial
from export.inspection.oldest_runtime import Claim, Proof
from export.model_file import flavours, operators
from export.model_file.metadata import Metadata
from export.model_file.structure import Part, Structure, short
from pipeline.core import files, parallel, stages
from pipeline.core.errors import BundleError, GateError, RunError
from pipeline.core.files import digest
from pipeline.core.progress import ProgressReporter
from pipeline.core.recipes import Recipe
from pipeline.core.runs import Run
from pipeline.core.sections import INT8
from pipeline.core.size import Size
from pipeline.images.letterbox import letterbox

# A file of our own has no reason to hang; a busy machine has.
_PATIENCE = 60
# A stranger's is read, run and judged in under ten seconds.
_SECONDS = 9
# Far from any rounding, near to what a file answers that an old runtime misreads.
_SAME_ANSWER = 0.1


class Passport(Part):
    """Everything that was found out about a .tflite.

    Attributes:
        file: Its name.
        promised: The flavour that its name or its contract states; null where none does.
        kind: What it is, as `promises.kind` has it.
        contradictions: What is not as promised.
        findings: What makes it useless, whatever its name.
        remarks: What is worth knowing and no reason to refuse it.
        metadata: What it says about itself; null where it has no metadata.
        consumers: Who accepts it; nobody is asked about a file of no use.
    """

    file: str
    promised: str | None
    kind: str
    contradictions: tuple[str, ...]
    image_issues: tuple[str, ...]
    remarks: tuple[str, ...]
    structure: Structure
    metadata: Metadata | None
    trial: Trial
    consumers: tuple[Consumer, ...]
    claimed: Claim
    proved: Proof

    @property
    def sound(self) -> bool:
        return not self.contradictions and not self.image_issues

    @property
    def verdict(self) -> str:
        """Is it what its name says? In one sentence."""
        what, wrong = flavours.in_words(self.structure), "; ".join((*self.image_issues, *self.contradictions))
        if self.sound:
            return f"yes: it is {what}" if self.promised else f"its name says nothing; it is {what}"
        if self.structure.chip:
            return f"nobody can tell: {wrong}"
        if self.promised:
            return f"NO: {wrong}"
        return f"of no use: {wrong}" if self.image_issues else f"its name says nothing; {wrong}"


def of_file(path: Path, seconds: int | None = None, size: Size | None = None) -> Passport:
    """The passport of a .tflite of any origin, judged by the contract beside it if there is one.

    Args:
        path: The file.
        seconds: How long it may take to be read and run; some seconds without it.
        size: Of its input, where it leaves that open.

    Raises:
        DataError: It is no whole .tflite, or cannot be read.
        UsageError: It leaves the size of its input open and there is none, or it has another one.
    """
    begun = time.monotonic()
    found = examination.examine(path, seconds or examination.SECONDS, size)
    rules, wrong = _contract(path, found.structure)
    promised = rules.flavour if rules else flavours.promised(path.stem)
    contradictions, name = [*wrong], path.name
    if promised:
        contradictions += flavours.broken(found.structure, promised, name)
    if rules and not contradictions:
        contradictions += flavours.broken_border(found.structure, rules.flavour, name)
    image_issues = _findings(found)
    if flavours.kind(found.structure) == "nothing":
        # That it holds nothing is said once.
        contradictions = [*wrong, *([f"so not the {promised} file of its name"] if promised else [])]
    claimed = operators.claim(found.structure)
    if image_issues:
        proved = oldest_runtime.not_asked(
            "the file does not run" if found.structure.chip else "the file is of no use"
        )
    else:
        left = seconds or max(1, int(_SECONDS - (time.monotonic() - begun)))
        proved = _prove(path, found, rules, left)
    disagreement = oldest_runtime.disagreement(claimed, proved)
    return Passport(
        file=name,
        promised=promised,
        kind=flavours.kind(found.structure),
        contradictions=(*contradictions, *([disagreement] if disagreement else [])),
        image_issues=tuple(image_issues),
        remarks=tuple(_remarks(found)),
        structure=found.structure,
        metadata=found.metadata,
        trial=found.trial,
        consumers=() if image_issues else who.consumers(found.structure, found.metadata),
        claimed=claimed,
        proved=proved,
    )


def of_run(run: Run, reporter: ProgressReporter) -> dict[str, Passport]:
    """The passports of a run's flavours, written to `passport.json` as far as they are out of date.

    Args:
        run: An exported run, locked.
        listener: Hears how far it is.

    Raises:
        RunError: The run has no exported file.
    """
    if not run.done(_recipe(_files(run))):
        passports = examine(run, reporter)
        write(run, passports)
        return passports
    try:
        stored = run.read_json(artifacts.PASSPORT)["passports"]
        return {name: _from_json(entry) for name, entry in stored.items()}
    except (ValidationError, TypeError, KeyError, AttributeError) as error:
        raise RunError(
            f"{run.path(artifacts.PASSPORT)} is damaged: it holds no passports",
            "delete it and repeat the command",
        ) from error


def examine(run: Run, reporter: ProgressReporter) -> dict[str, Passport]:
    """The passports of a run's flavours, made now; nothing is written.

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
    document = {"passports": {name: as_json(passport) for name, passport in passports.items()}}
    files.write_json(run.path(artifacts.PASSPORT), document)
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
    """Refuses files that are not what their name says.

    Raises:
        GateError: One of them is not.
    """
    wrong = [found for found in passports.values() if not found.sound]
    if not wrong:
        return
    reasons = "; ".join(
        f"{found.file}: {', '.join((*found.image_issues, *found.contradictions))}" for found in wrong
    )
    if all(found.structure.chip for found in wrong):
        raise GateError(f"of no use here: {reasons}", "take the .tflite that it was compiled from")
    title, hint = "", "convert it again"
    if any(found.promised for found in wrong):
        title, hint = "not what the name says: ", "rename the file to what it is, or convert it again"
    elif any(found.image_issues for found in wrong):
        title = "of no use here: "
    raise GateError(f"{title}{reasons}", f"{hint}; files of a run are made by python -m export tflite")


def as_json(found: Passport) -> dict[str, Any]:
    """A passport as JSON values."""
    return {"sound": found.sound, "verdict": found.verdict, **found.model_dump(mode="json")}


def _from_json(entry: dict[str, Any]) -> Passport:
    return Passport.model_validate({k: v for k, v in entry.items() if k in Passport.model_fields})


def _recipe(files: Mapping[str, Path]) -> Recipe:
    inputs = {}
    for name, path in files.items():
        for file in (path, path.with_name(bundle.CONTRACT)):
            if file.is_file():
                inputs[f"{convert.bundle_name(name)}/{file.name}"] = digest(file)
    # A judge that has come to be there since is asked.
    settings = {"oldest_judge": judges.OLDEST.version}
    return stages.recipe("passport", inputs, settings, ("ai-edge-litert",))


def _contract(path: Path, structure: Structure) -> tuple[Contract | None, list[str]]:
    """The contract beside a file that names it, and what is wrong between the two."""
    beside = path.with_name(bundle.CONTRACT)
    if not beside.is_file():
        return None, []
    try:
        rules = contracts.parse(beside.read_text("utf-8"), str(beside))
    except (BundleError, UnicodeDecodeError, OSError) as error:
        return None, [f"the contract beside it cannot be read: {error}"]
    if rules.model.file != path.name:
        return None, []
    if rules.model.sha256 != structure.sha256:
        return rules, ["the contract beside it was made for another file of this name"]
    return rules, []


def _findings(found: Examination) -> list[str]:
    structure, image_issues = found.structure, []
    operators = ", ".join(structure.custom)
    if structure.chip:
        return [
            f"it is compiled for {structure.chip} ({operators}), runs there only and cannot be judged here"
        ]
    if structure.custom and not found.trial.runs:
        if all(name.startswith("Flex") for name in structure.custom):
            return [f"it does not run in LiteRT: it needs operators of TensorFlow itself ({operators})"]
        return [f"it does not run in LiteRT, which does not have its custom operators ({operators})"]
    if structure.variables:
        names = ", ".join(structure.variables)
        image_issues.append(f"it reads variables ({names}) instead of holding its weights")
    elif structure.bare_count:
        part = "all" if structure.bare_count == structure.layers else f"{structure.bare_count} of"
        layers = f"{part} {structure.layers} layers lack theirs"
        image_issues.append(
            f"it does not hold its weights: {layers} (such as {short(structure.bare_layers[0])})"
        )
    elif structure.weights == "nothing":
        image_issues.append("it holds no weights: not a classifier")
    if not found.trial.runs:
        image_issues.append(f"it does not run in LiteRT: {found.trial.words}")
    elif not found.trial.finite:
        image_issues.append("it answers with numbers that are not finite to black, white or random pictures")
    return image_issues


def _remarks(found: Examination) -> list[str]:
    structure, remarks = found.structure, []
    if found.trial.constant:
        remarks.append("it gives the very same answer to black, white and random pictures")
    if flavours.kind(structure) == INT8:
        sides = {t.dtype for t in (*structure.inputs, *structure.outputs)}
        if "float32" in sides:
            remarks.append(
                "it takes or gives float32 numbers at its border and calculates in integers inside"
            )
    if not structure.batch_is_fixed:
        shapes = [" x ".join(map(str, tensor.shape)) for tensor in (found.calls or [()])[0]]
        tried = f"; it was tried with an input of {' and '.join(shapes)}" if shapes else ""
        remarks.append(f"a dimension of its border is dynamic{tried}")
    if found.metadata and found.metadata.problems:
        remarks.extend(found.metadata.problems)
    return remarks


def _prove(path: Path, found: Examination, rules: Contract | None, seconds: int) -> Proof:
    """Asks the oldest runtime for the golden vectors; without a contract, for what LiteRT answers here."""
    output = found.structure.outputs[0]
    if rules and rules.model.sha256 == found.structure.sha256:
        frames = [letterbox(vector.picture, rules.input.frame) for vector in rules.golden.vectors]
        calls = [(frame[np.newaxis].astype(rules.input.dtype),) for frame in frames]
        expected = [rules.output.probabilities(vector.answer) for vector in rules.golden.vectors]
        tolerance, against = rules.tolerance, f"the {len(calls)} golden vectors"
    else:
        calls = list(found.calls)
        expected = [oldest_runtime.real(answer, output) for answer in found.answers]
        largest = max((float(np.abs(answer).max(initial=0)) for answer in expected), default=0.0)
        tolerance, against = _SAME_ANSWER * max(1.0, largest), "LiteRT's answers here"
    return oldest_runtime.prove(
        path, output, calls, expected, tolerance=tolerance, against=against, seconds=seconds
    )
