"""`tflite` and `parity`: the .tflite files of a run, compared with its Keras model."""

from __future__ import annotations

from typing import Any

from pipeline import console
from pipeline.verbs import options


def tflite(
    run_name: options.RunName = None, quiet: options.Quiet = False, as_json: options.AsJson = False
) -> None:
    """Convert to .tflite, then compare every file with the Keras model.

    Reads a trained run. Writes export/FLAVOUR (model_FLAVOUR.tflite, labels.txt, contract.json),
    passport.json and parity.json. Exit code 3: the gate said no, or a file is not what its name says.
    """
    with console.speaking(quiet=quiet, as_json=as_json) as terminal:
        from export import convert, passport
        from pipeline import runs
        from pipeline import subject as subjects

        run = runs.find(run_name)
        with run.locked():
            subject = subjects.open_trained(run)
            convert.convert(subject, terminal)
            passport.require(passport.of_run(run, terminal))
            _compare(terminal, subject)


def parity(
    run_name: options.RunName = None, quiet: options.Quiet = False, as_json: options.AsJson = False
) -> None:
    """Compare the .tflite files of a run with its Keras model on the held-out pictures.

    Reads an exported run. Writes answers/FLAVOUR.npz and parity.json. Exit code 3: the gate said no.
    """
    with console.speaking(quiet=quiet, as_json=as_json) as terminal:
        from pipeline import runs
        from pipeline import subject as subjects

        run = runs.find(run_name)
        with run.locked():
            _compare(terminal, subjects.open_trained(run))


def _compare(terminal: console.Terminal, subject: Any) -> None:
    from export import parity as comparison
    from pipeline import runs
    from pipeline.errors import GateError

    found = comparison.parity(subject, terminal)
    run = subject.run
    _show(terminal, run.name, found, run.path(runs.MODEL).stat().st_size)
    files = [str(run.path(row["file"])) for row in found["targets"] if row["model"] == "int8"]
    terminal.finish({"run": run.name, **found}, [str(run.path(runs.PARITY)), *files])
    if not found["passed"]:
        said_no = [row for row in found["targets"] if not row["passed"]]
        raise GateError(
            "the gate says no: "
            + "; ".join(f"{row['model']}: {', '.join(row['broken'])}" for row in said_no)
            + f" (n = {found['n']})",
            "more calibration pictures may help (--set export.calibration_pictures=300 when training), "
            "or ship float16, which is close to the original",
        )


def _show(terminal: console.Terminal, name: str, found: dict[str, Any], keras_bytes: int) -> None:
    reference = found["reference"]
    rows = [
        [
            "keras",
            f"{reference['accuracy']:.3f}",
            f"{reference['macro_f1']:.3f}",
            "reference",
            "",
            f"{keras_bytes / 1e6:.2f}",
            "",
            "",
            "",
        ]
    ]
    for row in found["targets"]:
        timing = row["latency"]
        rows.append(
            [
                row["model"],
                f"{row['accuracy']:.3f}",
                f"{row['macro_f1']:.3f}",
                f"{row['agreement']:.3f}",
                f"{row['mean_abs_dp']:.4f}",
                f"{row['size_bytes'] / 1e6:.2f}",
                f"{timing['median_ms']:.1f}",
                f"{timing['p90_ms']:.1f}",
                "passed" if row["passed"] else "FAILED",
            ]
        )
    terminal.table(
        f"{name}: Keras against .tflite on {found['n']:,} held-out pictures",
        ["model", "accuracy", "macro F1", "agreement", "mean |Δp|", "MB", "median ms", "p90 ms", "gate"],
        rows,
    )
    timing = found["targets"][0]["latency"]
    terminal.text(f"Times: this machine, {timing['num_threads']} threads, {timing['delegate']}, one picture.")
