"""The command line of the pipeline: pictures → a trained Keras classifier.

Each verb is a module of `verbs`. They load what they need when they run, so that `--help` answers
at once.
"""

from __future__ import annotations

import typer

from pipeline import console
from pipeline.verbs import audit, collect, compare, draw, evaluate, train

app = typer.Typer(
    name="python -m pipeline",
    help="Labelled pictures to a trained Keras classifier. Next: python -m export --help.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for verb in (draw.draw, collect.collect, audit.audit, train.train, evaluate.evaluate, compare.compare):
    app.command()(verb)

if __name__ == "__main__":
    console.main(app)
