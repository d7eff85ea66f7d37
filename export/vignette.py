"""The command `vignette`: every verb of `pipeline` and of `export`, from any folder.

Files of the user are looked for in the current folder, as with `python -m`; the package's own lie beside it.
"""

from __future__ import annotations

from export.__main__ import VERBS as EXPORTING
from pipeline.__main__ import VERBS as TRAINING
from pipeline.cli import options, terminal

NAME = "vignette"
app = options.command_line(
    NAME, "Labelled pictures to an image classifier on an Android phone.", (*TRAINING, *EXPORTING)
)


def main() -> None:
    """What is installed as `vignette`."""
    terminal.main(app, program=NAME)
