"""The command line of the export: a trained classifier → files that a phone can trust.

Each verb is in a module of `verbs`. They load what they need when they run, so that `--help`
answers at once.
"""

from __future__ import annotations

import typer

from export.verbs import apk, calibration, parity, passport, phone, photos, tflite, verify
from pipeline import console

app = typer.Typer(
    name="python -m export",
    help="A trained classifier to files that a phone can trust.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for verb in (
    *(tflite.tflite, parity.parity, calibration.calibration),
    *(passport.passport, verify.verify, apk.apk, phone.phone, photos.photos),
):
    app.command()(verb)

if __name__ == "__main__":
    console.main(app)
