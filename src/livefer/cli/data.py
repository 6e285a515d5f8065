"""`livefer data`: what is in a data set, and what is wrong with it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from livefer.cli.shared import use_matplotlib

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from livefer.data.dataset import Dataset
    from livefer.data.hygiene import SplitHygiene

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
            help="A folder with train/, val/, test/ and class folders in each, one folder of "
            "class folders, or FER2013's CSV file.",
        ),
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print everything as JSON instead of tables.")
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option(help="Write a picture: samples of each class, and how many there are."),
    ] = None,
) -> None:
    """Show what a data set holds: classes, splits, and what is wrong with it.

    Looks for unreadable files, blank images, copies, copies with conflicting
    labels, and images of val and test that are in train too. The exit code is 1
    if a file could not be read.
    """
    from rich.console import Console

    from livefer.cli.progress import progress_bar
    from livefer.data import hygiene
    from livefer.data.dataset import read_dataset
    from livefer.drawing.figures import save_picture
    from livefer.evaluation import plots

    if plot:
        use_matplotlib()
    with progress_bar("reading pictures") as progress:
        dataset = read_dataset(directory, progress=progress)
    with Console(stderr=True).status("comparing pictures"):
        found = hygiene.inspect(dataset)
    if as_json:
        sys.stdout.write(json.dumps(_to_dict(dataset, found), indent=2) + "\n")
    else:
        _print(Console(highlight=False), dataset, found)
    if plot:
        save_picture(plots.dataset_picture(dataset, dataset.root.resolve().name), plot)
        sys.stderr.write(f"wrote {plot}\n")
    if dataset.unreadable:
        raise typer.Exit(1)


def _print(console: Console, dataset: Dataset, found: dict[str, SplitHygiene]) -> None:
    from rich.markup import escape

    console.print(f"[bold]{escape(str(dataset.root))}[/] · {dataset.origin}", soft_wrap=True)
    console.print()
    console.print(_class_table(dataset))
    console.print()
    console.print(_hygiene_table(dataset, found))
    if any(h.n_twins_in_train is not None for h in found.values()):
        from livefer.data.hygiene import NEAR_CORRELATION

        console.print(f"near copy: the pixels correlate by {NEAR_CORRELATION} or more", style="dim")
    if any(getattr(h, attribute) for h in found.values() for attribute, _ in _FINDINGS):
        console.print("--json names the files", style="dim")
    console.print()
    if n := len(dataset.unreadable):
        what = "file" if n == 1 else "files"
        console.print(f"[bold red]{n} unreadable {what}[/], left out: mend or remove them")
        for file, reason in dataset.unreadable[:_N_LISTED]:
            console.print(f"  {file}: {reason}", markup=False, soft_wrap=True)
        if n > _N_LISTED:
            console.print(f"  … and {n - _N_LISTED} more, all in the list of --json")
    else:
        console.print("every file could be read", style="dim")


def _class_table(dataset: Dataset) -> Table:
    from rich.markup import escape

    from livefer.labels import colour_bgr

    table = _table("class", *dataset.splits, "share", "weight", "")
    shares = _shares(dataset)
    weights = dataset.class_weights()
    most = max(shares) or 1.0
    counts = dataset.counts()
    for class_id, name in enumerate(dataset.classes):
        blue, green, red = colour_bgr(name, dataset.classes)
        bar = "█" * max(1, round(18 * shares[class_id] / most)) if shares[class_id] else ""
        weight = weights[class_id]
        table.add_row(
            escape(name),
            *(f"{counts[split][class_id]:,}" for split in dataset.splits),
            f"{100 * shares[class_id]:.1f} %",
            "–" if weight is None else f"{weight:.2f}",
            f"[rgb({red},{green},{blue})]{bar}[/]",
        )
    table.add_section()
    table.add_row("all", *(f"{len(split):,}" for split in dataset.splits.values()))
    return table


def _hygiene_table(dataset: Dataset, found: dict[str, SplitHygiene]) -> Table:
    table = _table("found", *found)
    for attribute, words in _FINDINGS:
        values = [getattr(h, attribute) for h in found.values()]
        if any(value is not None for value in values):
            table.add_row(words, *("" if v is None else f"{v:,}" for v in values))
    return table


def _table(first: str, *others: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right" if name else "left")
    return table


def _shares(dataset: Dataset) -> list[float]:
    """Return each class's share of train, or of all where there is no train."""
    counts = dataset.counts()
    rows = [counts["train"]] if "train" in counts else list(counts.values())
    sums = [sum(column) for column in zip(*rows, strict=True)]
    return [n / sum(sums) for n in sums]


def _to_dict(dataset: Dataset, found: dict[str, SplitHygiene]) -> dict[str, Any]:
    from livefer.data.hygiene import files_of

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
            name: h.to_dict() | {"files": files_of(dataset.splits[name], train)}
            for name, h in found.items()
        },
        "n_unreadable": len(dataset.unreadable),
        "unreadable": [{"file": file, "reason": reason} for file, reason in dataset.unreadable],
    }
