"""`livefer export`: a checkpoint in, the ONNX file that every other command runs out."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from livefer.cli.files import check_checkpoint, check_not_read
from livefer.data.dataset import Dataset, read_dataset
from livefer.data.votes import read_votes, voted_on
from livefer.errors import ConfigError, DatasetError
from livefer.system.atomic import check_temporary_folder

# livefer.train is imported inside functions: without the train extra the help still works, and
# with it torch takes seconds to load.


def export(
    checkpoint: Annotated[
        Path, typer.Argument(help="best.safetensors of a run.", metavar="CHECKPOINT")
    ],
    output: Annotated[
        Path,
        typer.Option("--out", "-o", "--output", help="The ONNX file to write.", metavar="OUT.ONNX"),
    ],
    data: Annotated[
        Path | None,
        typer.Option(help="Data set to check on.", show_default="the run's own", metavar="DIR"),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            help="Which head the model gets if the network learned both: labels or votes.",
            show_default="labels, where it learned them",
            metavar="labels|votes",
        ),
    ] = None,
    prior: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            help="How much of the class frequencies in training the model itself removes.",
            metavar="0-1",
        ),
    ] = 0.0,
    int8: Annotated[
        bool,
        typer.Option("--int8", help="Compute in 8 bits: a smaller and faster file."),
    ] = False,
) -> None:
    """Export a checkpoint to one self-describing ONNX file.

    The temperature and the threshold of "uncertain" are fitted on the val split, where the file is
    also compared with the checkpoint: if they disagree, nothing is written. With --int8 the ranges
    of the activations are measured on faces of the train split.
    """
    check_temporary_folder()
    from livefer.train.checkpoint import load_checkpoint
    from livefer.train.config import parse_config

    check_checkpoint(checkpoint)
    check_not_read([output], [checkpoint])
    meta = load_checkpoint(checkpoint)[1]
    dataset = _read(data, meta)
    heads = parse_config(meta["config"], str(checkpoint)).heads
    labels = labels or heads[0]
    if labels not in heads:
        raise ConfigError(f"{checkpoint} has learned {' and '.join(heads)}, not {labels}")
    val = dataset.split("val")
    if labels == "votes":
        val = voted_on(val, read_votes(meta["config"]["votes"], val, dataset.classes))
    if int8:
        from livefer.train.quantize import export_int8

        train = dataset.split("train")
        described = export_int8(checkpoint, output, train, val, labels, prior)
    else:
        from livefer.train.export import export as export_float

        described = export_float(checkpoint, output, val, labels, prior)
    sys.stderr.write(_summary(output, described, int8))


def _read(data: Path | None, meta: dict[str, Any]) -> Dataset:
    """Return the data set to check on: it has a val split, and the checkpoint's classes."""
    try:
        dataset = read_dataset(data or meta["config"]["data"])
        dataset.split("val")
    except DatasetError as error:
        raise DatasetError(f"{error}; name the data to check the export on: --data") from None
    if list(dataset.classes) != meta["classes"]:
        raise DatasetError(
            f"{dataset.root} has the classes {', '.join(dataset.classes)}, the checkpoint "
            f"{', '.join(meta['classes'])}: name the data it was trained on with --data"
        )
    return dataset


def _summary(output: Path, described: dict[str, Any], int8: bool) -> str:
    found = json.loads(described["metrics"])
    equal = "equal to the checkpoint within 1e-4"
    if int8:
        against = found["against_float"]
        equal = (
            f"{against['same_labels']:.1%} of the labels on val as in float "
            f"({against['float_accuracy']:.2%} accuracy), probabilities within "
            f"{against['mean_difference']:.4f} on average"
        )
    return (
        f"wrote {output} ({output.stat().st_size / 1e6:.1f} MB): {equal}; "
        f"val accuracy {found['accuracy']:.2%}, temperature {described['temperature']}, "
        f"uncertain below {described['uncertain_below']}\n"
    )
