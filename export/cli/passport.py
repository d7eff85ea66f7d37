"""`passport`: what a .tflite is, and who can load it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from export import artifacts
from pipeline.cli import options
from pipeline.cli.terminal import Terminal, speaking
from pipeline.core.size import asked_size

if TYPE_CHECKING:
    from export.inspection.inspector import Passport

_ANSWERS = {True: "yes", False: "no", None: "not checked"}


def passport(
    file_or_run: Annotated[
        str | None,
        typer.Argument(metavar="FILE_OR_RUN", help="Any .tflite, or a run; default: the newest run."),
    ] = None,
    run_option: options.RunOption = None,
    size: Annotated[
        str | None,
        typer.Option(metavar="WIDTHxHEIGHT", help="Input size, if the .tflite leaves it open."),
    ] = None,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Check what a .tflite is, and who can load it.

    Reads one file in a process with time and memory limits, or every file of a run, and writes the run's
    passport.json. Exit code 3: a file is unusable or not what its name says. For a .keras file, --run tells
    you how it differs from that run's model.
    """
    with speaking(quiet=quiet, as_json=as_json) as terminal:
        from export.conversion import own_model
        from export.inspection import inspector
        from pipeline.core import runs
        from pipeline.core.errors import RunError, StorageError, UsageError

        frame = asked_size(size)
        if file_or_run and run_option and file_or_run.endswith(".keras"):
            own_model.refuse(own_model.load(Path(file_or_run), frame), runs.find(run_option))
        file_or_run = options.one_of(file_or_run, run_option)
        if file_or_run and (file_or_run.endswith(".tflite") or Path(file_or_run).is_file()):
            one = inspector.of_file(Path(file_or_run), size=frame)
            _show(terminal, one)
            terminal.finish(one.model_dump(mode="json"))
            inspector.require({one.file: one})
            return
        if frame:
            raise UsageError("--size is for one .tflite, not for a run", "omit --size")
        run = runs.find(file_or_run)
        every = inspector.examine(run, terminal)
        written, full = [str(run.path(artifacts.PASSPORT))], None
        try:
            with run.locked():
                try:
                    inspector.write(run, every)
                except StorageError as error:
                    full = error
        except (RunError, StorageError) as error:
            # Another process holds the run, or it is read-only: the passports are still shown.
            terminal.warn(f"{written.pop()} was not written: {error.message}")
        _compare(terminal, run.name, every)
        document = {name: one.model_dump(mode="json") for name, one in every.items()}
        terminal.finish({"run": run.name, "passports": document}, [] if full else written)
        if full:
            raise full
        inspector.require(every)


def _show(terminal: Terminal, one: Passport) -> None:
    """One file: the questions first, then the tables."""
    structure = one.structure
    terminal.table(f"{one.file}", ["question", "answer"], list(_answers(one)), words=True)
    ends = [
        [side, " × ".join(map(str, tensor.shape)), tensor.dtype, *_quantization(tensor), tensor.name]
        for side, tensors in (("input", structure.inputs), ("output", structure.outputs))
        for tensor in tensors
    ]
    columns = ["side", "shape", "type", "scale", "zero point", "name"]
    terminal.table("Inputs and outputs", columns, ends, words=True)
    rows = [[op.name, str(op.version), str(op.count), f"{op.constant_bytes:,}"] for op in structure.operators]
    terminal.table("Operators", ["operator", "version", "count", "bytes of constants"], rows)
    kinds = sorted({*structure.constants, *structure.computed})
    rows = [
        [kind.lower(), f"{structure.constants.get(kind, 0):,}", f"{structure.computed.get(kind, 0):,}"]
        for kind in kinds
    ]
    terminal.table("Types", ["type", "bytes of constants", "tensors computed"], rows)
    if one.metadata:
        terminal.table("Metadata", ["field", "value"], list(_described(one)), words=True)


