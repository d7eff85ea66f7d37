"""The command line of the export: a trained classifier → files that a phone can trust.

Each verb is in a module of `verbs`. They load what they need when they run, so that `--help`
answers at once.
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
        report,
        tflite,
        verify,
    )
    from pipeline.cli import options, terminal
except ModuleNotFoundError as error:
    packages.refuse(error)

VERBS = (
    *(tflite.tflite, parity.parity, compare_models.compare_models),
    *(passport.passport, verify.verify, apk.apk, benchmark.phone, photos.photos),
    *(explain.explain, report.report),
)
app = options.command_line("python -m export", "A trained classifier to files that a phone can trust.", VERBS)

if __name__ == "__main__":
    terminal.main(app)
