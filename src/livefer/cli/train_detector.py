"""`livefer train-detector`: pictures in, a run folder with the face detector's file out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from livefer.cli.files import check_no_run, check_not_read
from livefer.cli.options import OverwriteRunOption, RunFolderOption
from livefer.errors import ConfigError

# livefer.train is imported inside the function: without the train extra the help still works, and
# with it torch takes seconds to load.


def train_detector(
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE]...", help="Changes of the configuration, as in steps=2000."
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="Configuration, as configs/detector.yaml.", metavar="FILE.YAML"),
    ] = None,
    teacher: Annotated[
        Path | None,
        typer.Option(
            help="YuNet's file.", show_default="the one that was downloaded", metavar="FILE.ONNX"
        ),
    ] = None,
    out: RunFolderOption = None,
    resume: Annotated[
        Path | None,
        typer.Option(help="Continue the run in this folder.", metavar="DIR"),
    ] = None,
    overwrite: OverwriteRunOption = False,
) -> None:
    """Train the face detector.

    It learns from YuNet, which labels the pictures once: docs/training.md#the-face-detector.
    After Ctrl-C, --resume continues the run.

    Writes detector.onnx, last.safetensors (for --resume), config.yaml and metrics.jsonl.
    """
    from livefer.train.detector.config import load_config
    from livefer.train.detector.export import export_run
    from livefer.train.detector.fit import fit
    from livefer.train.detector.pictures import labelled_pictures
    from livefer.train.prepare import start_folder

    if resume and (config or overrides or out or overwrite):
        raise ConfigError("--resume continues a run as it was: leave out the other options")
    settings = load_config(resume / "config.yaml" if resume else config, overrides)
    folder = resume or out or Path("runs") / settings.name
    if not resume:
        check_not_read([folder / "last.safetensors"], [settings.init] if settings.init else [])
    if not resume and not overwrite:
        check_no_run(folder)
    pictures = labelled_pictures(
        Path(settings.pictures), teacher, lambda line: sys.stderr.write(f"{line}\n")
    )
    if not resume:
        start_folder(folder, settings)
    if code := fit(settings, pictures, folder, bool(resume)):
        sys.stderr.write(f"continue with: livefer train-detector --resume {folder}\n")
        raise typer.Exit(code)
    sys.stderr.write(f"wrote {export_run(folder, settings)}\n")
