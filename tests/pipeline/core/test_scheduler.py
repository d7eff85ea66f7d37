"""What `--cluster` takes, and how a scheduler is reached."""

from __future__ import annotations

import os
import platform
import random
import shutil
import subprocess
import sys
from pathlib import Path

import dask
import distributed.scheduler
import pytest
from distributed import LocalCluster, Security

from pipeline.core import runs, scheduler
from pipeline.core.errors import NetworkError, ToolError, UsageError
from tests.support.heard import Heard

TLS = "distributed.comm.tls."


def versions() -> dict[str, str]:
    return {"paint": "1"}


@pytest.fixture(autouse=True)
def _somewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def connect(address: str, heard: Heard | None = None) -> list[str]:
    """The files in the cache while it is connected."""
    with scheduler.connected(address, versions, heard or Heard()):
        return [path.name for path in runs.CACHE.iterdir()]


@pytest.mark.parametrize(
    "text", ["", "8", "local", "local:", "local:0", "local:-2", "head:8786", "http://head:80", "tls://head"]
)
def test_a_value_that_is_no_cluster_is_refused(text: str):
    with pytest.raises(
        UsageError, match=f"--cluster {text}: expected local:NUMBER or the address"
    ) as refused:
        connect(text)
    assert "local:8" in refused.value.hint


def test_without_dask_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ToolError, match="distributed is not installed") as refused:
        connect("local:2")
    assert refused.value.hint == ".venv/bin/pip install -r requirements-cluster.txt"


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch):
    monkeypatch.setattr(scheduler, "_REACH_S", 0.3)
    heard = Heard()
    with pytest.raises(NetworkError, match=r"no scheduler can be reached at tcp://127\.0\.0\.1:9: "):
        connect("tcp://127.0.0.1:9", heard)
    assert len(heard.warnings) == 1
    assert "anyone on that network can run programs on the workers" in heard.warnings[0]
    assert list(runs.CACHE.iterdir()) == []


def test_missing_certificates_are_named():
    with (
        dask.config.set({f"{TLS}ca-file": None}),
        pytest.raises(ToolError, match=r"tls\.ca-file of Dask's configuration: it is not set"),
    ):
        connect("tls://head:8786")
    here = str(Path(__file__))
    with (
        dask.config.set({f"{TLS}ca-file": here, f"{TLS}client.cert": "gone.pem"}),
        pytest.raises(ToolError, match=r"tls\.client\.cert .* there is no file gone\.pem"),
    ):
        connect("tls://head:8786")
    with (
        dask.config.set({f"{TLS}{name}": here for name in ("ca-file", "client.cert", "client.key")}),
        pytest.raises(ToolError, match="the certificates that Dask's configuration names cannot be used"),
    ):
        connect("tls://head:8786")


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl")
def test_one_certificate_in_dask_s_configuration_serves_everyone():
    """Made and named as docs/scale.md says."""
    made = "openssl req -x509 -newkey rsa:4096 -nodes -days 3650 -subj /CN=vignette"
    subprocess.run([*made.split(), "-keyout", "key.pem", "-out", "cert.pem"], check=True, capture_output=True)
    config = {f"{TLS}ca-file": "cert.pem", "distributed.comm.require-encryption": True}
    for role in ("scheduler", "worker", "client"):
        config |= {f"{TLS}{role}.cert": "cert.pem", f"{TLS}{role}.key": "key.pem"}
    heard = Heard()
    with (
        dask.config.set(config),
        LocalCluster(
            n_workers=1,
            threads_per_worker=1,
            processes=False,
            protocol="tls://",
            security=Security(),
            dashboard_address="127.0.0.1:0",
        ) as elsewhere,
    ):
        (token,) = connect(elsewhere.scheduler_address, heard)
    assert token.startswith("cluster-")
    assert heard.said == {"cluster": f"1 worker at {elsewhere.scheduler_address}"}
    assert heard.warnings == []
    assert list(runs.CACHE.iterdir()) == []


@pytest.mark.slow
def test_workers_of_this_machine_are_reached_from_it_alone():
    import psutil

    with scheduler.connected("local:1", versions, heard := Heard()):
        family = [psutil.Process(), *psutil.Process().children(recursive=True)]
        listening = [
            connection.laddr.ip
            for process in family
            for connection in process.net_connections()
            if connection.status == psutil.CONN_LISTEN
        ]
    assert set(listening) == {"127.0.0.1"}
    assert heard.said == {"cluster": "1 worker at local:1"}
    assert [process for process in family[1:] if "spawn_main" in " ".join(_command(process))] == []


def _command(process) -> list[str]:
    import psutil

    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def test_what_killed_commands_left_is_deleted(monkeypatch):
    monkeypatch.setattr(scheduler, "_REACH_S", 0.1)
    ended = subprocess.Popen(["true"])
    ended.wait()
    runs.CACHE.mkdir(parents=True)
    for pid in (ended.pid, os.getppid()):
        (runs.CACHE / f"cluster-{platform.node()}-{pid}-aa").touch()
    with pytest.raises(NetworkError):
        connect("tcp://127.0.0.1:9")
    assert [path.name for path in runs.CACHE.iterdir()] == [f"cluster-{platform.node()}-{os.getppid()}-aa"]


def test_tokens_of_machines_whose_names_begin_alike_stay(monkeypatch):
    monkeypatch.setattr(scheduler, "_REACH_S", 0.1)
    ended = subprocess.Popen(["true"])
    ended.wait()
    runs.CACHE.mkdir(parents=True)
    host = platform.node()
    others = [f"{host}-b-123-abcd", f"{host}-{ended.pid}-77-abcd", f"{host}-{ended.pid}", f"{host}--aa"]
    others += [f"{host}b-{ended.pid}-abcd", f"{host}-{2**31}-abcd", f"{host}-{ended.pid}-notes"]
    for other in others:
        (runs.CACHE / f"cluster-{other}").touch()
    with pytest.raises(NetworkError):
        connect("tcp://127.0.0.1:9")
    assert {path.name for path in runs.CACHE.iterdir()} == {f"cluster-{other}" for other in others}


def test_dask_s_threads_draw_no_random_numbers_of_this_process(monkeypatch):
    """Keras draws the weights of a backbone from them."""
    monkeypatch.setattr(scheduler, "_REACH_S", 0.1)
    monkeypatch.setattr(distributed.scheduler, "random", random)
    with pytest.raises(NetworkError):
        connect("tcp://127.0.0.1:9")
    before = random.getstate()
    distributed.scheduler.random.random()
    assert random.getstate() == before
