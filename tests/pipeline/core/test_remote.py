from __future__ import annotations

import builtins
import errno
import hashlib
import os
import ssl

import pytest

from pipeline.core import remote
from pipeline.core.errors import DataError, NetworkError
from pipeline.core.remote import Stores, file_name, has_password, is_chained, is_remote
from tests.support import stores


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(remote, "_FIRST_WAIT_S", 0.001)


@pytest.fixture
def s3(monkeypatch):
    with stores.s3(monkeypatch) as server:
        yield server


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "files"
    (place / "cat").mkdir(parents=True)
    for number in range(12):
        (place / f"cat/{number}.jpg").write_bytes(os.urandom(1000 + number))
    return place


@pytest.fixture
def web(folder):
    with stores.web(folder) as server:
        yield server


@pytest.mark.parametrize(
    ("path", "remotely"),
    [
        ("s3://bucket/a.jpg", True),
        ("gs://bucket/a.jpg", True),
        ("https://example.org/a.jpg", True),
        ("a/b.jpg", False),
        ("/a/b.jpg", False),
        ("C:/a.jpg", False),
        ("s3:/bucket/a.jpg", False),
        ("folder://", True),
    ],
)
def test_an_address_has_a_protocol(path, remotely):
    assert is_remote(path) == remotely


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("s3://bucket/cat/a.jpg", "a.jpg"),
        ("s3://bucket/cat/what?.jpg", "what?.jpg"),
        ("https://example.org/cat/a.jpg?size=large/1", "a.jpg"),
        ("cat/a.jpg", "a.jpg"),
        ("a.jpg", "a.jpg"),
    ],
)
def test_the_name_of_a_file_is_the_last_part_of_its_address(path, name):
    assert file_name(path) == name


def test_a_password_in_an_address_is_seen_and_a_container_s_account_is_not_one():
    assert has_password("https://me:secret@example.org/a.jpg")
    assert not has_password("abfs://container@account.dfs.core.windows.net/a.jpg")
    assert not has_password("s3://bucket/me:secret@a.jpg")


@pytest.mark.parametrize(
    ("path", "chained"),
    [
        ("zip://cat/a.jpg::file:///x/z.zip", True),
        ("zip://a.jpg::z.zip", True),
        ("simplecache::s3://bucket/a.jpg", True),
        ("s3://bucket/a::b.jpg", True),
        ("s3://bucket/a:b.jpg", False),
        ("http://[::1]:8000/a.jpg", False),
        ("HTTPS://example.org/urn::a.jpg", False),
        ("a::b.jpg", False),
        ("/a::b/c.jpg", False),
    ],
)
def test_a_chained_address_is_told_from_a_name_with_colons(path, chained):
    assert is_chained(path) == chained


def test_a_server_of_another_protocol_that_is_not_there_is_one_error():
    with pytest.raises(
        DataError, match=r"^ftp://127\.0\.0\.1:9/a\.jpg cannot be opened: .*refused"
    ) as caught:
        Stores().identities(["ftp://127.0.0.1:9/a.jpg"])
    assert caught.value.hint == "check the address and the settings of its store"


@pytest.mark.slow
def test_a_folder_of_a_bucket_is_listed_in_one_request(s3, folder):
    keys = s3.fill("bucket", folder)
    s3.requests.clear()
    found = Stores().identities([f"s3://bucket/{key}" for key in keys])
    assert s3.requests == [("GET", "/bucket")]
    assert {address: identity.size for address, identity in found.items()} == {
        f"s3://bucket/{key}": (folder / key).stat().st_size for key in keys
    }
    # The ETag of an S3 object that was written in one part is its MD5.
    digests = {f'"{hashlib.md5((folder / key).read_bytes()).hexdigest()}"' for key in keys}
    assert {identity.tag for identity in found.values()} == digests
    head = s3.client().head_object(Bucket="bucket", Key="cat/3.jpg")
    assert found["s3://bucket/cat/3.jpg"].modified == head["LastModified"].timestamp()


@pytest.mark.slow
def test_few_files_of_a_bucket_are_asked_for_one_by_one_with_the_same_answer(s3, folder):
    keys = s3.fill("bucket", folder)
    every = Stores().identities([f"s3://bucket/{key}" for key in keys])
    s3.requests.clear()
    assert Stores().identities(["s3://bucket/cat/3.jpg"]).items() <= every.items()
    assert s3.requests == [("HEAD", "/bucket/cat/3.jpg")]


