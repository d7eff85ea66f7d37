"""The command line of the pipeline: pictures → a trained Keras classifier.

Each verb is a module of `pipeline.cli`. They load what they need when they run, so that `--help`
answers at once.
"""

from __future__ import annotations

from pipeline.core import packages

try:
    from pipeline.cli import (
        audit,
        collect,
        compare,
        draw,
        evaluate,
        features,
        options,
        search,
        terminal,
        train,
    )
except ModuleNotFoundError as error:
    packages.refuse(error)

VERBS = (
    *(draw.draw, collect.collect, audit.audit, search.search),
    *(features.features, train.train, evaluate.evaluate, compare.compare),
)
app = options.command_line(
    "python -m pipeline",
    "Labelled pictures to a trained Keras classifier. Next: python -m export --help.",
    VERBS,
)

if __name__ == "__main__":
    terminal.main(app)
