"""Files by http:// and https:// address, with a name and password in it or without."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

from livefer.errors import SourceError
from livefer.formatting import without_passwords
from livefer.version import __version__

if TYPE_CHECKING:
    from http.client import HTTPResponse

_TIMEOUT_S = 10
_ASK_TIMEOUT_S = 3  # a camera may hang at a question that it does not know
_CHUNK_BYTES = 1 << 20


def is_web(name: str) -> bool:
    """Say whether a name is the address of a file on the web."""
    return name.lower().startswith(("http://", "https://"))


def copy_file(url: str, to: IO[bytes]) -> None:
    """Write the content of a file to an open one; SourceError where it cannot be read whole."""
    import http.client

    with _opened(url, "GET") as response:
        kind = response.headers.get_content_type()
        if kind == "text/html" or kind.startswith("multipart/"):
            what = "a web page" if kind == "text/html" else "a stream"
            raise SourceError(
                f"{without_passwords(url)} is {what}, not a file: give the file's own address"
            )
        try:
            shutil.copyfileobj(response, to, _CHUNK_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise _unreadable(url, error) from None
        if response.length:
            raise _unreadable(url, f"{response.length} bytes are missing")


def is_picture(url: str) -> bool:
    """Ask a server whether an address is that of a picture; False where it does not say."""
    try:
        with _opened(url, "HEAD", _ASK_TIMEOUT_S) as response:
            return response.headers.get_content_maintype() == "image"
    except SourceError:  # many cameras answer GET only
        return False


@contextmanager
def _opened(url: str, method: str, timeout_s: float = _TIMEOUT_S) -> Iterator[HTTPResponse]:
    """Open an address; SourceError where its server does not give what it names."""
    # Not above: every first result imports this module, and sockets and TLS take 25 ms.
    import http.client
    import urllib.error
    import urllib.parse
    import urllib.request

    shown = without_passwords(url)
    handlers: list[Any] = []
    if shown != url:
        # What without_passwords leaves out, without its "@".
        at = url.index("//") + 2
        name, _, word = url[at : at + len(url) - len(shown) - 1].partition(":")
        name, word = urllib.parse.unquote(name), urllib.parse.unquote(word)
        known = urllib.request.HTTPPasswordMgrWithPriorAuth()
        known.add_password(None, shown, name, word, is_authenticated=True)
        handlers = [
            urllib.request.HTTPBasicAuthHandler(known),
            urllib.request.HTTPDigestAuthHandler(known),
        ]
    quoted = urllib.parse.quote(shown, safe="%/:=&?~#+!$,;'@()*[]")
    try:
        request = urllib.request.Request(
            quoted, headers={"User-Agent": f"livefer/{__version__}"}, method=method
        )
        opened = urllib.request.build_opener(*handlers).open(request, timeout=timeout_s)
    except (OSError, ValueError, http.client.HTTPException) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        raise _unreadable(url, error) from None
    with opened as response:
        yield response


def _unreadable(url: str, reason: object) -> SourceError:
    text = (str(reason).strip() or type(reason).__name__).splitlines()[0]
    return SourceError(
        f"{without_passwords(url)} could not be read ({text}): check the address, or try again"
    )
