"""Access control: hosts, origins and the token; and the headers of every response."""

from __future__ import annotations

import hmac
import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from livefer.errors import ConfigError
from livefer.web.protocol import Refused, error_dict

_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_LOOPBACK = re.compile(r"127(\.[0-9]{1,8}){1,3}")
_HOST = re.compile(r"[\w.:\[\]-]{1,260}")
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",  # the address of the page may hold the token
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True, slots=True)
class Access:
    """The access rules of a server.

    token: the token that clients must send; None requires none
    origins: web sites other than the server's own that may use it, as https://example.org
    loopback_only: answer only under a loopback name, or under that of one of `origins`: a site
        whose name resolves to this machine (DNS rebinding) gets no answer
    """

    token: str | None = None
    origins: Collection[str] = ()
    loopback_only: bool = True

    def check_origin(self, headers: Headers) -> None:
        """Refuse a request of a foreign web site, which a visitor's browser makes for it.

        Programs send no origin, and pass.
        """
        host, origin = headers.get("host", ""), headers.get("origin")
        known = {urlsplit(one).netloc.lower() for one in self.origins}
        if self.loopback_only and not is_loopback(_name(host)) and host.lower() not in known:
            raise Refused("host", f'this server answers as localhost, not as "{host[:60]}"')
        if origin is None or origin in self.origins:
            return
        scheme = origin.partition("://")[0]
        netloc = origin.partition("://")[2]
        if scheme not in ("http", "https") or _port(netloc, scheme) != _port(host, scheme):
            raise Refused("origin", f'the web site "{origin[:60]}" may not use this server')

    def check_token(self, sent: str | None) -> None:
        """Refuse a request without the server's token."""
        if self.token is None:
            return
        if sent is None or not hmac.compare_digest(sent.encode(), self.token.encode()):
            fault = "the token is missing" if sent is None else "the token is wrong"
            raise Refused("token", f'{fault}: use the address that "livefer serve" printed')


def token_of(connection: HTTPConnection) -> str | None:
    """Return the token of a request: `Authorization: Bearer TOKEN`, or `?token=TOKEN`."""
    scheme, _, value = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and value:
        return value.strip()
    return connection.query_params.get("token")


def origin_of(site: str) -> str:
    """Return a site as browsers name it: in lower case, without the default port.

    ConfigError for anything but a scheme, a host and a port.
    """
    parts = urlsplit(site)
    try:
        port = parts.port
    except ValueError:
        port = -1
    is_site = parts.scheme in ("http", "https") and parts.hostname and parts.path in ("", "/")
    if not is_site or port == -1 or parts.query or parts.fragment or "@" in parts.netloc:
        raise ConfigError(f'{site} is not a web site: expected one as in "https://example.org"')
    name = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    is_implied = port in (None, _PORTS[parts.scheme])
    return f"{parts.scheme}://{name}{'' if is_implied else f':{port}'}"


def is_loopback(name: str) -> bool:
    """Return whether a name or address always means this machine."""
    # Numbers only: 127.example.org is a domain name, and may point to any machine.
    return name.lower() in ("localhost", "::1") or _LOOPBACK.fullmatch(name) is not None


class Guard:
    """Middleware that checks origin and host of each HTTP request, and sets response headers."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, or answer it with a refusal."""
        if scope["type"] != "http":  # a stream is refused by its close code
            return await self._app(scope, receive, send)
        headers = Headers(scope=scope)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                response = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    response[name] = value
                response["Content-Security-Policy"] = _policy(headers.get("host", ""))
                response.setdefault("Cache-Control", "no-cache")
            await send(message)

        try:
            self._access.check_origin(headers)
        except Refused as refused:
            refusal = JSONResponse(error_dict(refused.code, refused.reason), refused.status)
            return await refusal(scope, receive, send_with_headers)
        return await self._app(scope, receive, send_with_headers)


def _policy(host: str) -> str:
    """Return the Content-Security-Policy: no traffic with other sites.

    The page may run WebAssembly, in which a browser computes by itself.
    """
    # Not every browser includes ws: in 'self'.
    sockets = f" ws://{host} wss://{host}" if _HOST.fullmatch(host) else ""
    return (
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; "
        "img-src 'self' blob: data:; "
        f"media-src 'self' blob:; connect-src 'self'{sockets}; manifest-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _name(host: str) -> str:
    """Return the name of a host without its port: [::1]:8000 is ::1."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def _port(netloc: str, scheme: str) -> tuple[str, str]:
    """Return name and port; the port defaults to that of the scheme."""
    port = netloc.rpartition("]")[2].rpartition(":")[2] if ":" in netloc.rpartition("]")[2] else ""
    return _name(netloc), port or str(_PORTS[scheme])
