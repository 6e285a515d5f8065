"""`livefer data`: what is in a data set, and what is wrong with it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from livefer.cli.console import class_bar, new_table, stderr, stdout
from livefer.cli.files import use_matplotlib
from livefer.cli.progress import progress_bar
from livefer.data import hygiene
from livefer.data.dataset import Dataset, read_dataset
from livefer.data.framing import framing_note
from livefer.data.hygiene import NEAR_CORRELATION, SplitHygiene
from livefer.drawing.figures import save_picture
from livefer.evaluation.plots import dataset_picture
from livefer.formatting import count

_N_LISTED = 10

_FINDINGS = (
    ("n_blank", "blank images"),
    ("n_redundant", "redundant copies (equal pixels)"),
    ("n_conflicting_groups", "groups of copies with conflicting labels"),
    ("n_conflicting", "images in those groups"),
    ("n_copies_of_train", "pixel copies of training images"),
    ("n_twins_in_train", "pixel or near copies of training images"),
)


def data(
    directory: Annotated[
        Path,
        typer.Argument(
            metavar="DIR",
            help="A folder with train/, val/ and test/ (or other usual names) that hold class "
            "folders, one folder of class folders, or FER2013's CSV file.",
        ),
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print everything as JSON instead of tables.")
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option(
            help="Write a picture: samples of each class, and their number.", metavar="FILE"
        ),
    ] = None,
) -> None:
    """Show the classes, splits and faults of a data set.

    Faults are unreadable files, blank images, copies, copies with conflicting labels, images
    of val and test that are in train too, and pictures that are not faces that fill the frame
    (`livefer crop` cuts them out). Folders and files that belong to no split or class are
    listed. The exit code is 1 if a file of a class cannot be read.
    """
    if plot:
        use_matplotlib()
    with progress_bar("reading pictures") as progress:
        dataset = read_dataset(directory, progress=progress)
    with stderr().status("comparing pictures"):
        found, loose = hygiene.inspect(dataset), framing_note(dataset)
    if as_json:
        sys.stdout.write(json.dumps(_to_dict(dataset, found, loose), indent=2) + "\n")
    else:
        _print(stdout(), dataset, found)
        if loose:
            stdout(markup=False).print(loose, style="bold red", soft_wrap=True)
    if plot:
        save_picture(dataset_picture(dataset, dataset.root.resolve().name), plot)
        sys.stderr.write(f"wrote {plot}\n")
    if dataset.unreadable:
        raise typer.Exit(1)


def _print(console: Console, dataset: Dataset, found: dict[str, SplitHygiene]) -> None:
    console.print(f"[bold]{escape(str(dataset.root))}[/] · {dataset.origin}\n", soft_wrap=True)
    console.print(_class_table(dataset))
    console.print()
    console.print(_hygiene_table(found))
    if any(h.n_twins_in_train is not None for h in found.values()):
        console.print(f"near copy: the pixels correlate by {NEAR_CORRELATION} or more", style="dim")
    if any(getattr(h, attribute) for h in found.values() for attribute, _ in _FINDINGS):
        console.print("--json names the files", style="dim")
    console.print()
    if n := len(dataset.unreadable):
        console.print(
            f"[bold red]{count(n, 'unreadable file')}[/], left out: repair or remove them"
        )
        for file, reason in dataset.unreadable[:_N_LISTED]:
            console.print(f"  {file}: {reason}", markup=False, soft_wrap=True)
        if n > _N_LISTED:
            console.print(f"  … and {n - _N_LISTED} more: --json lists all")
    else:
        console.print("every file of a class could be read", style="dim")
    for path, reason in dataset.ignored:
        console.print(f"left out: {path}: {reason}", markup=False, soft_wrap=True)


def _class_table(dataset: Dataset) -> Table:
    table = new_table("class", *(f"{split}>" for split in dataset.splits), "share>", "weight>", "")
    shares, weights, counts = _shares(dataset), dataset.class_weights(), dataset.counts()
    most = max(shares) or 1.0
    for class_id, name in enumerate(dataset.classes):
        share, weight = shares[class_id], weights[class_id]
        table.add_row(
            escape(name),
            *(f"{counts[split][class_id]:,}" for split in dataset.splits),
            f"{100 * share:.1f} %",
            "–" if weight is None else f"{weight:.2f}",
            class_bar(share / most, name, dataset.classes),
        )
    table.add_section()
    table.add_row("all", *(f"{len(split):,}" for split in dataset.splits.values()))
    return table


def _hygiene_table(found: dict[str, SplitHygiene]) -> Table:
    table = new_table("found", *(f"{split}>" for split in found))
    for attribute, words in _FINDINGS:
        values = [getattr(h, attribute) for h in found.values()]
        if any(value is not None for value in values):
            table.add_row(words, *("" if v is None else f"{v:,}" for v in values))
    return table


def _shares(dataset: Dataset) -> list[float]:
    """Return each class's share of train, or of all where there is no train."""
    counts = dataset.counts()
    rows = [counts["train"]] if "train" in counts else list(counts.values())
    sums = [sum(column) for column in zip(*rows, strict=True)]
    return [n / sum(sums) for n in sums]


def _to_dict(dataset: Dataset, found: dict[str, SplitHygiene], loose: str | None) -> dict[str, Any]:
    train = dataset.splits.get("train")
    counts, weights, shares = dataset.counts(), dataset.class_weights(), _shares(dataset)
    return {
        "root": str(dataset.root),
        "origin": dataset.origin,
        "classes": {
            name: {
                **{split: counts[split][class_id] for split in counts},
                "share": shares[class_id],
                "weight": weights[class_id],
            }
            for class_id, name in enumerate(dataset.classes)
        },
        "splits": {
            name: h.to_dict() | {"files": hygiene.files_of(dataset.splits[name], train)}
            for name, h in found.items()
        },
        "framing": loose,
        "n_unreadable": len(dataset.unreadable),
        "unreadable": [{"file": file, "reason": reason} for file, reason in dataset.unreadable],
        "ignored": [{"path": path, "reason": reason} for path, reason in dataset.ignored],
    }
