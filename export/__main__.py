"""`python -m export`: from a trained classifier to an Android app that is proved to match it.

Each verb is a module of `export.cli` that imports what it needs when it runs, so that `--help` is instant.
"""

from __future__ import annotations

from pipeline.core import packages

try:
    from export.cli import (
        apk,
        benchmark,
        compare_models,
        explain,
        parity,
        passport,
        photos,
        predict,
        report,
        simulate,
        tflite,
        verify,
        web,
    )
    from pipeline.cli import options, terminal
except ModuleNotFoundError as error:
    packages.refuse(error)

VERBS = (
    *(tflite.tflite, parity.parity, compare_models.compare_models),
    *(passport.passport, verify.verify, apk.apk, benchmark.benchmark),
    *(predict.predict, photos.photos, simulate.simulate, explain.explain, web.web),
    report.report,
)
RENAMED = {"phone": "python -m export benchmark"}
app = options.command_line(
    "python -m export",
    "Export a trained classifier to LiteRT and Android, and prove it there.",
    VERBS,
    RENAMED,
)

if __name__ == "__main__":
    terminal.main(app)
