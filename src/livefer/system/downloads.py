"""Files that livefer fetches when told to, never otherwise: whole and verified, or not at all."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from livefer.errors import ModelError

_CHUNK_BYTES = 1 << 16
_TIMEOUT_S = 30

Progress = Callable[[int, int | None], None]
"""Called with the bytes so far and the bytes in all (None when the server does not say)."""


def cache_dir() -> Path:
    """Return where downloads are kept: LIVEFER_CACHE, or livefer in the user's cache folder."""
    if own := os.environ.get("LIVEFER_CACHE"):
        return Path(own).expanduser()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "livefer"


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    import hashlib

    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def fetch(url: str, to: Path, sha256: str, instead: str, progress: Progress | None = None) -> Path:
    """Download a file to `to`, unless it is already there, and check it.

    The file appears under its name only when it is complete and its checksum is right.

    instead: what takes a file that was fetched elsewhere; an error says it
    """
    # Here, since every first result imports this module for the cache's folder: 25 ms of sockets
    # and TLS (bench/cold.py).
    import http.client
    import urllib.error
    import urllib.request

    if to.is_file() and sha256_of(to) == sha256:
        return to
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as response:
            length = response.headers.get("Content-Length")
            _write_verified(response, to, sha256, url, int(length) if length else None, progress)
    except (OSError, http.client.HTTPException) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        raise ModelError(
            f"{url} could not be downloaded to {to} ({error}): check the network, or fetch the "
            f"file elsewhere: {instead}"
        ) from error
    return to


def install(file: Path, to: Path, sha256: str) -> Path:
    """Copy a file that the user already has to `to`, and check it."""
    try:
        with file.open("rb") as stream:
            _write_verified(stream, to, sha256, str(file), file.stat().st_size, None)
    except OSError as error:
        raise ModelError(
            f"{file} could not be copied to {to} ({error.strerror}): check the path"
        ) from error
    return to


def _write_verified(
    stream: IO[bytes],
    to: Path,
    sha256: str,
    origin: str,
    n_bytes: int | None,
    progress: Progress | None,
) -> None:
    import hashlib

    with _replacing(to) as part:
        digest, done = hashlib.sha256(), 0
        while chunk := stream.read(_CHUNK_BYTES):
            part.write(chunk)
            digest.update(chunk)
            done += len(chunk)
            if progress is not None:
                progress(done, n_bytes)
        if digest.hexdigest() != sha256:
            raise ModelError(
                f"{origin} is not the expected file: SHA-256 {digest.hexdigest()} of {done} bytes "
                f"instead of {sha256}; nothing was kept. A proxy's error page? Try again later"
            )


@contextlib.contextmanager
def _replacing(to: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file beside `to` that takes its name when the block ends well."""
    to.parent.mkdir(parents=True, exist_ok=True)
    # Not tempfile's, which nobody else may read: the cache can be shared.
    name = to.with_name(f".{to.name}.{os.getpid()}-{threading.get_ident()}.part")
    with name.open("wb") as part:
        try:
            yield part
            part.flush()
        except BaseException:
            part.close()
            name.unlink(missing_ok=True)
            raise
    try:
        os.replace(name, to)
    except OSError:
        name.unlink(missing_ok=True)
        raise
