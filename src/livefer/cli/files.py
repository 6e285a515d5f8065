"""Checks of the files that commands read and write, made before any work."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from livefer.drawing.figures import check_matplotlib_folders, require_matplotlib
from livefer.errors import ConfigError, LiveferError, SourceError
from livefer.formatting import printable
from livefer.media.cameras import camera_number
from livefer.media.names import LeftOut, find_files, is_kind, is_pattern, same_file
from livefer.media.pictures import WRITABLE
from livefer.media.sources import Source
from livefer.system.atomic import PartialFile, replacing, with_end
from livefer.system.downloads import cache_dir
from livefer.system.pipes import STDIN, is_pipe

Item = tuple[str, str | None]
"""The path of an input, and why it cannot be read."""

_OTHERS: dict[Literal["picture", "video"], tuple[Literal["picture", "video"], str]] = {
    "picture": ("video", "livefer video"),
    "video": ("picture", "livefer image"),
}
_PLOTS = (".png", ".pdf", ".svg")
_REPORTS = (".html", ".htm")


def find(paths: Iterable[str], kind: Literal["picture", "video"]) -> tuple[list[Item], LeftOut]:
    """Return each picture or video once, with None, or with an error where there is none.

    Also returns what the folders and patterns hold beside them.
    """
    other, command = _OTHERS[kind]
    items: dict[str, Item] = {}
    left_out = LeftOut()
    for path in paths:
        found = find_files(path, kind)
        if found is None:
            error = f'{path} is a {other}: "{command}" reads {other}s'
            these: list[Item] = [(path, error if is_kind(path, other) else None)]
        else:
            these = [*((file, None) for file in found.files), *found.errors]
            left_out.add(found.left_out)
        for name, reason in these:
            items.setdefault(same_file(name), (name, reason))
    left_out.files = {file for file in left_out.files if same_file(file) not in items}
    return list(items.values()), left_out


def use_matplotlib() -> None:
    """Raise LiveferError where matplotlib is missing or cannot work.

    Its list of fonts is kept in livefer's cache.

    For commands only: it may hide the matplotlibrc of a program that uses livefer.
    """
    require_matplotlib()
    if (folder := cache_dir()) is not None:
        os.environ.setdefault("MPLCONFIGDIR", str(folder / "matplotlib"))
    check_matplotlib_folders()


def check_not_read(outputs: Iterable[Path | None], inputs: Iterable[str | Path]) -> None:
    """Raise ConfigError where an output would replace an input."""
    read = {Path(name).resolve() for name in inputs}
    for output in outputs:
        if output is not None and output.resolve() in read:
            raise ConfigError(f"{output} is an input: choose another name for the output")


def check_identify(path: Path, one_person: bool) -> None:
    """Raise ConfigError where a file of persons cannot have this name, or all tracks are one's."""
    if one_person:
        raise ConfigError("--one-person and --identify both say who is who: choose one")
    if path.suffix.lower() != ".csv" or path.is_dir():
        raise ConfigError(
            f"{path} is no name for a table of persons: expected one that ends in .csv"
        )


def check_live_source(source: str) -> None:
    """Raise SourceError for a path that does not exist, before anything is opened."""
    is_path = camera_number(source) is None and not (
        "://" in source or is_pattern(source) or is_pipe(source)
    )
    if is_path and not os.path.exists(source):
        raise SourceError(f"{source} does not exist: check the path")


def check_moves(name: str, source: Source) -> None:
    """Raise SourceError for a source, opened as a live one, that is a picture or a folder."""
    if source.live:
        return
    if os.path.isdir(name):
        raise SourceError(f"{name} is a folder: expected one video")
    raise SourceError(f'{name} does not move: "livefer image" reads pictures')


def check_no_run(folder: Path) -> None:
    """Raise ConfigError where a folder holds a training run that a new one would replace."""
    if (folder / "last.safetensors").exists():
        raise ConfigError(
            f"{folder} holds a run already: continue it with --resume {folder}, choose another "
            "--out or add --overwrite"
        )


def check_any_exists(inputs: Sequence[Item]) -> None:
    """Raise SourceError where no input exists: the run would replace an older table by nothing."""
    errors = []
    for name, error in inputs:
        if error is None and ("://" in name or name == STDIN or os.path.exists(name)):
            return
        errors.append(error or f"{name} does not exist: check the path")
    if errors:
        of_all = f"none of {len(errors)} inputs exists: " if errors[1:] else ""
        raise SourceError(f"{of_all}{printable(errors[0])}; nothing was written")


def check_checkpoint(path: Path) -> None:
    """Raise ConfigError for the folder of a run, and name the file in it to give instead."""
    if path.is_dir():
        raise ConfigError(
            f"{path} is a folder: expected a checkpoint in it, as in {path / 'best.safetensors'}"
        )


def check_writable(path: Path) -> None:
    """Raise LiveferError where a file cannot be written; makes its folder."""
    PartialFile(path).discard()


def check_picture_name(path: Path) -> None:
    """Raise ConfigError where no picture can be written under this name."""
    if path.suffix.lower() not in WRITABLE:
        raise ConfigError(f"{path} is not a picture's name: expected one ending in .png or .jpg")
    if path.is_dir():
        raise ConfigError(f"{path} is a folder: expected the name of a picture to write")


def check_plot_and_report(plot: Path | None, report: Path | None) -> None:
    """Raise LiveferError where --plot or --report cannot be written, or matplotlib is missing."""
    for option, path, suffixes in (("--plot", plot, _PLOTS), ("--report", report, _REPORTS)):
        if path is not None and (path.suffix.lower() not in suffixes or path.is_dir()):
            raise ConfigError(
                f"{option} {path}: expected the name of a file that ends in {', '.join(suffixes)}"
            )
    if plot is not None or report is not None:
        use_matplotlib()
    for path in (plot, report):
        if path is not None:
            check_writable(path)


def check_folder(option: str, folder: Path) -> None:
    """Raise LiveferError where files cannot be written into a folder; makes it."""
    try:
        check_writable(folder / "livefer")
    except LiveferError as error:
        reason = str(error).partition(" cannot be written ")[2]
        raise ConfigError(f"{option} {folder} cannot be written {reason}") from None


def free_name(path: Path, taken: set[Path]) -> Path:
    """Return a path that is not in `taken`, and add it: x.png, else x-2.png, x-3.png, …

    A name that no file system takes is cut.

    taken: resolved paths
    """
    free, n = with_end(path), 1
    while free.resolve() in taken:
        n += 1
        free = with_end(path, f"-{n}")
    taken.add(free.resolve())
    return free


def write_json(path: Path, figures: Mapping[str, Any]) -> None:
    """Write figures as a JSON file."""
    with replacing(path) as part:
        part.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
