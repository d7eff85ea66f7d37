"""The camera app on a fake phone: takes the intent, "measures" and writes what the real app writes.

The file has the form of `benchmark.schema.json`; the times are made up. The phone's `content` reads it.
"""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from export.android.adb import app
from pipeline.core.sections import FLAVOURS
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
    interval = [float(np.percentile(values, percent)) for percent in (45, 55)]
    return {"p50": float(p50), "p90": float(p90), "p99": float(p99), **spread, "p50_interval": interval}


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


def measurement(kernels: str, threads: int, runs: int, seed: int) -> dict[str, Any]:
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
        "warm_up_runs": 10,
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
        export: The folder with the bundles that are inside.
        flavours: Those that are inside.
        deaf: Whether it starts but writes nothing.
        full: Whether its storage becomes full before the result is written.
        step_seconds: How long a step takes.
        crash_at: The step at which it crashes; None for never.
        last_words: What the phone's log says about the crash.
        refuses: Why it does not measure.
        stands_still_at: The step at which it hangs.
        refused_kernels: Kernels that the runtime does not run.
    """

    def __init__(self, phone: FakePhone, export: Path, flavours: tuple[str, ...] = FLAVOURS) -> None:
        self.phone = phone
        phone.intents = self.take
        self.export = export
        self.flavours = flavours
        self.deaf = self.full = False
        self.step_seconds = 0.01
        self.crash_at: int | None = None
        self.last_words = "java.lang.OutOfMemoryError: Failed to allocate a 4096 byte allocation"
        self.refuses = ""
        self.stands_still_at: int | None = None
        self.refused_kernels = ""
        self.stopped = threading.Event()
        self._measuring: threading.Thread | None = None
        self.pid = 4710

    @property
    def process(self) -> Path:
        return self.phone.root / "processes" / app.PACKAGE

    def take(self, words: list[str]) -> None:
        """Handles the intent or force-stop."""
        self.stopped.set()
        if self._measuring:
            # A process that was stopped writes no more.
            self._measuring.join(10)
        if words[0] == "force-stop":
            return
        assert words[words.index("-a") + 1] == "org.vignette.demo.action.BENCHMARK"
        assert "-S" in words
        extras = {words[i + 1]: words[i + 2] for i, word in enumerate(words) if word in ("--es", "--ei")}
        self.pid += 1
        self.process.write_text(f"{self.pid}\n")
        folder = self.phone.files / "benchmark"
        folder.mkdir(parents=True, exist_ok=True)
        for earlier in folder.glob("adb-*"):
            earlier.unlink()
        if not self.deaf:
            self.stopped = threading.Event()
            arguments = extras, self.stopped
            self._measuring = threading.Thread(target=self._measure, args=arguments, daemon=True)
            self._measuring.start()

    def _measure(self, extras: dict[str, str], stopped: threading.Event) -> None:
        session, about = extras["session"], {"app": APP, "device": DEVICE, "runtime": RUNTIME}
        kernels = extras["kernels"].split(",")
        threads = [int(count) for count in extras["threads"].split(",")]
        steps = [(name, kind, count) for name in self.flavours for kind in kernels for count in threads]
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in self.flavours}
        if self.refuses:
            self._write(session, "failed", **about, error=self.refuses, cancelled=False)
            return
        for number, (name, kind, count) in enumerate(steps):
            self._write(
                session,
                "running",
                pid=self.pid,
                done=number,
                of=len(steps),
                now=f"{name}\n{kind}, {count} threads",
            )
            self.phone.happens(f"measures step {number}")
            if number == self.stands_still_at:
                stopped.wait(30)
            if number == self.crash_at:
                self._crash()
                return
            if stopped.wait(self.step_seconds):
                return
            if kind == self.refused_kernels:
                refusal = "The runtime refused the model: no delegate."
                found[name].append({"kernels": kind, "num_threads": count, "error": refusal})
            else:
                found[name].append(measurement(kind, count, 60 + number, number))
        if self.full:
            (self.phone.files / "benchmark" / f"{session}.json").unlink()
        else:
            self._write(session, "finished", **about, **self._result(extras, found))

    def _result(self, extras: dict[str, str], found: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
        seconds = int(extras["sustained_seconds"])
        models = []
        for flavour in self.flavours:
            contract = json.loads((self.export / flavour / "contract.json").read_text("utf-8"))
            model, frame = contract["model"], contract["input"]
            models.append(
                {
                    "contract": f"contract_{flavour}.json",
                    "error": None,
                    "flavour": contract["flavour"],
                    "file": model["file"],
                    "size_bytes": model["size_bytes"],
                    "sha256": model["sha256"],
                    "frame": [frame["width"], frame["height"]],
                    "measurements": found[flavour],
                    "sustained": sustained(seconds) if seconds else None,
                }
            )
        return {
            "started_at": "2026-11-24T12:00:00.000Z",
            "ended_at": "2026-11-24T12:03:00.250Z",
            "settings": {
                "num_threads": [int(count) for count in extras["threads"].split(",")],
                "kernels": extras["kernels"].split(","),
                "max_seconds": int(extras["max_seconds"]),
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

    def _write(self, session: str, state: str, **rest: Any) -> None:
        """Writes the session's file atomically, as the app does."""
        path = self.phone.files / "benchmark" / f"{session}.json"
        part = path.with_name(f"{path.name}.part")
        head = {"benchmark_version": 2, "session": session, "state": state}
        part.write_text(json.dumps({**head, **rest}, indent=1), "utf-8")
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
