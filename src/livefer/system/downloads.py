"""Downloads that a user asks for: complete and verified, or not there. Nothing else downloads."""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from livefer.errors import ModelError
from livefer.system.atomic import replacing

_CHUNK_BYTES = 1 << 16
_TIMEOUT_S = 30
_NPM = "sha512-"

ByteProgress = Callable[[int, int | None], None]
"""Called with the bytes so far and in all; the latter is None if the server does not say."""


def cache_dir() -> Path | None:
    """Return the folder of downloads: LIVEFER_CACHE, or livefer in the user's cache folder.

    None for a user without a home folder, as a container may have. The folder need not exist, and
    it may be unreadable: what can be had without it goes on without it.
    """
    if own := os.environ.get("LIVEFER_CACHE"):
        return Path(os.path.expanduser(own))  # Path.expanduser raises without a home folder
    home = Path(os.path.expanduser("~"))
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return base / "livefer" if base.is_absolute() else None


def place_of_download(name: str) -> Path:
    """Return where a download goes; ModelError for a user without a cache folder."""
    folder = cache_dir()
    if folder is None:
        raise ModelError(
            f"there is no folder for {name}, because this user has no home folder: set "
            "LIVEFER_CACHE to a folder"
        )
    return folder / name


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    return _checksum_of(path, "")


def fetch(
    url: str, to: Path, checksum: str, instead: str, progress: ByteProgress | None = None
) -> Path:
    """Download a file to `to`, unless it is there already, and verify its checksum.

    checksum: SHA-256 in hex, or SHA-512 as npm writes it: "sha512-" and base64
    instead: the option that takes a file downloaded elsewhere, for the error
    """
    # Not above: every first result imports this module for the cache folder, and sockets and TLS
    # take 25 ms (bench/cold.py).
    import http.client
    import urllib.error
    import urllib.request

    def failed(error: Exception) -> ModelError:
        return ModelError(
            f"{url} could not be downloaded to {to} ({error}): check the network, or fetch the "
            f"file elsewhere: {instead}"
        )

    if to.is_file() and _checksum_of(to, checksum) == checksum:
        return to
    try:
        response = urllib.request.urlopen(url, timeout=_TIMEOUT_S)
    except (OSError, http.client.HTTPException) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        raise failed(error) from error
    with response:
        length = response.headers.get("Content-Length")
        chunks = _chunks(response, failed, http.client.HTTPException)
        _write_verified(chunks, to, checksum, url, int(length) if length else None, progress)
    return to


def install(file: Path, to: Path, checksum: str) -> Path:
    """Copy a file of the user to `to`, and verify its checksum, written as `fetch` takes it."""

    def failed(error: OSError) -> ModelError:
        return ModelError(f"{file} could not be copied to {to} ({error.strerror}): check the path")

    try:
        stream = file.open("rb")
    except OSError as error:
        raise ModelError(f"{file} cannot be read ({error.strerror}): check the path") from error
    with stream:
        chunks = _chunks(stream, failed)
        _write_verified(chunks, to, checksum, str(file), file.stat().st_size, None)
    return to


def _chunks(
    stream: IO[bytes], failed: Callable[[Any], ModelError], *also: type[Exception]
) -> Iterator[bytes]:
    """Yield a stream's bytes; `failed` turns its OSErrors, and those in `also`, into an error."""
    unreadable: tuple[type[Exception], ...] = (OSError, *also)
    try:
        while chunk := stream.read(_CHUNK_BYTES):
            yield chunk
    except unreadable as error:
        raise failed(error) from error


def _write_verified(
    chunks: Iterable[bytes],
    to: Path,
    checksum: str,
    origin: str,
    n_bytes: int | None,
    progress: ByteProgress | None,
) -> None:
    todo = "LIVEFER_CACHE names another folder"
    with replacing(to, todo=todo) as part, part.open("wb") as file:
        digest, done = _new_digest(checksum), 0
        for chunk in chunks:
            file.write(chunk)
            digest.update(chunk)
            done += len(chunk)
            if progress is not None:
                progress(done, n_bytes)
        if (found := _written(digest)) != checksum:
            name = "SHA-512" if checksum.startswith(_NPM) else "SHA-256"
            raise ModelError(
                f"{origin} is not the expected file: {name} {found} of {done} bytes "
                f"instead of {checksum}; nothing was kept. A proxy's error page? Try again later"
            )


def _checksum_of(path: Path, like: str) -> str:
    """Return the checksum of a file, of the kind that another one is."""
    digest = _new_digest(like)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return _written(digest)


def _new_digest(like: str) -> Any:
    import hashlib

    return hashlib.sha512() if like.startswith(_NPM) else hashlib.sha256()


def _written(digest: Any) -> str:
    if digest.name == "sha512":
        return _NPM + base64.b64encode(digest.digest()).decode()
    return str(digest.hexdigest())
