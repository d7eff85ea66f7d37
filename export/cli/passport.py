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

    Reads one file, in a process with limits on time and memory; or every file of a run, and writes
    passport.json there. Exit code 3: a file is unusable or not what its name says. Of a .keras file, --run
    tells how it differs from that run's model.
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
            terminal.warn(f"{written.pop()} is not written: {error.message}")
        _compare(terminal, run.name, every)
        document = {name: one.model_dump(mode="json") for name, one in every.items()}
        terminal.finish({"run": run.name, "passports": document}, [] if full else written)
        if full:
            raise full
        inspector.require(every)


def _show(terminal: Terminal, found: Passport) -> None:
    """One file: the answers first, then the figures."""
    structure = found.structure
    terminal.table(f"{found.file}", ["question", "answer"], list(_answers(found)), words=True)
    border = [
        [side, " × ".join(map(str, tensor.shape)), tensor.dtype, *_quantization(tensor), tensor.name]
        for side, tensors in (("input", structure.inputs), ("output", structure.outputs))
        for tensor in tensors
    ]
    terminal.table("Border", ["side", "shape", "type", "scale", "zero point", "name"], border, words=True)
    rows = [[op.name, str(op.version), str(op.count), f"{op.constant_bytes:,}"] for op in structure.operators]
    terminal.table("Operators", ["operator", "version", "count", "bytes of constants"], rows)
    kinds = sorted({*structure.constants, *structure.computed})
    rows = [
        [kind.lower(), f"{structure.constants.get(kind, 0):,}", f"{structure.computed.get(kind, 0):,}"]
        for kind in kinds
    ]
    terminal.table("Types", ["type", "bytes of constants", "tensors computed"], rows)
    if found.metadata:
        terminal.table("Metadata", ["field", "value"], list(_described(found)), words=True)


def _answers(found: Passport) -> Iterator[list[str]]:
    from export.model_file.structure import short as short_name

    structure = found.structure
    yield ["is it what its name says?", found.verdict]
    for number, remark in enumerate(found.remarks):
        yield ["" if number else "note", remark]
    yield [
        "size",
        f"{structure.size_bytes / 1e6:,.2f} MB, {sum(structure.constants.values()):,} bytes of constants",
    ]
    yield ["oldest runtime, claimed", _claimed(found)]
    yield ["oldest runtime, proved", _proved(found)]
    for consumer in found.consumers:
        reason = f": {consumer.reason}" if consumer.reason else ""
        yield [consumer.name, _ANSWERS[consumer.accepts] + reason]
    if found.trial.runs:
        yield [
            "black, white, random pictures",
            "it runs, and every answer is finite" if found.trial.finite else "it runs",
        ]
    if structure.constants.get("INT8") or structure.constants.get("UINT8"):
        names = ", ".join(short_name(name) for name in structure.float_tensors[:8]) + ", …" * (
            structure.float_count > 8
        )
        yield ["float tensors inside", f"{structure.float_count}: {names}" if names else "none"]
        yield ["quantized tensors", f"{structure.per_tensor} by tensor, {structure.per_channel} by channel"]
    signatures = (
        f"{s.key} ({', '.join(s.inputs)}) gives ({', '.join(s.outputs)})" for s in structure.signatures
    )
    yield ["signature", "; ".join(signatures) or "none"]
    if not found.metadata:
        yield ["metadata", "none: names, labels and normalization are not in the file"]


def _claimed(found: Passport) -> str:
    claimed = found.claimed
    if claimed.version is None:
        lacking = ", ".join(claimed.unknown) or "an operator"
        return f"unknown: {lacking} is not in the table of operator versions"
    stated = found.structure.says_oldest
    differs = f"; the file itself says {stated}" if stated and stated != claimed.version else ""
    return f"TensorFlow Lite {short(claimed.version)} and newer, because of {claimed.because}{differs}"


def _proved(found: Passport) -> str:
    proof = found.proved
    if proof.holds is None:
        return f"not checked: {proof.words}"
    if not proof.holds:
        return f"no: {proof.runtime}: {proof.words}"
    return (
        f"yes: {proof.runtime} loads it and answers like {proof.against}, at most {proof.difference:.2g} away"
    )


def short(version: str) -> str:
    """A version without trailing zeros: 1.14.0 becomes 1.14."""
    return version.removesuffix(".0")


def _quantization(tensor: object) -> list[str]:
    scale, zero_point = getattr(tensor, "scale", None), getattr(tensor, "zero_point", None)
    return ["", ""] if scale is None else [f"{scale:.8g}", str(zero_point)]


def _described(found: Passport) -> Iterator[list[str]]:
    notes = found.metadata
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
    for name, found in every.items():
        claimed = short(found.claimed.version) if found.claimed.version else "unknown"
        accepts = [_ANSWERS[consumer.accepts] for consumer in found.consumers[:3]] or ["no"] * 3
        verdict = "yes" if found.sound else "NO"
        megabytes = f"{found.structure.size_bytes / 1e6:.2f}"
        rows.append([name, verdict, megabytes, claimed, _ANSWERS[found.proved.holds], *accepts])
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
    for name, found in every.items():
        if found.proved.holds is None:
            terminal.text(f"Not proved: {found.proved.words}.")
            break
        if not found.proved.holds and found.sound:
            terminal.text(f"{name}: {_proved(found)}")
    terminal.text("GPU delegates are not checked. One file in full: python -m export passport FILE")
