"""`livefer export`: a checkpoint in, the ONNX file that every other command runs out."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from livefer.cli.shared import check_checkpoint, check_not_read
from livefer.errors import ConfigError, MissingExtraError


def export(
    checkpoint: Annotated[
        Path, typer.Argument(help="best.safetensors of a run.", metavar="CHECKPOINT")
    ],
    output: Annotated[
        Path,
        typer.Option("--out", "-o", "--output", help="The ONNX file to write.", metavar="OUT.ONNX"),
    ],
    data: Annotated[
        Path | None, typer.Option(help="Data set to check on.", show_default="the run's own")
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            help="What the model shall say, where it learned both: labels or votes.",
            show_default="labels, where it learned them",
        ),
    ] = None,
    prior: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            help="The share of the class frequencies in training that the model itself takes out.",
        ),
    ] = 0.0,
    int8: Annotated[
        bool,
        typer.Option("--int8", help="Compute in 8 bits: a smaller, faster file, checked on val."),
    ] = False,
) -> None:
    """Export a checkpoint to one self-describing ONNX file.

    On the val split the temperature and the threshold of "uncertain" are fitted, and the file is
    compared with the network it came from: nothing is written where they disagree. With --int8 the
    ranges of the activations are measured on faces of the train split.
    """
    try:
        from livefer.train.checkpoint import load_checkpoint
        from livefer.train.config import parse_config
        from livefer.train.export import export as export_model
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"livefer export ({error.name})", "train") from None
    from livefer.data.dataset import read_dataset
    from livefer.data.votes import read_votes, voted_on
    from livefer.errors import DatasetError

    check_checkpoint(checkpoint)
    check_not_read([output], [checkpoint])
    meta = load_checkpoint(checkpoint)[1]
    try:
        dataset = read_dataset(data or meta["config"]["data"])
        val = dataset.split("val")
    except DatasetError as error:
        raise DatasetError(
            f"{error}; name the data that the export is checked on: --data"
        ) from None
    if list(dataset.classes) != meta["classes"]:
        raise DatasetError(
            f"{dataset.root} has the classes {', '.join(dataset.classes)}, the checkpoint "
            f"{', '.join(meta['classes'])}: name the data it was trained on with --data"
        )
    heads = parse_config(meta["config"], str(checkpoint)).heads
    labels = labels or heads[0]
    if labels not in heads:
        raise ConfigError(f"{checkpoint} has learned {' and '.join(heads)}, not {labels}")
    if labels == "votes":
        val = voted_on(val, read_votes(meta["config"]["votes"], val, dataset.classes))
    if int8:
        from livefer.train.quantize import export_int8

        train = dataset.split("train")
        described = export_int8(checkpoint, output, train, val, labels, prior)
        found = json.loads(described["metrics"])
        against = found["against_float"]
        equal = (
            f"{against['same_labels']:.1%} of the labels on val as in float "
            f"({against['float_accuracy']:.2%} accuracy), probabilities within "
            f"{against['mean_difference']:.4f} on average"
        )
    else:
        described = export_model(checkpoint, output, val, labels, prior)
        found = json.loads(described["metrics"])
        equal = "equal to the checkpoint within 1e-4"
    sys.stderr.write(
        f"wrote {output} ({output.stat().st_size / 1e6:.1f} MB): {equal}; "
        f"val accuracy {found['accuracy']:.2%}, temperature "
        f"{described['temperature']}, uncertain below {described['uncertain_below']}\n"
    )