@pytest.mark.slow
def test_a_file_of_a_bucket_is_read_in_one_request(s3, folder):
    s3.fill("bucket", folder)
    s3.requests.clear()
    assert Stores().read("s3://bucket/cat/3.jpg") == (folder / "cat/3.jpg").read_bytes()
    assert s3.requests == [("GET", "/bucket/cat/3.jpg")]


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 9])
def test_a_missing_bucket_is_one_error(s3, count):
    with pytest.raises(DataError, match=r"^s3://nobody: there is no such bucket") as caught:
        Stores().identities([f"s3://nobody/{number}.jpg" for number in range(count)])
    assert "check its name" in caught.value.hint


@pytest.mark.slow
def test_a_missing_file_of_a_bucket_is_said_of_that_file(s3, folder):
    s3.fill("bucket", folder)
    gone = "s3://bucket/cat/none.jpg"
    for addresses in (
        [gone, "s3://bucket/cat/1.jpg"],
        [gone, *(f"s3://bucket/cat/{n}.jpg" for n in range(9))],
    ):
        found = Stores().identities(addresses)
        assert isinstance(found.pop(gone), FileNotFoundError)
        assert len(found) == len(addresses) - 1
        assert not any(isinstance(answer, OSError) for answer in found.values())


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 9])
def test_missing_credentials_are_one_error(s3, monkeypatch, count):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, os.devnull)
    with pytest.raises(
        DataError, match=r"^s3://bucket: no credentials: Unable to locate credentials"
    ) as caught:
        Stores().identities([f"s3://bucket/{number}.jpg" for number in range(count)])
    assert "FSSPEC_S3_ANON=true" in caught.value.hint


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 9])
def test_a_bucket_that_may_not_be_read_is_one_error(s3, count):
    s3.fault = lambda *_: 403
    with pytest.raises(DataError, match=r"^s3://bucket(/cat)?: access is denied$") as caught:
        Stores().identities([f"s3://bucket/cat/{number}.jpg" for number in range(count)])
    assert "AWS_PROFILE" in caught.value.hint
    assert len(s3.requests) < 9


@pytest.mark.slow
def test_a_bucket_that_may_be_read_but_not_listed_is_asked_for_each_file(s3, folder):
    keys = s3.fill("bucket", folder)
    s3.fault = lambda _, path: 403 if path == "/bucket" else 0
    found = Stores().identities([f"s3://bucket/{key}" for key in keys])
    assert sorted(identity.size for identity in found.values()) == list(range(1000, 1012))


@pytest.mark.slow
def test_a_store_that_does_not_answer_is_one_error(s3, folder, monkeypatch):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    s3.fault = lambda *_: 503
    with pytest.raises(
        NetworkError, match=r"^s3://bucket/ cannot be listed: no answer in 5 attempts \(HTTP 503\)"
    ):
        Stores().identities([f"s3://bucket/{number}.jpg" for number in range(9)])


def test_a_file_of_a_web_server_is_read_and_identified(web, folder):
    address = f"{web.address}/cat/3.jpg"
    assert Stores().read(address) == (folder / "cat/3.jpg").read_bytes()
    identity = Stores().identify(address)
    assert identity.size == 1003
    assert identity.modified == int((folder / "cat/3.jpg").stat().st_mtime)


def test_a_web_server_that_proves_who_it_is_is_read(folder, tmp_path, monkeypatch):
    from aiohttp import connector
    from fsspec.implementations.http import HTTPFileSystem

    certificate = stores.make_certificate(tmp_path / "own.pem")
    HTTPFileSystem.clear_instance_cache()
    with stores.web(folder, certificate) as server:
        address = f"{server.address}/cat/3.jpg"
        with pytest.raises(OSError, match=r"no answer in 5 attempts .*CERTIFICATE_VERIFY_FAILED"):
            Stores().read(address)
        trusting = ssl.create_default_context(cafile=certificate)
        # Where aiohttp keeps the certificates of the system.
        monkeypatch.setattr(connector, "_SSL_CONTEXT_VERIFIED", trusting)
        HTTPFileSystem.clear_instance_cache()
        assert Stores().read(address) == (folder / "cat/3.jpg").read_bytes()
    HTTPFileSystem.clear_instance_cache()


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429, 408, stores.CUT])
def test_a_busy_server_and_a_cut_connection_are_asked_again(web, folder, status):
    web.fault = lambda number, _: status if number < 5 else 0
    assert Stores().read(f"{web.address}/cat/3.jpg") == (folder / "cat/3.jpg").read_bytes()
    assert len(web.requests) == 5


