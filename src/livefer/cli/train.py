"""`livefer train`: a configuration in, a run folder with checkpoints and logs out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from livefer.cli.files import check_no_run, check_not_read, check_picture_name
from livefer.cli.options import OverwriteRunOption, RunFolderOption
from livefer.errors import ConfigError
from livefer.system.atomic import check_temporary_folder

if TYPE_CHECKING:
    from livefer.train.config import Config

# livefer.train is imported inside functions: without the train extra the help still works, and
# with it torch takes seconds to load.


def train(
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE]...", help="Changes of the configuration, as in epochs=20 lr=0.05."
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="Configuration, as in configs/.", metavar="FILE.YAML")
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="Data set, instead of the configuration's.", metavar="DIR")
    ] = None,
    out: RunFolderOption = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            help="Continue the run in this folder; epochs=N lengthens it, and data=DIR says where "
            "its data set is now.",
            metavar="DIR",
        ),
    ] = None,
    preview: Annotated[
        Path | None,
        typer.Option(
            help="Write a sheet of augmented faces instead of training.", metavar="OUT.PNG"
        ),
    ] = None,
    accelerator: Annotated[str, typer.Option(help="auto, cpu or cuda.", metavar="NAME")] = "auto",
    devices: Annotated[
        int, typer.Option(min=1, help="Processes or GPUs on this machine.", metavar="N")
    ] = 1,
    num_nodes: Annotated[
        int, typer.Option(min=1, help="Machines that train together.", metavar="N")
    ] = 1,
    overwrite: OverwriteRunOption = False,
) -> None:
    """Train the network.

    docs/training.md explains every key of a configuration. After Ctrl-C, --resume continues the
    run.

    Writes best.safetensors (for `livefer evaluate --checkpoint` and `livefer export`),
    last.safetensors (for --resume), config.yaml, metrics.jsonl and TensorBoard's events.
    """
    check_temporary_folder()
    import torch

    from livefer.train import fit, prepare
    from livefer.train.devices import make_fabric

    if resume and (config or out or overwrite):
        raise ConfigError(
            "--resume continues a run in its folder: leave out --config, --out and --overwrite "
            "(a copy of the folder can be resumed, too)"
        )
    overrides = [*(overrides or []), *([f"data={data}"] if data else [])]
    settings, folder = _load(config, overrides, resume)
    folder = out or folder
    if not resume:
        _check_folder(folder, settings, may_hold_run=overwrite or bool(preview))
    if preview:
        check_picture_name(preview)
    else:
        prepare.check_files(settings, bool(resume))
    classes, train_split, val_split, notes = prepare.read_splits(settings)
    if not (preview or resume):
        settings, more = prepare.with_reachable_init(settings)
        notes += more
    sys.stderr.write("\n".join(notes) + "\n")
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
        sys.stderr.write(f"{stop}; continue with: livefer train --resume {folder}\n")
        raise typer.Exit(stop.exit_code) from None
    except torch.OutOfMemoryError:
        raise ConfigError(
            f"a batch of {settings.batch_size} does not fit into the free memory of the GPU: take "
            "a smaller batch_size or a smaller network"
        ) from None
    if fabric.is_global_zero:
        sys.stderr.write(f"next: livefer export {best} -o model.onnx\n")


def _load(config: Path | None, overrides: list[str], resume: Path | None) -> tuple[Config, Path]:
    """Return the configuration, and the folder of the run to continue or the usual one."""
    from livefer.train.config import load_config

    if resume is None:
        settings = load_config(config, overrides)
        return settings, Path("runs") / settings.name
    from livefer.train.resume import check_changes

    folder = resume.parent if resume.is_file() else resume
    if not (folder / "config.yaml").is_file():
        raise ConfigError(f"{folder} holds no run: expected a folder with a config.yaml")
    settings = load_config(folder / "config.yaml", overrides)
    check_changes(folder, load_config(folder / "config.yaml"), settings)
    return settings, folder


def _check_folder(folder: Path, settings: Config, may_hold_run: bool) -> None:
    """Raise ConfigError where a new run would replace another, or what it starts from."""
    starts_from = [settings.init, *settings.distill.teachers]
    check_not_read([folder / "best.safetensors", folder / "last.safetensors"], starts_from)
    if not may_hold_run:
        check_no_run(folder)
