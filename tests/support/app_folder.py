"""Writes photos as the app does, in the form of `photo.schema.json`.

`tests/android_demo/test_photos.py` has the app's own classes write them; these are faster, and can be wrong
on purpose.
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from export.bundle.bundle import Bundle
from pipeline.images.letterbox import letterbox
from pipeline.tflite import interpreter as litert

NOBODY_SAID, NONE = object(), None
SESSION = "20261124-101500"


def save(path: Path, pixels: np.ndarray) -> str:
    """Writes a PNG and returns its sha256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def record_of(
    pixels: np.ndarray, sha256: str, bundle: Bundle, truth: Any, kernels: str, session: str, name: str
) -> dict[str, Any]:
    """The record that the app would write, with the answer of this computer."""
    contract = bundle.contract
    frame = letterbox(pixels, contract.input.frame)
    raw = litert.Interpreter(bundle.data, kernels=kernels).run(frame).tobytes()
    probabilities = contract.output.probabilities(raw)
    top = int(probabilities.argmax())
    said = None
    if truth is not NOBODY_SAID:
        said = {"label": truth, "said_at": "2026-11-24T10:15:09.000Z"}
    return {
        "photo_version": 1,
        "file": f"{name}.png",
        "sha256": sha256,
        "width": pixels.shape[1],
        "height": pixels.shape[0],
        "session": session,
        "taken_at": "2026-11-24T10:15:00.000Z",
        "app": {"id": "org.vignette.demo", "version": "0.1.0", "code": 1},
        "device": {
            "manufacturer": "Drawn",
            "model": "One",
            "android": "15",
            "sdk": 35,
            "abi": "arm64-v8a",
            "soc": None,
            "cores": 8,
            "memory_kb": 4_000_000,
        },
        "runtime": "2.16.1",
        "model": {
            "file": contract.model.file,
            "flavour": contract.flavour,
            "sha256": contract.model.sha256,
        },
        "kernels": kernels,
        "num_threads": 1 if kernels == litert.BUILT_IN else 2,
        "labels": list(contract.labels),
        "threshold": contract.threshold,
        "probabilities": probabilities.tolist(),
        "output": base64.b64encode(raw).decode(),
        "prepared_sha256": hashlib.sha256(frame.tobytes()).hexdigest(),
        "answer": contract.labels[top] if probabilities[top] >= contract.threshold else None,
        "latency_ms": {"grab": 1.5, "letterbox": 4, "model": 12.25},
        "truth": said,
    }


def take(
    root: Path,
    number: int,
    pixels: np.ndarray,
    bundle: Bundle,
    truth: Any = NOBODY_SAID,
    *,
    kernels: str = litert.BUILT_IN,
    session: str = SESSION,
    **changes: Any,
) -> Path:
    """Writes a photo and its record with some keys changed; returns the picture's path."""
    name = f"20261124-1015{number // 60:02d}-{number % 1000:03d}"
    path = root / session / f"{name}.png"
    sha256 = save(path, pixels)
    record = record_of(pixels, sha256, bundle, truth, kernels, session, name) | changes
    path.with_suffix(".json").write_text(json.dumps(record, ensure_ascii=False), "utf-8")
    return path
