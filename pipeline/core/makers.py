"""Which command makes what a stage of a run leaves."""

from __future__ import annotations

import fnmatch

# Which command makes what the stages of a run leave; the first row that fits. All else is made by `train`.
_MAKERS = {
    "predictions/keras": "pipeline evaluate",
    "evaluation": "pipeline evaluate",
    "label_issues": "pipeline evaluate",
    "passport": "export passport",
    "explain": "export explain",
    "apk": "export apk",
    "phone": "export benchmark",
    "photos": "export photos FOLDER --run",
    "simulated": "export simulate",
    "report": "export report",
    "predictions/*": "export tflite",
    "export/*": "export tflite",
    "*calibration": "export tflite",
    "latency": "export tflite",
    "parity": "export tflite",
}


def maker(stage: str) -> str:
    """The module and verb, such as `pipeline evaluate`; empty for what `train` makes."""
    return next((command for row, command in _MAKERS.items() if fnmatch.fnmatch(stage, row)), "")
