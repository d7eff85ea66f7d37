"""Classifies pictures with MediaPipe Tasks, in its own environment: an independent reader of metadata.

    .venv-mediapipe/bin/python judges/mediapipe_tasks.py MODEL FOLDER

FOLDER/inputs.npz holds pictures, RGB, uint8, named CALL_0. Their categories, best first, go to
answers.json as lists of [label, index, score]; if there are none, the reason goes to error.txt, in one line.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import mediapipe
import numpy as np
from mediapipe.tasks.python import BaseOptions, vision


def main(model: str, folder: Path) -> None:
    """Runs every call in FOLDER."""
    options = vision.ImageClassifierOptions(base_options=BaseOptions(model_asset_path=model))
    predictions = {}
    try:
        with (
            vision.ImageClassifier.create_from_options(options) as classifier,
            np.load(folder / "inputs.npz", allow_pickle=False) as inputs,
        ):
            for name in inputs.files:
                picture = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=inputs[name])
                (head,) = classifier.classify(picture).classifications
                predictions[name] = [[c.category_name, c.index, c.score] for c in head.categories]
    except (ValueError, RuntimeError, OSError) as error:
        (folder / "error.txt").write_text(" ".join(str(error).split()), "utf-8")
        return
    (folder / "answers.json").write_text(json.dumps(predictions), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
