"""Files by address, as in s3://bucket/folder/a.jpg, through pyarrow or fsspec.

A name without a scheme is a path of this machine; other modules read those. Needs pyarrow (the
`analysis` extra), and for schemes that pyarrow does not know, fsspec and the package that it names.
Reading and copying a file at an http:// or https:// address needs neither.
"""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Any

from livefer.errors import MissingExtraError, SourceError
from livefer.system.atomic import replacing
from livefer.system.web_files import copy_file, is_web


def is_url(name: str) -> bool:
    """Say whether a name is an address with a scheme, not a path of this machine."""
    return "://" in name


def open_file(url: str) -> Any:
    """Open a file for reading; a context manager with read, seek and tell."""
    files, path = _resolve(url)
    try:
        return files.open_input_file(path)
    except (OSError, ValueError) as error:
        raise SourceError(f"{url} could not be opened ({_reason(error)}): check the name") from None


def read_bytes(url: str) -> bytes:
    """Return the content of a file."""
    if is_web(url):
        content = io.BytesIO()
        copy_file(url, content)
        return content.getvalue()
    with open_file(url) as file:
        try:
            return bytes(file.read())
        except OSError as error:
            raise SourceError(f"{url} could not be read ({_reason(error)}): try again") from None


def download(url: str, to: Path) -> None:
    """Copy a file to this machine."""
    if is_web(url):
        with to.open("wb") as copy:
            copy_file(url, copy)
        return
    with open_file(url) as file, to.open("wb") as copy:
        try:
            shutil.copyfileobj(file, copy, 1 << 20)
        except OSError as error:
            raise SourceError(f"{url} could not be read ({_reason(error)}): try again") from None


def upload(path: Path, url: str) -> None:
    """Copy a file of this machine to an address, where it appears complete or not at all."""
    files, to = _resolve(url)
    if files.type_name == "local":
        with replacing(Path(to)) as part:
            shutil.copyfile(path, part)
        return
    # Other storage has no folders, and shows a file when it is complete.
    with path.open("rb") as file, files.open_output_stream(to) as copy:
        shutil.copyfileobj(file, copy, 1 << 20)


def list_files(url: str) -> list[str] | None:
    """Return the addresses of all files in and below a folder, sorted; None for a file.

    Names that begin with a dot are left out.
    """
    if is_web(url) and not url.endswith("/"):  # there, only the page of a folder has files in it
        return None
    import pyarrow.fs as pafs

    files, path = _resolve(url)
    try:
        if files.get_file_info(path).type != pafs.FileType.Directory:
            return None
        found = files.get_file_info(pafs.FileSelector(path, recursive=True))
    except OSError as error:
        raise SourceError(f"{url} could not be listed ({_reason(error)}): check it") from None
    address, mark, options = url.partition("?")
    below = [
        info.path[len(path.rstrip("/")) + 1 :] for info in found if info.type == pafs.FileType.File
    ]
    return sorted(
        f"{address.rstrip('/')}/{name}{mark}{options}"
        for name in below
        if not any(part.startswith(".") for part in name.split("/"))
    )


def _resolve(url: str) -> tuple[Any, str]:
    """Return a pyarrow file system, and the path in it."""
    try:
        import pyarrow as pa
        import pyarrow.fs as pafs
    except ModuleNotFoundError:
        raise MissingExtraError(f"reading {url}", "analysis") from None
    try:
        files, path = pafs.FileSystem.from_uri(url)
        return files, path
    except pa.ArrowInvalid as error:
        reason = _reason(error)
    except OSError as error:
        raise SourceError(f"{url} could not be reached ({_reason(error)})") from None
    try:
        from fsspec.core import url_to_fs

        handler, path = url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise SourceError(
            f"{url} cannot be read: pyarrow says {reason}, fsspec {_reason(error)}"
        ) from None
    return pafs.PyFileSystem(pafs.FSSpecHandler(handler)), path


def _reason(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
