"""The command `vignette`: every verb of `pipeline` and `export`, callable from any folder.

As with `python -m`, paths are relative to the current folder; the package finds its own files by itself.
"""

from __future__ import annotations

from export.__main__ import RENAMED
from export.__main__ import VERBS as EXPORTING
from pipeline.__main__ import VERBS as TRAINING
from pipeline.cli import options, terminal

NAME = "vignette"
app = options.command_line(
    NAME, "Turn labelled pictures into an image classifier for Android.", (*TRAINING, *EXPORTING), RENAMED
)


def main() -> None:
    """The entry point that is installed as `vignette`."""
    terminal.main(app, program=NAME)
