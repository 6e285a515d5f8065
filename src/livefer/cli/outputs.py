"""The options for timelines and reports of `livefer video` and `livefer summarize`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from livefer.cli.shared import check_writable
from livefer.errors import ConfigError

PlotOption = Annotated[
    Path | None,
    typer.Option(
        help="Draw everybody's expressions over time: a name that ends in .png, .pdf or .svg. "
        "Of several videos there is a picture each.",
        metavar="FILE",
    ),
]
ReportOption = Annotated[
    Path | None,
    typer.Option(
        help="Write figures and pictures as one HTML file, to be read without a network.",
        metavar="OUT.HTML",
    ),
]
_PICTURES = (".png", ".pdf", ".svg")
_PAGES = (".html", ".htm")


def check_names(plot: Path | None, report: Path | None) -> None:
    """Raise an error where a picture or a report could not be written, before any work."""
    for option, path, suffixes in (("--plot", plot, _PICTURES), ("--report", report, _PAGES)):
        if path is not None and (path.suffix.lower() not in suffixes or path.is_dir()):
            raise ConfigError(
                f"{option} {path}: expected the name of a file that ends in {', '.join(suffixes)}"
            )
    if plot is not None or report is not None:
        from livefer.drawing.figures import require_matplotlib

        require_matplotlib()
    for path in (plot, report):
        if path is not None:
            check_writable(path)
