"""The scheduler that `--cluster` names: one of this process with workers beside it, or one elsewhere."""

from __future__ import annotations

import importlib.util
import logging
import os
import platform
import random
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.core import files, runs
from pipeline.core.cluster import Cluster, Place
from pipeline.core.errors import NetworkError, ToolError, UsageError
from pipeline.core.progress import ProgressReporter

if TYPE_CHECKING:
    from distributed import Client, Security

_LOCAL = re.compile(r"local:([1-9]\d{0,3})")
_REMOTE = re.compile(r"(tcp|tls)://(?:\[[\da-fA-F:.]+\]|[\w.-]+):\d{1,5}")
_DASK = ("dask", "distributed", "tornado")
_REACH_S = 5
# How often one task may lose its worker.
_LIVES = 20
_PAGE = "docs/scale.md shows how"


@contextmanager
def connected(
    text: str, measure: Callable[[], Mapping[str, str]], reporter: ProgressReporter
) -> Iterator[Cluster]:
    """The workers that `--cluster` names.

    Args:
        text: `local:8`, for as many processes on this machine; or the address of a scheduler.
        measure: Finds the versions that all processes must have in common; can be imported.
        reporter: Told what the user should know.

    Raises:
        UsageError: The text is neither.
        ToolError: Dask or a certificate is missing, or a worker is refused.
        NetworkError: The scheduler cannot be reached, or no worker is there.
    """
    local = _LOCAL.fullmatch(text)
    if not local and not _REMOTE.fullmatch(text):
        raise UsageError(
            f"--cluster {text}: expected local:NUMBER or the address of a scheduler",
            "for example --cluster local:8, or --cluster tls://HEAD:8786",
        )
    try:
        import distributed
    except ModuleNotFoundError as error:
        raise ToolError(
            f"--cluster needs Dask, and {error.name} is not installed",
            ".venv/bin/pip install -r requirements-cluster.txt",
        ) from error
    _calm()
    # Those that matter are compared by `Place`.
    warnings.filterwarnings("ignore", category=distributed.versions.VersionMismatchWarning)
    count = int(local[1]) if local else 0
    with _token() as token, _local(count) if local else _remote(text, reporter) as client:
        place = Place(text, Path.cwd(), token, measure, measure(), count)
        cluster = Cluster(client, place, reporter)
        threads: Any = client.nthreads()
        workers, dashboard = len(threads), ""
        with suppress(metadata.PackageNotFoundError):
            client.run_on_scheduler(metadata.version, "bokeh")
            dashboard = f", dashboard {client.dashboard_link}"
        reporter.say("cluster", f"{workers} {'worker' if workers == 1 else 'workers'} at {text}{dashboard}")
        yield cluster


def _calm() -> None:
    """Keeps Dask from printing, and from the random numbers of this process."""
    for name in logging.root.manager.loggerDict:
        if name.partition(".")[0] in _DASK:
            logging.getLogger(name).setLevel(logging.CRITICAL)
    # Keras seeds the generator of the process and draws from it, while Dask draws in threads beside it:
    # that gets a copy of the module, with a generator of its own.
    spec: Any = importlib.util.find_spec("random")
    copy = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(copy)
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in _DASK and vars(module).get("random") is random:
            vars(module)["random"] = copy


@contextmanager
def _local(count: int) -> Iterator[Client]:
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=count,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            memory_limit=0,
            silence_logs=logging.CRITICAL,
            scheduler_kwargs={"allowed_failures": _LIVES},
        ) as cluster,
        Client(cluster.scheduler_address, timeout=_REACH_S) as client,
    ):
        yield client


@contextmanager
def _remote(address: str, reporter: ProgressReporter) -> Iterator[Client]:
    from distributed import Client, Security

    security = Security()
    if address.startswith("tls:"):
        _check_certificates(security)
    else:
        reporter.warn(
            f"{address} is open: anyone on that network can run programs on the workers, in your name; "
            f"use tls:// instead, {_PAGE}"
        )
    try:
        client = Client(address, timeout=_REACH_S, security=security)
    except (OSError, RuntimeError, ValueError) as error:
        raise NetworkError(
            f"no scheduler can be reached at {address}: {error}",
            f"start one there, or use tls:// if it has certificates; {_PAGE}",
        ) from error
    with client:
        yield client


def _check_certificates(security: Security) -> None:
    """Checks the certificates that Dask's configuration names for a client; raises ToolError."""
    tls = security.get_tls_config_for_role("client")
    for key, name in (("ca-file", "ca_file"), ("client.cert", "cert"), ("client.key", "key")):
        if not tls[name] or not Path(tls[name]).is_file():
            problem = f"there is no file {tls[name]}" if tls[name] else "it is not set"
            raise ToolError(
                f"tls:// needs a certificate; distributed.comm.tls.{key} of Dask's configuration: {problem}",
                f"make one and name it there; {_PAGE}",
            )
    try:
        security.get_connection_args("client")
    except OSError as error:
        raise ToolError(
            f"the certificates that Dask's configuration names cannot be used: {error}",
            f"make them again; {_PAGE}",
        ) from error


@contextmanager
def _token() -> Iterator[Path]:
    """A file in the cache that holds its own name; those of killed processes of this machine are deleted."""
    import psutil

    own = f"cluster-{platform.node()}-"
    # The name of another machine may begin with that of this one.
    ours = re.compile(rf"{re.escape(own)}([1-9]\d{{0,6}})-[\da-f]+")
    for left in runs.CACHE.glob("cluster-*"):
        named = ours.fullmatch(left.name)
        if named and not psutil.pid_exists(int(named[1])):
            left.unlink(missing_ok=True)
    path = runs.CACHE / f"{own}{os.getpid()}-{os.urandom(8).hex()}"
    files.write_text(path, path.name)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
