"""`web --serve`: on this computer and on a phone, through the real adb."""

from __future__ import annotations

import http.client
import json
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from export import artifacts
from export.web import serve
from tests.support import verbs
from tests.support.phone_fixtures import free_port
from tests.support.verbs import RUN, refused

PAGE = "<!doctype html><title>the page</title>"


@pytest.fixture
def page(tmp_path) -> Path:
    path = tmp_path / "try.html"
    path.write_text(PAGE)
    return path


@pytest.fixture
def own(place, tmp_path) -> Path:
    """A copy of the run with its page, which no other test locks."""
    return Path(shutil.copytree(place, tmp_path / "place"))


@pytest.fixture
def server(page) -> Iterator[serve.ThreadingHTTPServer]:
    with serve.listen(page) as made:
        thread = threading.Thread(target=made.serve_forever, daemon=True)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def get(server, path: str = "/", host: str = "") -> tuple[int, str]:
    address, port = server.server_address
    connection = http.client.HTTPConnection(address, port, timeout=5)
    connection.request("GET", path, headers={"Host": host or f"localhost:{port}"})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def test_only_loopback_is_listened_on_and_only_the_page_is_served(server, page):
    assert server.server_address[0] == "127.0.0.1"
    assert get(server) == (200, PAGE)
    assert get(server, host=f"127.0.0.1:{server.server_address[1]}") == (200, PAGE)
    for path in ("/try.html", "/../try.html", "/?x", "/%2e%2e/etc/passwd"):
        assert get(server, path)[0] == 404, path
    page.unlink()
    assert get(server)[0] == 404


def test_a_web_site_whose_name_resolves_to_this_computer_gets_nothing(server):
    port = server.server_address[1]
    for host in ("attacker.example", f"attacker.example:{port}", "localhost", f"localhost.attacker:{port}"):
        status, body = get(server, host=host)
        assert status == 421, host
        assert PAGE not in body


def test_a_taken_port_leads_to_a_free_one(page, monkeypatch):
    monkeypatch.setattr(serve, "PORT", free_port())
    with serve.listen(page) as first, serve.listen(page) as second:
        assert serve.url(first) == f"http://localhost:{serve.PORT}"
        assert first.server_address[1] != second.server_address[1]


class Serving:
    """`web --serve --json` in a process of its own, until it is interrupted."""

    def __init__(self, place: Path, *words: str) -> None:
        self.process = verbs.start("export", "web", "--serve", "--json", *words, cwd=place)
        assert self.process.stdout
        text = ""
        while not text.endswith("}\n") and (line := self.process.stdout.readline()):
            text += line
        self.said = json.loads(text) if text else {}
        self.port = int(self.said["url"].rpartition(":")[2]) if self.said else 0

    def interrupt(self) -> tuple[int, str]:
        self.process.send_signal(signal.SIGINT)
        return self.end()

    def end(self) -> tuple[int, str]:
        try:
            _, err = self.process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        return self.process.returncode, err


@pytest.mark.slow
def test_a_phone_opens_it_and_ctrl_c_takes_the_port_back(own, phone):
    expected = (own / RUN / artifacts.TRY).read_bytes()
    served = Serving(own)
    assert served.said["files"] == [f"http://localhost:{served.port}"]
    assert phone.reversed == {f"tcp:{served.port}": f"tcp:{served.port}"}
    (opened,) = phone.asked(r"^shell .*am start -a android\.intent\.action\.VIEW")
    assert f"-d http://localhost:{served.port}" in opened
    head, _, body = phone.fetch(served.port).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 200 OK")
    assert body == expected
    assert served.interrupt() == (0, "stopping\n")
    assert phone.reversed == {}


@pytest.mark.slow
def test_a_phone_that_was_unplugged_meanwhile_disturbs_no_end(own, phone):
    served = Serving(own)
    phone.pull_cable()
    code, err = served.interrupt()
    assert code == 0
    assert "Traceback" not in err


@pytest.mark.slow
def test_without_a_phone_this_computer_alone_opens_it(own, own_adb):
    served = Serving(own)
    (warning,) = served.said["warnings"]
    assert warning.startswith("only this computer can open it: no phone is connected; use a USB cable")
    assert served.interrupt() == (0, "stopping\n")


@pytest.mark.slow
def test_what_cannot_be_served_is_refused(own, connect_phone):
    one, other = connect_phone(), connect_phone()
    code, err = Serving(own, "--serial", "R58M1").end()
    assert code == 2
    assert "--serial R58M1: no such phone is connected" in err
    assert "2 phones are connected" in Serving(own).end()[1]
    assert one.reversed == other.reversed == {}
    refused(
        verbs.here("export", "web", "--serial", "R58M1", cwd=own),
        2,
        "--serial only makes sense with --serve",
        "add --serve, or omit --serial",
    )