def test_a_body_shorter_than_the_server_told_is_asked_for_again(web, folder):
    address = f"{web.address}/cat/3.jpg"
    web.fault = lambda number, _: stores.ENDED if number < 5 else 0
    assert Stores().read(address, 1003) == (folder / "cat/3.jpg").read_bytes()
    web.fault = lambda *_: stores.ENDED
    with pytest.raises(OSError, match=r"no answer in 5 attempts \(only 4 of 1,003 bytes came\)") as caught:
        Stores().read(address, 1003)
    assert caught.value.errno == errno.EIO


def test_a_file_that_has_become_shorter_is_whole(web, folder):
    (folder / "cat/3.jpg").write_bytes(b"short")
    assert Stores().read(f"{web.address}/cat/3.jpg", 1003) == b"short"


@pytest.mark.parametrize(
    ("untold", "proves"),
    [
        ((), True),
        (("Last-Modified",), False),
        (("Content-Length",), False),
        (("Last-Modified", "Content-Length"), False),
    ],
)
def test_an_identity_proves_something_if_the_server_tells_enough(web, untold, proves):
    web.untold |= {*untold}
    assert Stores().identify(f"{web.address}/cat/3.jpg").proves == proves


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (404, FileNotFoundError, "there is no such file at this address"),
        (410, FileNotFoundError, "there is no such file at this address"),
        (403, PermissionError, r"access is denied \(HTTP 403\)"),
        (401, PermissionError, r"access is denied \(HTTP 401\)"),
        (400, OSError, r"the server refuses it \(HTTP 400\)"),
    ],
)
def test_what_will_not_change_is_asked_once(web, status, kind, words):
    web.fault = lambda *_: status
    with pytest.raises(kind, match=words):
        Stores().read(f"{web.address}/cat/3.jpg")
    assert len(web.requests) == 1


def test_a_server_that_stays_busy_gives_an_error_that_may_pass(web):
    web.fault = lambda *_: 503
    with pytest.raises(OSError, match=r"no answer in 5 attempts \(HTTP 503\)") as caught:
        Stores().read(f"{web.address}/cat/3.jpg")
    assert caught.value.errno == errno.EIO
    assert len(web.requests) == 5


def test_a_server_that_is_gone_ends_the_command_after_a_few_files(web):
    web.fault = lambda *_: 503
    reading = Stores()
    for number in range(8):
        with pytest.raises(OSError, match="no answer in 5 attempts"):
            reading.read(f"{web.address}/cat/{number}.jpg")
    with pytest.raises(NetworkError) as caught:
        reading.read(f"{web.address}/cat/8.jpg")
    assert caught.value.message == f"{web.address} has stopped answering"


def test_one_damaged_file_among_others_ends_nothing(web):
    web.fault = lambda _, path: 503 if path == "/cat/0.jpg" else 0
    reading = Stores()
    for _ in range(10):
        with pytest.raises(OSError, match="no answer"):
            reading.read(f"{web.address}/cat/0.jpg")
        reading.read(f"{web.address}/cat/1.jpg")


@pytest.mark.slow
def test_many_repeated_requests_are_told_of_ever_more_seldom(web):
    heard: list[str] = []
    web.fault = lambda number, _: 503 if number % 2 else 0
    reading = Stores(heard.append)
    for _ in range(120):
        reading.read(f"{web.address}/cat/0.jpg")
    assert heard == [
        f"{web.address}: {count} requests had to be repeated (the last: HTTP 503)" for count in ("10", "100")
    ]


@pytest.mark.slow
def test_web_servers_are_asked_for_each_file_or_not_at_all(web):
    addresses = [f"{web.address}/cat/{number}.jpg" for number in range(13)]
    assert Stores().identities(addresses, one_by_one=False) == {}
    assert web.requests == []
    found = Stores().identities(addresses)
    assert isinstance(found.pop(addresses[12]), FileNotFoundError)
    assert [found[address].size for address in addresses[:12]] == list(range(1000, 1012))


def test_an_unknown_protocol_and_a_missing_package_are_explained(monkeypatch):
    with pytest.raises(DataError, match=r"cloud://a.jpg cannot be opened: Protocol not known: cloud"):
        Stores().read("cloud://a.jpg")

    importing = builtins.__import__

    def without(name, *arguments, **options):
        if name.partition(".")[0] in ("fsspec", "aiohttp"):
            raise ImportError(name)
        return importing(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(DataError, match="pictures at an address need the package fsspec") as caught:
        Stores().read("s3://bucket/a.jpg")
    assert caught.value.hint == "pip install -r requirements-tables.txt"
