"""`livefer page`: the page for any web host, with recognition in the browser itself."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from livefer.classifier import CHOICES, EmotionClassifier
from livefer.cli.options import QuietOption

_PORT = 8080


def page(
    out: Annotated[Path, typer.Argument(help="The folder to write.", metavar="OUT")],
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="A shipped model or an ONNX file. Can be repeated: the first is the default.",
            show_default=" and ".join(CHOICES),
            metavar="MODEL",
        ),
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Write the page for any web host: faces are recognised in the visitor's browser.

    It takes camera, pictures and videos, works offline after the first visit, and sends nothing.
    It needs ONNX Runtime for browsers: livefer download browser-runtime. An earlier page in OUT is
    replaced.
    """
    # Not at the top: no other command needs the room web.
    from livefer.web.site import write_site

    names = list(dict.fromkeys(model or CHOICES))
    site = write_site(out, [EmotionClassifier(name) for name in names])
    if quiet:
        return
    sys.stdout.write(
        f"wrote {out}: {site.n_files} files, {_mb(site.n_bytes)}; a first visit loads "
        f"{_mb(site.n_to_load)} ({_mb(site.n_compressed)} where the host compresses); "
        f"model {', '.join(site.models)}\n"
        f"try it: {Path(sys.executable).name} -m http.server -d {out} {_PORT}, then open "
        f"http://localhost:{_PORT}\n"
        "publish it: copy the folder to any https host, under any path\n"
    )


def _mb(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:.1f} MB"
