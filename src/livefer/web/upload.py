"""The body of a request: bounded, in memory, never on the disk."""

from __future__ import annotations

import asyncio
import re
import time

from starlette.requests import ClientDisconnect, Request

from livefer.web.limits import Limits
from livefer.web.protocol import Refused

_BOUNDARY = re.compile(r'boundary=(?:"([^"]{1,70})"|([^\s;",]{1,70}))', re.IGNORECASE)
_PARAMETER = re.compile(rb';\s*([\w*-]+)=("(?:\\.|[^"\\])*"|[^;\s]*)')
_SCALE = "scale the picture"
_FORM_BYTES = 4096  # of a form, around its picture


async def read_picture(request: Request, limits: Limits) -> bytes:
    """Return the bytes of the picture, or refuse the request."""
    kind = request.headers.get("content-type", "")
    name = kind.partition(";")[0].strip().lower()
    is_form = name == "multipart/form-data"
    if not (is_form or name in ("", "application/octet-stream") or name.startswith("image/")):
        raise Refused(
            "unknown_format",
            f'expected a picture (image/jpeg, image/png, image/webp) or a form, got "{name[:60]}"',
        )
    body = await read_body(request, limits.max_image_bytes + _FORM_BYTES * is_form, limits)
    if is_form:
        body = _image_field(body, kind)
    if not body:
        raise Refused("bad_request", "the picture is empty: send its bytes as the body")
    return body


async def read_body(request: Request, max_bytes: int, limits: Limits, todo: str = _SCALE) -> bytes:
    """Return the body of a request, or refuse it; todo: what to do about one that is too large."""
    too_large = Refused("too_large", f"the body has more than {max_bytes} bytes: {todo}")
    length = request.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and int(length[:20]) > max_bytes:
        raise too_large
    parts: list[bytes] = []
    n_bytes = 0
    stream = aiter(request.stream())
    end_s = time.monotonic() + limits.upload_s
    try:
        while True:
            left_s = end_s - time.monotonic()
            part = await asyncio.wait_for(anext(stream), min(limits.idle_s, left_s))
            n_bytes += len(part)
            if n_bytes > max_bytes:
                raise too_large
            parts.append(part)
    except StopAsyncIteration:
        return b"".join(parts)
    except asyncio.TimeoutError:
        reason = f"the upload stood still for {limits.idle_s:g} s"
        if time.monotonic() >= end_s:
            reason = f"the upload took more than {limits.upload_s:g} s: {todo}"
        raise Refused("upload_idle", reason) from None
    except ClientDisconnect:
        raise Refused("bad_request", "the upload broke off") from None


def _image_field(body: bytes, content_type: str) -> bytes:
    """Return the field "image" of a form (RFC 2046, section 5.1; RFC 7578)."""
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise Refused("bad_request", "the content type of the form has no boundary")
    # The sender chose a boundary that no part contains.
    delimiter = b"\r\n--" + (found[1] or found[2]).encode()
    names: list[str] = []
    pictures: list[tuple[str, bytes]] = []
    for part in (b"\r\n" + body).split(delimiter)[1:]:
        head, _, content = part.partition(b"\r\n\r\n")
        for line in head.split(b"\r\n"):
            key, _, value = line.partition(b":")
            if key.strip().lower() == b"content-disposition":
                given = {k.lower(): v.strip(b'"') for k, v in _PARAMETER.findall(value)}
                names.append(given.get(b"name", b"").decode(errors="replace"))
                if names[-1] == "image" or given.keys() & {b"filename", b"filename*"}:
                    pictures.append((names[-1], content))
    if len(pictures) == 1 and pictures[0][0] == "image":
        return pictures[0][1]
    fields = ", ".join(f'"{name[:40]}"' for name in names[:5]) or "none"
    raise Refused(
        "bad_request",
        f'expected one picture, in the field "image" of the form; got {len(pictures)} (fields: '
        f"{fields}){': send a request for each' if len(pictures) > 1 else ''}",
    )
