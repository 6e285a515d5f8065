"""`livefer evaluate`: a model's figures on a split, as tables, JSON and pictures."""

from __future__ import annotations

import math
import sys
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from numpy.typing import NDArray
from rich.markup import escape
from rich.table import Column, Table

from livefer.classifier import EmotionClassifier
from livefer.cli.console import class_bar, new_table, stderr, stdout
from livefer.cli.files import (
    check_checkpoint,
    check_not_read,
    check_writable,
    use_matplotlib,
    write_json,
)
from livefer.cli.options import MODEL_HELP, JsonFileOption, PriorOption
from livefer.cli.progress import progress_bar
from livefer.data import hygiene
from livefer.data.dataset import Dataset, Split, read_dataset
from livefer.data.votes import read_votes
from livefer.errors import ConfigError
from livefer.evaluation.plots import write_plots
from livefer.evaluation.predict import (
    Predict,
    all_classes,
    match_classes,
    predict_split,
    with_tta,
)
from livefer.evaluation.report import Difference, Report, Share, compare, measure
from livefer.formatting import count
from livefer.system.atomic import noting


class Labels(str, Enum):
    """Ground truth."""

    DATASET = "dataset"
    VOTES = "votes"


_MODELS = {Labels.DATASET: "fer2013", Labels.VOTES: "human"}
"""The shipped model that learned from these labels."""


def evaluate(
    data: Annotated[
        Path, typer.Option(metavar="DIR", help="The data set, in any layout of `livefer data`.")
    ],
    split: Annotated[
        str, typer.Option(help="train, val or test. FER2013: val is PublicTest, test PrivateTest.")
    ] = "val",
    model: Annotated[
        str | None,
        typer.Option(
            help=MODEL_HELP, show_default="fer2013; with --labels votes human", metavar="MODEL"
        ),
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            help="Measure a training checkpoint instead of a model; needs the train extra.",
            metavar="FILE",
        ),
    ] = None,
    labels: Annotated[
        Labels,
        typer.Option(
            help="Ground truth: the labels of the data set, or the majority of the --votes on "
            "each image."
        ),
    ] = Labels.DATASET,
    votes: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A CSV with a `file` column and a column for each class, or FER+'s table.",
        ),
    ] = None,
    prior: PriorOption = None,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Compare with this model or checkpoint, with its own prior, on the same images.",
        ),
    ] = None,
    as_json: JsonFileOption = None,
    plots: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Write confusion.png, reliability.png and risk-coverage.png there."
        ),
    ] = None,
    tta: Annotated[
        bool, typer.Option("--tta", help="Average ten views of each face, shifted and mirrored.")
    ] = False,
) -> None:
    """Measure a model on labelled faces.

    Prints accuracy (also without images that have a copy or near copy in train), balanced accuracy,
    macro-F1 and calibration; the share of faces that get an answer, and the accuracy of those
    answers; the figures of each class; and the most frequent confusions. Intervals are 95 %.
    """
    _check(model, checkpoint, labels, votes, prior)
    check_not_read([as_json], filter(None, (model, checkpoint, votes, against)))
    if as_json:
        check_writable(as_json)
    if plots:
        use_matplotlib()
        check_writable(plots / "confusion.png")
    one = (
        _load_model(model or _MODELS[labels], prior)
        if checkpoint is None
        else _load_checkpoint(checkpoint, labels)
    )
    other = None if against is None else _load_any(against, labels)
    with progress_bar("reading pictures") as progress:
        dataset = read_dataset(data, progress=progress)
    part, classes = dataset.split(split), all_classes(one.classes, dataset.classes, one.name)
    crowd = None if votes is None else read_votes(votes, part, classes)
    twins = _twins(dataset, split)
    probabilities = _predict(one, part, classes, tta)
    report = measure(probabilities, part, classes, twins, crowd, one.uncertain_below)

    name = f"{one.name}, ten views" if tta else one.name
    about: dict[str, Any] = {"model": name, "data": str(data), "tta": tta}
    about |= {"n_unreadable": len(dataset.unreadable), "prior": prior}
    _print(report, f"{name} on {split} of {data}")
    if other:
        theirs = all_classes(other.classes, dataset.classes, other.name)
        columns = (*classes, *(c for c in theirs if c not in classes))
        difference = compare(probabilities, _predict(other, part, columns, tta), part, crowd)
        about["against"] = {"model": other.name, **asdict(difference)}
        _print_difference(difference, other.name)
    if n := len(dataset.unreadable):
        sys.stderr.write(f"{n} unreadable files were left out: livefer data {data} lists them\n")
    for ignored, reason in dataset.ignored:
        sys.stderr.write(f"left out: {ignored}: {reason}\n")
    written, errors = list[Path](), list[str]()
    if as_json:
        with noting(errors):
            write_json(as_json, about | report.to_dict())
            written.append(as_json)
    written += write_plots(report, name, plots, errors) if plots else []
    sys.stderr.writelines(f"wrote {path}\n" for path in written)
    sys.stderr.writelines(f"{error}\n" for error in errors)
    if errors:
        raise typer.Exit(1)


def _check(
    model: str | None,
    checkpoint: Path | None,
    labels: Labels,
    votes: Path | None,
    prior: float | None,
) -> None:
    """Raise ConfigError for options that do not fit together."""
    if model and checkpoint:
        raise ConfigError("--model and --checkpoint were both given: choose one")
    if checkpoint and prior is not None:
        raise ConfigError("--prior needs a model, which knows its classes' frequencies: export it")
    if labels is Labels.VOTES and votes is None:
        raise ConfigError("--labels votes needs the votes: --votes FILE")
    if votes is not None and labels is not Labels.VOTES:
        raise ConfigError("--votes changes nothing without --labels votes: add it")


