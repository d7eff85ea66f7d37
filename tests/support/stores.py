"""Servers of pictures: S3 by moto, and a web server; both on this computer, and both can be made to fail."""

from __future__ import annotations

import contextlib
import http.server
import logging
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

# Of a request, given its number, from 1, and its path: an HTTP status, CUT for half a body, or 0.
# On a web server also ENDED: half a body whose length is not told, while HEAD is answered.
Fault = Callable[[int, str], int]
CUT, ENDED = -1, -2


def sound(_number: int, _path: str) -> int:
    return 0


@contextlib.contextmanager
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3]:
    """A server of empty buckets, which the environment names, with credentials that it takes."""
    from s3fs import S3FileSystem

    server = S3()
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL")
    for name, value in zip(names, ("key", "secret", "us-east-1", server.address), strict=True):
        monkeypatch.setenv(name, value)
    # Its sessions remember the server of the test before.
    S3FileSystem.clear_instance_cache()
    yield server
    server.stop()


class S3:
    """A bucket server; `fault` decides which requests fail."""

    def __init__(self) -> None:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import make_server

        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self.fault: Fault = sound
        self.requests: list[tuple[str, str]] = []
        self._app = DomainDispatcherApplication(create_backend_app)
        self.reset()
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def _answer(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        self.requests.append((environ["REQUEST_METHOD"], path))
        fault = self.fault(len(self.requests), path)
        if fault > 0:
            start(f"{fault} Fault", [("Content-Type", "text/plain")])
            return [b"out of order" * (environ["REQUEST_METHOD"] != "HEAD")]
        answer = self._app(environ, start)
        if fault == CUT:
            # Content-Length is that of the whole.
            body = b"".join(answer)
            return [body[: len(body) // 2]]
        return answer

    @staticmethod
    def reset() -> None:
        """Empties the buckets, which moto keeps for the process."""
        from moto.backends import get_backend

        for backend in get_backend("s3").values():
            for region in backend.values():
                region.reset()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def client(self) -> Any:
        """boto3's client, by which tests fill buckets."""
        import boto3

        return boto3.client("s3", endpoint_url=self.address, region_name="us-east-1")

    def fill(self, bucket: str, folder: Path) -> list[str]:
        """Uploads a folder into a new bucket; returns the keys."""
        client = self.client()
        client.create_bucket(Bucket=bucket)
        keys = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
        for key in keys:
            client.put_object(Bucket=bucket, Key=key, Body=(folder / key).read_bytes())
        return keys


@contextlib.contextmanager
def web(folder: Path, certificate: Path | None = None) -> Iterator[Any]:
    """A web server of a folder; it has an `address`, `requests` and a `fault`. HTTPS with a certificate.

    Headers in its set `untold` are not sent.
    """

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(folder))

        def log_message(self, *_: Any) -> None:
            pass

        def send_header(self, keyword: str, value: str) -> None:
            server: Any = self.server
            if keyword not in server.untold:
                super().send_header(keyword, value)

        def do_GET(self) -> None:
            if not self._failed():
                super().do_GET()

        def do_HEAD(self) -> None:
            if not self._failed():
                super().do_HEAD()

        def _failed(self) -> bool:
            server: Any = self.server
            server.requests.append((self.command, self.path))
            fault = server.fault(len(server.requests), self.path)
            if fault == ENDED and self.command == "HEAD":
                return False
            if fault in (CUT, ENDED):
                self.send_response(200)
                if fault == CUT:
                    self.send_header("Content-Length", "1000")
                self.end_headers()
                self.wfile.write(b"half")
                self.close_connection = True
            elif fault:
                self.send_error(fault)
            return bool(fault)

    server: Any = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.requests, server.fault, server.untold = [], sound, set()
    server.address = f"http{'s' * bool(certificate)}://localhost:{server.server_port}"
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def make_certificate(path: Path) -> Path:
    """Writes a key and a certificate that it signed itself, for localhost, into one file."""
    import datetime as dt

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path
