"""What the scripts share: their options, how they end, and how results are printed and written.

Loads nothing heavy, neither NumPy nor livefer: a process's peak memory begins with that of the one
which started it, and bench/cold.py measures such peaks.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

PICTURE = Path(__file__).parents[2] / "src/livefer/assets/astronaut.jpg"
"""The shipped picture: one face, 512x512."""

_OPTIONS: dict[str, dict[str, Any]] = {
    "model": {"help": "a shipped model's name, or an .onnx file"},
    "models": {"nargs": "+", "help": "a shipped model's name, or .onnx files"},
    "--data": {"type": Path, "default": Path("data/fer2013"), "help": "the data set's folder"},
    "--split": {"default": "val", "help": "of the data set"},
    "--photos": {"type": Path, "default": Path("data/photos.json"), "help": "list of photographs"},
    "--yunet": {"type": Path, "help": "YuNet's .onnx file"},
    "--own": {"type": Path, "help": "a detector's .onnx file by livefer train-detector"},
    "--images": {"type": int, "help": "use so many of the split, drawn with the seed"},
    "--seed": {"type": int, "default": 0},
    "--threads": {"type": int, "help": "processor cores for the network"},
    "--json": {"type": Path, "help": "write the figures there, too"},
}


def arguments(doc: str | None, *options: str) -> argparse.ArgumentParser:
    """Return a parser with some of the options that mean the same in several scripts.

    doc: the script's docstring, whose first line is the description
    """
    parser = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    for option in options:
        parser.add_argument(option, **_OPTIONS[option])
    return parser


def run(main: Callable[[], None]) -> None:
    """Run a script; a user's mistake ends it with one line and an exit code of 1."""
    from livefer.errors import LiveferError

    try:
        main()
    except LiveferError as error:
        sys.exit(f"error: {error}")


def heading(title: str) -> str:
    """Return a title and the command that is running, without the folders of this machine."""
    words = [Path(word).name if Path(word).is_absolute() else word for word in sys.argv]
    return f"# {title}\n\n`python {' '.join(words)}`\n"


def machine_line(machine: Mapping[str, Any]) -> str:
    """Return what a measurement was taken on.

    machine: a livefer.system.machine.Machine as data
    """
    return f"{machine['processor']}, {machine['n_cores']} cores, {machine['system']}"


def load_line(machine: Mapping[str, Any]) -> str:
    """Return how busy the machine was when it was looked at, in words."""
    load = machine["load"]
    return f"load before the start {'unknown' if load is None else load}"


def publish(title: str, text: str, figures: dict[str, Any], path: Path | None) -> None:
    """Print a heading and a text in Markdown, and write the figures as JSON where asked to."""
    print(heading(title))
    print(text)
    if path is not None:
        write_json(path, figures)


def write_both(out: Path, text: str, data: Any, suffix: str = ".md") -> None:
    """Write a text to OUT.md, or to OUT with another suffix, and plain data to OUT.json."""
    write_text(out.with_suffix(suffix), text)
    write_json(out.with_suffix(".json"), data)


def write_json(path: Path, data: Any) -> None:
    """Write plain data as JSON, as write_text does."""
    write_text(path, json.dumps(data, indent=2) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text file, complete or not at all; missing folders are made."""
    from livefer.system.atomic import replacing

    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")
