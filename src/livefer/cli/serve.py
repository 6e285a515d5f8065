"""`livefer serve`: the page in a browser, and the API that programs use."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated
from urllib.parse import quote, urlsplit

import typer

from livefer.cli.shared import DetectorOption, ModelOption, PriorOption, a_number
from livefer.errors import ConfigError, MissingExtraError


def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen at; 0.0.0.0 is every one of this machine.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes any that is free.", min=0, max=65535)] = 8000,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    token: Annotated[
        str | None,
        typer.Option(
            help='Let in only who shows this token; "auto" makes one.', envvar="LIVEFER_TOKEN"
        ),
    ] = None,
    max_clients: Annotated[int, typer.Option(help="Streams at the same time.", min=1)] = 32,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(
            help="A web site that may use this server too; may be repeated.",
            metavar="https://SITE",
        ),
    ] = None,
    ssl_certfile: Annotated[
        Path | None,
        typer.Option(help="Certificate (PEM): browsers give no camera to a page without.",
                     metavar="PEM"),
    ] = None,
    ssl_keyfile: Annotated[
        Path | None, typer.Option(help="The certificate's key (PEM).", metavar="PEM")
    ] = None,
    smoothing: Annotated[
        float,
        typer.Option(
            help="Seconds that each face's result is averaged over.",
            min=0,
            max=3,
            callback=a_number,
        ),
    ] = 0.33,
    model: ModelOption = None,
    detector: DetectorOption = "auto",
    prior: PriorOption = None,
) -> None:  # fmt: skip
    """Open livefer in the browser: the camera with every face labelled, and an API for programs.

    Everything is recognised on this machine, and nothing that comes in is stored. The API is
    described at /docs. Ctrl-C ends it.
    """
    import secrets

    from livefer.detection.yunet import YUNET_HINT

    try:
        from livefer.web.limits import Limits
        from livefer.web.security import Access, is_loopback
        from livefer.web.server import bind, make_server, make_service
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"livefer serve ({error.name})", "web") from None

    if ssl_keyfile is not None and ssl_certfile is None:
        raise ConfigError("--ssl-keyfile came without --ssl-certfile: name both")
    origins = [_origin(one) for one in allow_origin or []]
    token = secrets.token_urlsafe(16) if token == "auto" else token or None
    access = Access(token, origins, loopback_only=is_loopback(host))
    limits = Limits(max_clients=max_clients)
    service = make_service(model, detector, prior, smoothing, access, limits)
    listening = bind(host, port)
    with listening:
        url = _url(host, listening.getsockname()[1], ssl_certfile is not None, token)

        def say() -> None:
            sys.stdout.write(f"livefer is at {url} (Ctrl-C ends it)\n")
            sys.stdout.flush()
            if detector == "auto" and "yunet" not in service.model.detectors:
                sys.stderr.write(f"{YUNET_HINT}\n")
            if open_page:
                _open(url)

        server = make_server(service, ssl_certfile, ssl_keyfile, say)
        if not is_loopback(host):
            _warn(host, token is not None, ssl_certfile is not None)
        server.run([listening])


def _url(host: str, port: int, is_tls: bool, token: str | None) -> str:
    """Return the address to open; of a server at every address, by this machine's name."""
    import socket

    name = socket.gethostname() if host in ("0.0.0.0", "::") else host
    name = f"[{name}]" if ":" in name else name
    query = f"?token={quote(token, safe='')}" if token else ""
    return f"{'https' if is_tls else 'http'}://{name}:{port}/{query}"


def _warn(host: str, has_token: bool, is_tls: bool) -> None:
    lacks = []
    if not has_token:
        lacks.append("whoever reaches it may use it (--token auto)")
    if not is_tls:
        lacks.append(
            "pictures travel readable and browsers give its page no camera "
            "(--ssl-certfile, --ssl-keyfile)"
        )
    if lacks:
        sys.stderr.write(f"warning: {host} is open to other machines: {'; '.join(lacks)}\n")


def _origin(text: str) -> str:
    """Return a site as browsers name it: in lower case, without a port that goes without saying."""
    parts = urlsplit(text)
    try:
        port = parts.port
    except ValueError:
        port = -1
    is_site = parts.scheme in ("http", "https") and parts.hostname and parts.path in ("", "/")
    if not is_site or port == -1 or parts.query or parts.fragment or "@" in parts.netloc:
        raise ConfigError(f'--allow-origin {text}: expected a site as in "https://example.org"')
    name = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    implied = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{name}{'' if port in (None, implied) else f':{port}'}"


def _open(url: str) -> None:
    """Open a browser beside the server: some browsers return only when they are closed."""
    import threading
    import webbrowser

    threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
