"""`livefer train`: a configuration in, a run folder with checkpoints and logs out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from livefer.cli.shared import check_not_read
from livefer.errors import ConfigError, DatasetError, MissingExtraError

if TYPE_CHECKING:
    from livefer.data.dataset import Split
    from livefer.train.config import Config


def train(
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE]...", help="Change the configuration: epochs=20 lr=0.05."
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="YAML file of the run, as in configs/.")
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="Data set instead of the configuration's.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder of the run.", show_default="runs/NAME"),
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(help="Go on with an interrupted run: its folder.")
    ] = None,
    preview: Annotated[
        Path | None, typer.Option(help="Write a sheet of augmented faces to this PNG and stop.")
    ] = None,
    accelerator: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    devices: Annotated[int, typer.Option(min=1, help="Processes or GPUs on this machine.")] = 1,
    num_nodes: Annotated[int, typer.Option(min=1, help="Machines that train together.")] = 1,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Start afresh in a folder with a run.")
    ] = False,
) -> None:
    """Train the network.

    Every key of a configuration is in docs/training.md. Ctrl-C ends a run that --resume continues.

    Writes best.safetensors (what `livefer evaluate --checkpoint` and `livefer export` take),
    last.safetensors (what --resume takes), config.yaml, metrics.jsonl and TensorBoard's events.
    """
    try:
        import torch

        from livefer.train import config as configs
        from livefer.train import fit, prepare
        from livefer.train.devices import make_fabric
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"livefer train ({error.name})", "train") from None

    if resume:
        if config or overrides or data or out or overwrite:
            raise ConfigError("--resume goes on with the run as it was: give it alone")
        folder = resume.parent if resume.is_file() else resume
        if not (folder / "config.yaml").is_file():
            raise ConfigError(
                f"{folder} holds no run: expected the folder of one, with its config.yaml"
            )
        settings = configs.load_config(folder / "config.yaml")
    else:
        overrides = [*(overrides or []), *([f"data={data}"] if data else [])]
        settings = configs.load_config(config, overrides)
        folder = out or Path("runs") / settings.name
        begun_from = [settings.init, *settings.distill.teachers]
        check_not_read([folder / "best.safetensors", folder / "last.safetensors"], begun_from)
        if (folder / "last.safetensors").exists() and not overwrite and not preview:
            raise ConfigError(
                f"{folder} holds a run already: go on with --resume {folder}, choose another --out "
                "or add --overwrite"
            )

    if not preview:
        _check_files(settings, bool(resume))
    classes, train_split, val_split = _read(settings)
    if preview:
        prepare.write_preview(preview, train_split, classes, settings)
        sys.stderr.write(f"wrote {preview}\n")
        return
    fabric = make_fabric(settings, accelerator, devices, num_nodes)
    fabric.launch()
    if fabric.is_global_zero and not resume:
        prepare.start_folder(folder, settings)
    fabric.barrier()
    try:
        best = fit.fit(fabric, settings, train_split, val_split, classes, folder, bool(resume))
    except fit.Interrupted as stop:
        sys.stderr.write(f"{stop}; go on with: livefer train --resume {folder}\n")
        raise typer.Exit(130) from None
    except torch.OutOfMemoryError:
        raise ConfigError(
            f"the GPU's memory does not hold a batch of {settings.batch_size} beside what else is "
            "there: a smaller batch_size, or a smaller network, fits"
        ) from None
    if fabric.is_global_zero:
        sys.stderr.write(f"next: livefer export {best} -o model.onnx\n")


def _check_files(settings: Config, is_resumed: bool) -> None:
    """Say which file is missing before the data is read, and before a folder is begun."""
    files = [("distill.teachers", Path(teacher)) for teacher in settings.distill.teachers]
    if "votes" in settings.heads:
        files.append(("votes", Path(settings.votes).expanduser()))
    if not is_resumed and settings.init not in ("random", "imagenet"):
        files.append(("init", Path(settings.init)))
    for key, path in files:
        if not path.is_file():
            raise ConfigError(f"{key}: {path} does not exist: check the path, or make it first")


def _read(settings: Config) -> tuple[tuple[str, ...], Split, Split]:
    from livefer.data.dataset import read_dataset
    from livefer.train import prepare

    dataset = read_dataset(settings.data)
    if len(dataset.classes) < 2:
        raise DatasetError(
            f"{settings.data} has one class, {dataset.classes[0]}: "
            "a network needs two to tell apart"
        )
    val = dataset.split("val")
    train_split, notes = prepare.clean(dataset.split("train"), settings)
    for file, reason in dataset.unreadable[:5]:
        notes.append(f"unreadable: {file}: {reason}")
    notes.append(f"{len(train_split)} training and {len(val)} val images")
    sys.stderr.write("\n".join(notes) + "\n")
    return dataset.classes, train_split, val
