"""What the exceptions of object stores and web servers mean: gone, denied, refused, or worth repeating.

Each store's library raises its own; what they share is an HTTP status somewhere in the chain of causes.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator

from pipeline.core.errors import DataError

_BUSY = (408, 425, 429)
_DENIED = (401, 403, 407)
_GONE = (404, 410)
# Exceptions of the stores' libraries, by name: loading them all to name their classes would take seconds.
_CREDENTIALS = frozenset(
    ("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "TokenRetrievalError")
) | {"ProfileNotFound", "UnauthorizedSSOTokenError", "DefaultCredentialsError", "RefreshError"}
_NO_ANSWER = frozenset(
    ("OSError", "HTTPClientError", "ClientError", "IncompleteReadError", "TransportError", "HttpError")
)


def bucket_of(address: str) -> str:
    """The bucket or the server of an address, such as `s3://bucket`."""
    return "/".join(address.split("/", 3)[:3])


def gone(address: str) -> FileNotFoundError:
    """The error for a file that a server has not."""
    return FileNotFoundError(errno.ENOENT, "there is no such file at this address", address)


def denied(place: str) -> DataError:
    """The error for a bucket or a folder that may not be read."""
    return DataError(
        f"{place}: access is denied",
        "give credentials that may read it, as the store's own tools expect: for S3, AWS_PROFILE or "
        "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _status(error: BaseException) -> int:
    """The HTTP status behind an exception of any store's library; 0 without one."""
    for link in _chain(error):
        response = getattr(link, "response", None)
        metadata = response.get("ResponseMetadata", {}) if isinstance(response, dict) else {}
        # gcsfs has it as `code`; so have aiohttp's parsers, which call a cut connection 400.
        own = getattr(link, "code", 0) if type(link).__name__ == "HttpError" else getattr(link, "status", 0)
        status = own or metadata.get("HTTPStatusCode")
        if isinstance(status, int) and status >= 400:
            return status
    return 0


def _hides(error: FileNotFoundError) -> bool:
    """Whether a failed connection is behind an error that only says that there is no file."""
    behind = [link for link in _chain(error) if not isinstance(link, FileNotFoundError)]
    return any(_NO_ANSWER & {kind.__name__ for kind in type(link).__mro__} for link in behind)


def transient(address: str, error: Exception) -> str:
    """Why a request failed, in words, if repeating it may help.

    Raises:
        OSError: The file cannot be read, now or later.
        DataError: Credentials are missing, or the store is not set up.
    """
    status = _status(error)
    names = {kind.__name__ for link in _chain(error) for kind in type(link).__mro__}
    words = f"HTTP {status}" if status else (str(error) or type(error).__name__).splitlines()[0][:120]
    if names & _CREDENTIALS:
        raise DataError(
            f"{bucket_of(address)}: no credentials: {words}",
            "set them in the environment, as the store's own tools expect; to read a public S3 bucket "
            "without any, set FSSPEC_S3_ANON=true",
        ) from error
    if status in _GONE or (not status and isinstance(error, FileNotFoundError) and not _hides(error)):
        raise gone(address) from error
    if status in _DENIED or (not status and isinstance(error, PermissionError)):
        raise PermissionError(errno.EACCES, f"access is denied ({words})", address) from error
    if 400 <= status < 500 and status not in _BUSY:
        raise OSError(errno.EINVAL, f"the server refuses it ({words})", address) from error
    if status or names & _NO_ANSWER:
        return words
    raise DataError(
        f"{address} cannot be read: {words}", "check the address and the settings of its store"
    ) from error