def _answers(one: Passport) -> Iterator[list[str]]:
    from export.model_file.structure import short as short_name

    structure = one.structure
    yield ["is it what its name says?", one.verdict]
    for number, remark in enumerate(one.remarks):
        yield ["" if number else "note", remark]
    yield [
        "size",
        f"{structure.size_bytes / 1e6:,.2f} MB, {sum(structure.constants.values()):,} bytes of constants",
    ]
    yield ["oldest runtime, claimed", _claimed(one)]
    yield ["oldest runtime, proved", _proved(one)]
    for consumer in one.consumers:
        reason = f": {consumer.reason}" if consumer.reason else ""
        yield [consumer.name, _ANSWERS[consumer.accepts] + reason]
    if one.trial.runs:
        yield [
            "black, white, random pictures",
            "it runs, and all outputs are finite" if one.trial.finite else "it runs",
        ]
    if structure.constants.get("INT8") or structure.constants.get("UINT8"):
        names = ", ".join(short_name(name) for name in structure.float_tensors[:8]) + ", …" * (
            structure.float_count > 8
        )
        yield ["float tensors", f"{structure.float_count}: {names}" if names else "none"]
        yield ["quantized tensors", f"{structure.per_tensor} per tensor, {structure.per_channel} per channel"]
    signatures = (f"{s.key} ({', '.join(s.inputs)}) → ({', '.join(s.outputs)})" for s in structure.signatures)
    yield ["signature", "; ".join(signatures) or "none"]
    if not one.metadata:
        yield ["metadata", "none: the file holds no names, labels or normalization"]


def _claimed(one: Passport) -> str:
    claimed = one.claimed
    if claimed.version is None:
        lacking = ", ".join(claimed.unknown) or "an operator"
        return f"unknown: {lacking} is not in the table of operator versions"
    stated = one.structure.says_oldest
    differs = f"; the file itself states {stated}" if stated and stated != claimed.version else ""
    return f"TensorFlow Lite {short(claimed.version)} or newer, because of {claimed.because}{differs}"


def _proved(one: Passport) -> str:
    proof = one.proved
    if proof.holds is None:
        return f"not checked: {proof.words}"
    if not proof.holds:
        return f"no: {proof.runtime}: {proof.words}"
    return f"yes: {proof.runtime} loads it and reproduces {proof.against} to within {proof.difference:.2g}"


def short(version: str) -> str:
    """A version without trailing zeros: 1.14.0 becomes 1.14."""
    return version.removesuffix(".0")


def _quantization(tensor: object) -> list[str]:
    scale, zero_point = getattr(tensor, "scale", None), getattr(tensor, "zero_point", None)
    return ["", ""] if scale is None else [f"{scale:.8g}", str(zero_point)]


def _described(one: Passport) -> Iterator[list[str]]:
    notes = one.metadata
    if not notes:
        return
    yield ["name", notes.name]
    yield ["description", notes.description]
    for side, name, description, limits in (
        ("input", notes.input_name, notes.input_description, notes.input_range),
        ("output", notes.output_name, notes.output_description, notes.output_range),
    ):
        between = f" ({limits[0]} to {limits[1]})" if limits else ""
        yield [side, f"{name}{between}: {description}" if description else f"{name}{between}"]
    if notes.mean and notes.std:
        mean, std = (" ".join(f"{value:g}" for value in values) for values in (notes.mean, notes.std))
        yield ["normalization", f"(pixel - {mean}) / {std}"]
    labels = ", ".join(notes.labels[:12]) + f", … ({len(notes.labels)})" * (len(notes.labels) > 12)
    yield ["labels", labels or "none"]
    if notes.problems:
        yield ["problems", "; ".join(notes.problems)]


def _compare(terminal: Terminal, run: str, every: dict[str, Passport]) -> None:
    """The files of a run side by side."""
    rows = []
    for name, one in every.items():
        claimed = short(one.claimed.version) if one.claimed.version else "unknown"
        accepts = [_ANSWERS[consumer.accepts] for consumer in one.consumers[:3]] or ["no"] * 3
        verdict = "yes" if one.sound else "NO"
        megabytes = f"{one.structure.size_bytes / 1e6:.2f}"
        rows.append([name, verdict, megabytes, claimed, _ANSWERS[one.proved.holds], *accepts])
    runtime = next(iter(every.values())).proved.runtime
    terminal.table(
        f"{run}: what the files are",
        [
            "flavour",
            "as named",
            "MB",
            "claimed: TFLite",
            f"proved: {runtime}",
            "MediaPipe",
            "LiteRT.js",
            "the app",
        ],
        rows,
    )
    for name, one in every.items():
        if one.proved.holds is None:
            terminal.text(f"Not proved: {one.proved.words}.")
            break
        if not one.proved.holds and one.sound:
            terminal.text(f"{name}: {_proved(one)}")
    terminal.text("GPU delegates are not checked. For one file in full, run python -m export passport FILE")
