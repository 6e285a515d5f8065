"""`livefer serve`: the page in a browser, and the API that programs use."""

from __future__ import annotations

import secrets
import socket
import sys
import threading
import webbrowser
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from livefer.cli.options import (
    DetectorOption,
    MinScoreOption,
    ModelOption,
    PriorOption,
    ServerSmoothingOption,
)
from livefer.errors import ConfigError
from livefer.tracking.smoothing import WINDOW_S


def serve(
    host: Annotated[
        str,
        typer.Option(
            help="Address to listen at. 0.0.0.0: every address of this machine.",
            envvar="LIVEFER_HOST",
            metavar="ADDRESS",
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(
            help="Port to listen at. 0: any free one.",
            min=0,
            max=65535,
            envvar="LIVEFER_PORT",
            metavar="PORT",
        ),
    ] = 8000,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    token: Annotated[
        str | None,
        typer.Option(
            help="Require this token. auto: make a new one.",
            envvar="LIVEFER_TOKEN",
            metavar="TOKEN",
        ),
    ] = None,
    max_clients: Annotated[
        int, typer.Option(help="Maximum number of simultaneous streams.", min=1, metavar="N")
    ] = 32,
    max_images: Annotated[
        int,
        typer.Option(
            help="Maximum number of single pictures at the same time; others are told to retry.",
            min=1,
            metavar="N",
        ),
    ] = 8,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(
            help="Another web site that may use this server; can be repeated.",
            metavar="https://SITE",
        ),
    ] = None,
    ssl_certfile: Annotated[
        Path | None,
        typer.Option(
            help="Certificate (PEM). Browsers on other machines need one to use the camera.",
            metavar="PEM",
        ),
    ] = None,
    ssl_keyfile: Annotated[
        Path | None, typer.Option(help="Key of the certificate (PEM).", metavar="PEM")
    ] = None,
    smoothing: ServerSmoothingOption = WINDOW_S,
    model: ModelOption = None,
    detector: DetectorOption = "auto",
    min_score: MinScoreOption = None,
    prior: PriorOption = None,
) -> None:
    """Open livefer in the browser, with an API for programs.

    The page shows the camera with a label on every face. All recognition runs on this machine, and
    nothing that comes in is stored. --model and --prior set the default model; clients may choose
    human or fer2013 instead. /docs describes the API. Ctrl-C stops the server.
    """
    # Not at the top: the help works without the web extra.
    from livefer.web.limits import Limits
    from livefer.web.security import Access, is_loopback, origin_of
    from livefer.web.server import bind, make_server, make_service

    if ssl_keyfile is not None and ssl_certfile is None:
        raise ConfigError("--ssl-keyfile needs --ssl-certfile: name both")
    origins = [origin_of(site) for site in allow_origin or []]
    token = secrets.token_urlsafe(16) if token == "auto" else token or None
    access = Access(token, origins, loopback_only=is_loopback(host))
    limits = Limits(max_clients=max_clients, max_images=max_images)
    service = make_service(model, detector, prior, min_score, smoothing, access, limits)
    with bind(host, port) as listening:
        url = _url(host, listening.getsockname()[1], ssl_certfile is not None, token)

        def greet() -> None:
            sys.stdout.write(f"livefer is at {url} (Ctrl-C ends it)\n")
            sys.stdout.flush()
            if open_page:
                _open(url)

        server = make_server(service, ssl_certfile, ssl_keyfile, greet)
        if not is_loopback(host):
            _warn(host, token is not None, ssl_certfile is not None)
        server.run([listening])


def _url(host: str, port: int, is_tls: bool, token: str | None) -> str:
    """Return the address to open; a server at every address has this machine's name."""
    name = socket.gethostname() if host in ("0.0.0.0", "::") else host
    name = f"[{name}]" if ":" in name else name
    query = f"?token={quote(token, safe='')}" if token else ""
    return f"{'https' if is_tls else 'http'}://{name}:{port}/{query}"


def _warn(host: str, has_token: bool, is_tls: bool) -> None:
    lacks = []
    if not has_token:
        lacks.append("anyone who can reach it can use it (--token auto)")
    if not is_tls:
        lacks.append(
            "pictures are not encrypted, and browsers give the page no camera "
            "(--ssl-certfile, --ssl-keyfile)"
        )
    if lacks:
        sys.stderr.write(f"warning: {host} is open to other machines: {'; '.join(lacks)}\n")


def _open(url: str) -> None:
    """Open a browser in a thread: some browsers return only when they are closed."""
    threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
