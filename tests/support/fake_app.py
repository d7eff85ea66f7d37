"""The camera app on a fake phone: takes intents, reads models and writes what the real app writes.

The files have the form of `benchmark.schema.json` and `listing.schema.json`; the times are made up.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from export.android.adb import app
from tests.support.fake_phone import FakePhone

APP = {"id": app.PACKAGE, "version": "1.0", "code": 1}
DEVICE = {
    "manufacturer": "Google",
    "model": "Pixel 8",
    "android": "15",
    "sdk": 35,
    "abi": "arm64-v8a",
    "soc": "Tensor G3",
    "cores": 9,
    "memory_kb": 7_800_000,
}
MEMORY = {"pss_kb": 182_000, "native_heap_kb": 60_000, "java_heap_kb": 9_000, "free_kb": 2_100_000}
RUNTIME = "2.16.1"


def distribution(values: np.ndarray) -> dict[str, Any]:
    values = np.round(values, 4)
    p50, p90, p99 = np.percentile(values, (50, 90, 99))
    spread = {"min": float(values.min()), "max": float(values.max())}
    return {"p50": float(p50), "p90": float(p90), "p99": float(p99), **spread, "values": values.tolist()}


def conditions(celsius: float) -> dict[str, Any]:
    return {
        "battery_celsius": celsius,
        "battery_percent": 80,
        "plugged": "usb",
        "thermal_status": "none",
        "screen_on": True,
        "locked": False,
        "power_save": False,
        "airplane_mode": True,
        "memory": MEMORY,
    }


def measurement(kernels: str, threads: int, runs: int, warm_up_runs: int, seed: int) -> dict[str, Any]:
    numbers = np.random.default_rng(seed)
    stages = {
        "grab_ms": 1.2,
        "letterbox_ms": 2.1,
        "model_ms": (9.0 if kernels == "XNNPACK" else 40.0) / threads,
    }
    took = {name: usual * (1 + numbers.gamma(2, 0.03, runs)) for name, usual in stages.items()}
    took["total_ms"] = sum(np.round(values, 4) for values in took.values())
    return {
        "kernels": kernels,
        "num_threads": threads,
        "error": None,
        "warm_up_runs": warm_up_runs,
        "runs": runs,
        "load_ms": 12.5,
        "first_run_ms": 31.25,
        **{name: distribution(values) for name, values in took.items()},
        "memory": MEMORY,
        "thermal_status": "none",
    }


class FakeApp:
    """The app; it measures in a thread of its own.

    Attributes:
        cannot_read: A pattern; models whose name matches cannot be read, as on a phone that denies access.
        folder_error: Why it cannot read the models folder.
        other_bytes: Whether models arrive damaged.
        deaf: Whether it starts but writes nothing.
        step_seconds: How long a step takes.
        crash_at: The step at which it crashes; None for never.
        last_words: What the phone's log says about the crash.
        refuses: Why it does not measure.
        stands_still_at: The step at which it hangs.
        refused_kernels: Kernels that the runtime does not run.
        ignores_cancel: Whether it ignores being cancelled.
    """

    def __init__(self, phone: FakePhone) -> None:
        self.phone = phone
        phone.intents = self.take
        self.cannot_read = ""
        self.folder_error: str | None = None
        self.other_bytes = False
        self.deaf = False
        self.step_seconds = 0.01
        self.crash_at: int | None = None
        self.last_words = "java.lang.OutOfMemoryError: Failed to allocate a 4096 byte allocation"
        self.refuses = ""
        self.stands_still_at: int | None = None
        self.refused_kernels = ""
        self.ignores_cancel = False
        self.cancelled = threading.Event()
        self.thread: threading.Thread | None = None
        self.measured = threading.Event()
        self.pid = 4711

    @property
    def process(self) -> Path:
        return self.phone.root / "processes" / app.PACKAGE

    def take(self, words: list[str]) -> None:
        """Handles an intent or force-stop."""
        if words[0] == "force-stop":
            self.cancelled.set()
            return
        action = words[words.index("-a") + 1].rpartition(".")[2]
        extras = {words[i + 1]: words[i + 2] for i, word in enumerate(words) if word in ("--es", "--ei")}
        self.process.write_text(f"{self.pid}\n")
        (self.phone.files / "benchmark").mkdir(parents=True, exist_ok=True)
        if self.deaf:
            return
        if action == "LIST":
            self._write(f"{extras['session']}.models.json", self._listing(extras["session"]))
        elif action == "CANCEL":
            if not self.ignores_cancel:
                self.cancelled.set()
                if self.thread:
                    self.thread.join(5)
        else:
            self.cancelled.clear()
            self.thread = threading.Thread(target=self._measure, args=(extras,), daemon=True)
            self.thread.start()

    def _listing(self, session: str) -> dict[str, Any]:
        models = [] if self.folder_error else [self._listed(name) for name in self._names()]
        return {
            "listing_version": 1,
            "session": session,
            "app": APP,
            "device": DEVICE,
            "runtime": RUNTIME,
            "folder": f"{app.FILES}/models",
            "error": self.folder_error,
            "models": models,
        }

    def _names(self) -> list[str]:
        folder = self.phone.files / "models"
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []

    def _listed(self, name: str) -> dict[str, Any]:
        if self.cannot_read and re.search(self.cannot_read, name):
            return {"name": name, "error": "The phone denies access to its files."}
        contract = json.loads((self.phone.files / "models" / name / "contract.json").read_text("utf-8"))
        file = contract["model"]["file"]
        data = (self.phone.files / "models" / name / file).read_bytes()
        data += b"x" if self.other_bytes else b""
        assert (self.phone.files / "models" / name / "labels.txt").is_file()
        return {
            "name": name,
            "error": None,
            "flavour": contract["flavour"],
            "file": file,
            "size_bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
        }

    def _measure(self, extras: dict[str, str]) -> None:
        session = extras["session"]
        head = {"benchmark_version": 1, "session": session, "app": APP, "device": DEVICE, "runtime": RUNTIME}
        names, kernels = extras["models"].split(","), extras["kernels"].split(",")
        threads = [int(count) for count in extras["threads"].split(",")]
        steps = [(name, kind, count) for name in names for kind in kernels for count in threads]
        runs, warm_up_runs = int(extras["runs"]), int(extras["warm_up_runs"])
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
        progress = self.phone.files / "benchmark" / f"{session}.progress.json"
        if self.refuses:
            self._write(f"{session}.json", {**head, "error": self.refuses, "cancelled": False})
            return
        for number, (name, kind, count) in enumerate(steps):
            now = f"{name}, {kind}, threads {count}"
            doing = {"benchmark_version": 1, "session": session, "done": number, "of": len(steps), "now": now}
            self._write(progress.name, doing)
            self.phone.happens(f"measures step {number}")
            if number == self.stands_still_at:
                self.cancelled.wait(30)
            if number == self.crash_at:
                self._crash()
                return
            if self.cancelled.wait(self.step_seconds):
                if self.process.exists():
                    words = "The benchmark was stopped."
                    self._write(f"{session}.json", {**head, "error": words, "cancelled": True})
                    progress.unlink(missing_ok=True)
                return
            if kind == self.refused_kernels:
                refusal = "The runtime refused the model: no delegate."
                found[name].append({"kernels": kind, "num_threads": count, "error": refusal})
            else:
                found[name].append(measurement(kind, count, runs, warm_up_runs, number))
        self._write(f"{session}.json", {**head, **self._result(extras, names, found)})
        progress.unlink()
        self.measured.set()

    def _result(
        self, extras: dict[str, str], names: list[str], found: dict[str, list[dict[str, Any]]]
    ) -> dict[str, Any]:
        seconds = int(extras["sustained_seconds"])
        models = []
        for name in names:
            listed = self._listed(name)
            frame = json.loads((self.phone.files / "models" / name / "contract.json").read_text("utf-8"))[
                "input"
            ]
            models.append(
                {
                    **listed,
                    "source": "folder",
                    "frame": [frame["width"], frame["height"]],
                    "measurements": found[name],
                    "sustained": sustained(seconds) if seconds else None,
                }
            )
        return {
            "started_at": "2026-11-24T12:00:00.000Z",
            "ended_at": "2026-11-24T12:03:00.250Z",
            "settings": {
                "models": names,
                "runs": int(extras["runs"]),
                "warm_up_runs": int(extras["warm_up_runs"]),
                "num_threads": [int(count) for count in extras["threads"].split(",")],
                "kernels": extras["kernels"].split(","),
                "sustained_seconds": seconds,
            },
            "camera_picture": {
                "source": "drawn",
                "format": "YUV_420_888",
                "width": 640,
                "height": 480,
                "rotation": 90,
            },
            "before": conditions(30.1),
            "after": conditions(32.4),
            "throttled": False,
            "throttled_why": "The thermal status stayed at none.",
            "models": models,
        }

    def _crash(self) -> None:
        """Crashes; the log is written first, as on Android."""
        if self.last_words:
            (self.phone.root / "crashes").write_text(
                f"E/AndroidRuntime( {self.pid}): FATAL EXCEPTION: benchmark\n"
                f"E/AndroidRuntime( {self.pid}): Process: {app.PACKAGE}, PID: {self.pid}\n"
                f"E/AndroidRuntime( {self.pid}): {self.last_words}\n"
            )
        self.process.unlink()

    def _write(self, name: str, record: dict[str, Any]) -> None:
        """Writes a file atomically, as the app does."""
        path = self.phone.files / "benchmark" / name
        part = path.with_name(f"{name}.part")
        part.write_text(json.dumps(record), "utf-8")
        part.replace(path)


def sustained(seconds: int) -> dict[str, Any]:
    window = {"frames": 300, "max_ms": 30.0, "battery_celsius": 31.0, "thermal_status": "none"}
    return {
        "kernels": "XNNPACK",
        "num_threads": 4,
        "seconds": float(seconds),
        "frames": 600,
        "windows": [{"from_s": 0.0, "p50_ms": 10.0, **window}, {"from_s": 5.0, "p50_ms": 12.5, **window}],
        "first_ms": 10.0,
        "last_ms": 12.5,
        "slowdown": 1.25,
    }


def wait_for(condition, seconds: float = 5.0) -> None:
    """Waits until a condition is true; fails after a timeout."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)
