"""From pictures to an int8 file, by the real commands and with the real default backbone.

Each data set has a file of its own, so that several processes share the work.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.support import verbs
from tests.support.verbs import verb


def journey(place: Path, source: str, *settings: str) -> dict[str, dict[str, Any]]:
    """train, evaluate, export; what each said."""
    train = json.loads(
        verbs.fine(verb("pipeline", "train", source, *verbs.sets(settings), "--json", cwd=place))
    )
    evaluate = json.loads(verbs.fine(verb("pipeline", "evaluate", "--json", cwd=place)))
    export = json.loads(verbs.fine(verb("export", "tflite", "--json", cwd=place)))
    return {"train": train, "evaluate": evaluate, "export": export}


def int8_of(said: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return next(row for row in said["export"]["targets"] if row["model"] == "int8")
