from __future__ import annotations

import pytest
import tensorflow as tf

from pipeline.training import devices


@pytest.fixture
def a_gpu(monkeypatch):
    device = tf.config.PhysicalDevice("/physical_device:GPU:0", "GPU")
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [device] if kind == "GPU" else [])
    details = {"device_name": "NVIDIA GeForce RTX 4090", "compute_capability": (8, 9)}
    monkeypatch.setattr(tf.config.experimental, "get_device_details", {device: details}.__getitem__)


@pytest.fixture
def made_deterministic(monkeypatch) -> list[bool]:
    calls: list[bool] = []
    monkeypatch.setattr(tf.config.experimental, "enable_op_determinism", lambda: calls.append(True))
    return calls


def test_the_cpu_is_made_deterministic(made_deterministic, monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    assert devices.gpu() == ""
    devices.prepare(3)
    assert made_deterministic == [True]


def test_a_gpu_is_named_and_not_asked_for_kernels_that_it_lacks(a_gpu, made_deterministic):
    assert devices.gpu() == "NVIDIA GeForce RTX 4090"
    devices.prepare(3)
    assert not made_deterministic
