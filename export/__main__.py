"""The command line of the export: a trained classifier → files that a phone can trust."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline import console

if TYPE_CHECKING:
    from export.verification import Verification

app = typer.Typer(
    name="python -m export",
    help="A trained classifier to files that a phone can trust.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
RunName = Annotated[str | None, typer.Argument(metavar="RUN", help="A run's name; default: the newest.")]


@app.command()
def tflite(run_name: RunName = None, quiet: Quiet = False, as_json: AsJson = False) -> None:
    """Convert to .tflite, then compare every file with the Keras model.

    Reads a trained run. Writes export/FLAVOUR (model_FLAVOUR.tflite, labels.txt, contract.json) and
    parity.json. Exit code 3: the gate said no.
    """
    with console.speaking(quiet=quiet, as_json=as_json) as terminal:
        from export import convert
        from pipeline import runs
        from pipeline import subject as subjects

        run = runs.find(run_name)
        with run.locked():
            subject = subjects.open_trained(run)
            convert.convert(subject, terminal)
            _compare(terminal, subject)


@app.command()
def parity(run_name: RunName = None, quiet: Quiet = False, as_json: AsJson = False) -> None:
    """Compare the .tflite files of a run with its Keras model on the held-out pictures.

    Reads an exported run. Writes answers/FLAVOUR.npz and parity.json. Exit code 3: the gate said no.
    """
    with console.speaking(quiet=quiet, as_json=as_json) as terminal:
        from pipeline import runs
        from pipeline import subject as subjects

        run = runs.find(run_name)
        with run.locked():
            _compare(terminal, subjects.open_trained(run))


@app.command()
def verify(
    bundle_or_run: Annotated[
        str | None,
        typer.Argument(metavar="BUNDLE_OR_RUN", help="A bundle's folder, or a run; default: the newest run."),
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Replay golden vectors: letterbox, then model on built-in kernels and on XNNPACK.

    Reads a bundle (model, labels.txt, contract.json), or every bundle of a run. Writes nothing.
    Exit code 3: a step differs; the first one is named.
    """
    with console.speaking(quiet=quiet, as_json=as_json) as terminal:
        from export import bundle, verification
        from pipeline import runs
        from pipeline.config import FLAVOURS
        from pipeline.errors import RunError

        given = Path(bundle_or_run) if bundle_or_run else None
        if given and (given / bundle.CONTRACT).is_file():
            _replayed(terminal, str(given), [verification.verify(given, terminal.progress)])
            return
        if given and any(given.glob("*.tflite")):
            bundle.read(given)  # says what is missing
        run = runs.find(bundle_or_run)
        with run.locked():
            places = [run.path(runs.EXPORT, flavour) for flavour in FLAVOURS]
            folders = [place for place in places if (place / bundle.CONTRACT).is_file()]
            if not folders:
                raise RunError(
                    f"{run.folder} holds no bundle", f"export it first: python -m export tflite {run.name}"
                )
            _replayed(terminal, run.name, [verification.verify(f, terminal.progress) for f in folders])


@app.command()
def apk(
    run_name: RunName = None,
    assets_only: Annotated[
        bool, typer.Option("--assets-only", help="Only put the bundle where Gradle finds it.")
    ] = False,
    fetch: Annotated[
        bool, typer.Option("--fetch", help="Only fetch what a build needs; takes no run. make setup does.")
    ] = False,
    keystore: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A key; its password stands in VIGNETTE_KEYSTORE_PASSWORD."),
    ] = None,
    alias: Annotated[str, typer.Option(help="The key's name, where the keystore holds several.")] = "",
    runtime: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE.aar", help="LiteRT's archives in place of the pinned runtime; repeatable."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Another place for the APK.")] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Build the Android app around the int8 bundle, without Google's SDK, and sign it.

    Reads an exported run and android_demo. Writes demo.apk and its passport, apk.json, into the run; with
    --assets-only the bundle into android_demo/app/src/main/assets. Needs a JDK 17, and Maven or ANDROID_HOME.
    Signed with the keystore given, else the user's Android debug key, else one that is made once.
    Exit code 3: the runtime inside cannot run the model.
    """
    with console.speaking(quiet=quiet, as_json=as_json) as terminal:
        from export.apk import build, stage
        from pipeline import runs
        from pipeline import subject as subjects
        from pipeline.errors import UsageError

        options = stage.Options(runtime or (), keystore, alias, out)
        if (assets_only or fetch) and options != stage.Options():
            raise UsageError(
                "--assets-only and --fetch build nothing, so they take no key, runtime or place",
                "leave the other options away",
            )
        if fetch:
            terminal.say("tools", build.fetch(progress=terminal.progress))
            terminal.finish({})
            return
        run = runs.find(run_name)
        with run.locked():
            subject = subjects.open_trained(run)
            if assets_only:
                files = build.fill_assets(stage.find_bundle(subject))
                terminal.say("assets", f"{len(files)} files for Gradle")
                terminal.finish({"run": run.name}, [str(path) for path in files])
                return
            made, passport = stage.make(subject, options, terminal)
            terminal.table(f"{made}", ["what", "found"], list(passport["words"].items()), words=True)
            terminal.finish({"run": run.name, **passport}, [str(made)])


def _replayed(terminal: console.Terminal, name: str, found: Sequence[Verification]) -> None:
    """Shows what a replay came to, a column for each bundle."""
    vectors = dict.fromkeys(vector for result in found for vector in result.names)
    rows = []
    for vector in vectors:
        wrong = any(vector in result.letterbox for result in found)
        rows.append([vector, "WRONG" if wrong else "equal", *(result.cell(vector) for result in found)])
    rows.append(["allowed", "equal", *(result.allowed for result in found)])
    columns = ["vector", "letterbox", *(result.flavour for result in found)]
    terminal.table(f"{name}: largest difference in probability, built-in kernels / XNNPACK", columns, rows)
    passed = all(result.passed for result in found)
    if passed:
        terminal.say("verified", f"{sum(result.vectors for result in found)} vectors on {found[0].runtime}")
    terminal.finish({"passed": passed, "bundles": [result.as_dict() for result in found]})
    for result in found:
        result.require()


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


if __name__ == "__main__":
    console.main(app)