class _Loaded(NamedTuple):
    """A model or checkpoint; below `uncertain_below` its answers are uncertain."""

    predict: Predict
    classes: tuple[str, ...]
    name: str
    uncertain_below: float | None = None


def _load_any(source: str, labels: Labels) -> _Loaded:
    """Load a checkpoint if the name is one's, else a model."""
    if source.endswith(".safetensors") or Path(source).is_dir():
        return _load_checkpoint(Path(source), labels)
    return _load_model(source, None)


def _load_model(model: str | None, prior: float | None) -> _Loaded:
    found = EmotionClassifier(model, prior=prior)
    name = found.name if prior is None else f"{found.name}, prior {prior:g}"
    return _Loaded(found.predict, found.classes, name, found.uncertain_below)


def _load_checkpoint(path: Path, labels: Labels) -> _Loaded:
    # Not at the top: models are measured without the train extra.
    from livefer.train.checkpoint import heads_of, load_predictor

    check_checkpoint(path)
    if labels is Labels.VOTES and "votes" in heads_of(path):
        predict, classes = load_predictor(path, "votes")
    else:
        predict, classes = load_predictor(path)
    return _Loaded(predict, classes, f"{path.parent.name}/{path.stem}")


def _predict(
    model: _Loaded, part: Split, classes: tuple[str, ...], tta: bool
) -> NDArray[np.float32]:
    predict = match_classes(model.predict, model.classes, classes, columns=classes)
    with progress_bar("evaluating") as progress:
        return predict_split(with_tta(predict) if tta else predict, part, classes, progress)


def _twins(dataset: Dataset, split: str) -> NDArray[np.bool_] | None:
    """Return which images of a split have a copy or near copy in train; None for train itself."""
    if split == "train" or "train" not in dataset.splits:
        return None
    with stderr().status("looking for twins in train"):
        return hygiene.twins(dataset.split(split).faces, dataset.splits["train"].faces)


def _print(report: Report, title: str) -> None:
    console = stdout()
    console.print(f"[bold]{escape(title)}[/] · {report.accuracy.n_images:,} images", soft_wrap=True)
    if report.labels == "votes":
        rest = count(report.n_left_out, "image")
        console.print(f"[dim]ground truth: majority vote; {rest} without a majority left out[/]")
    if absent := report.absent:
        console.print(f"[dim]no image of {escape(', '.join(absent))}: not in the means[/]")
    console.print()
    console.print(_figures_table(report))
    console.print()
    console.print(_class_table(report))
    if confusions := report.confusions():
        console.print()
        for confusion in confusions:
            of = int(report.matrix[report.classes.index(confusion.true)].sum())
            console.print(f"{escape(str(confusion))} [dim]({confusion.count:,} of {of:,})[/]")


def _print_difference(difference: Difference, other: str) -> None:
    low, high = (f"{100 * value:+.1f}" for value in (difference.low, difference.high))
    is_open = ", which includes 0" if difference.low <= 0 <= difference.high else ""
    stdout().print(
        f"\nagainst [bold]{escape(other)}[/]: {100 * difference.value:+.1f} points of accuracy "
        f"(95 % interval {low} to {high}{is_open})\n"
        f"[dim]right here and wrong there: {difference.n_only_here:,} images; the other way "
        f"round: {difference.n_only_there:,}[/]",
        soft_wrap=True,
    )


def _figures_table(report: Report) -> Table:
    table = new_table("", ">", "95 % interval>", Column(style="dim"))
    table.add_row("accuracy", *_with_interval(report.accuracy))
    if without := report.without_twins:
        note = f"{without.n_images:,} without a copy in train"
        table.add_row("  without twins", *_with_interval(without), note)
    if crowd := report.crowd:
        note = f"{crowd.agreed.n_images:,} where over half agree"
        table.add_row("  where they agree", *_with_interval(crowd.agreed), note)
    table.add_row("balanced accuracy", _percent(report.balanced_accuracy), "", "mean recall")
    interval = _interval(*report.macro_f1_interval)
    table.add_row("macro-F1", _percent(report.macro_f1), interval, "mean F1")
    table.add_row("NLL", f"{report.nll:.3f}", "", "lower is better")
    if crowd:
        note = f"{crowd.entropy:.3f} is the least possible"
        table.add_row("against all votes", f"{crowd.cross_entropy:.3f}", "", note)
    by_chance = f"{_percent(report.ece_by_chance)} by chance alone"
    table.add_row("ECE", _percent(report.ece), "", by_chance)
    if halves := report.held_out:
        table.add_row("  held out", _percent(halves.ece), "", "temperature from the other half")
    table.add_row("AURC", f"{report.risk.aurc:.3f}", "", "mean risk of the surest")
    if answers := report.answers:
        note = f"{_percent(answers.coverage)} get an answer"
        table.add_row("right if not uncertain", *_with_interval(answers.right), note)
    return table


def _class_table(report: Report) -> Table:
    table = new_table("class", "images>", "precision>", "recall>", "F1>", "")
    for scores in report.per_class:
        table.add_row(
            escape(scores.name),
            f"{scores.support:,}",
            *map(_percent, (scores.precision, scores.recall, scores.f1)),
            class_bar(0 if math.isnan(scores.f1) else scores.f1, scores.name, report.classes),
        )
    return table


def _with_interval(share: Share) -> tuple[str, str]:
    return _percent(share.value), _interval(share.low, share.high)


def _interval(low: float, high: float) -> str:
    return f"{100 * low:.1f}–{100 * high:.1f} %"


def _percent(share: float) -> str:
    return "–" if math.isnan(share) else f"{100 * share:.1f} %"
