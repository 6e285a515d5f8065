"""`livefer evaluate`: a model's figures on a split, as tables, JSON and pictures."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from livefer.cli.shared import (
    MODEL_HELP,
    PriorOption,
    check_checkpoint,
    check_not_read,
    check_writable,
    use_matplotlib,
    write_text,
)
from livefer.errors import ConfigError, MissingExtraError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from rich.console import Console
    from rich.table import Table

    from livefer.evaluation.predict import Predict
    from livefer.evaluation.report import Difference, Report, Share


class Labels(str, Enum):
    """What `--labels` can be."""

    DATASET = "dataset"
    VOTES = "votes"


_MODELS = {Labels.DATASET: "fer2013", Labels.VOTES: "human"}
"""The shipped model that learned from them."""


class _Loaded(NamedTuple):
    """What predicts, its class names, what to call it, and below what it is uncertain."""

    predict: Predict
    classes: tuple[str, ...]
    name: str
    uncertain_below: float | None


def evaluate(
    data: Annotated[
        Path, typer.Option(metavar="DIR", help="The data set, as `livefer data` takes it.")
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
        typer.Option(help="A training checkpoint instead of a model; needs the train extra."),
    ] = None,
    labels: Annotated[
        Labels,
        typer.Option(
            help="What is right: the data set's own labels, or what most of those saw who voted "
            "on each image (needs --votes)."
        ),
    ] = Labels.DATASET,
    votes: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A CSV of votes: file, and a column a class; or FER+'s."),
    ] = None,
    prior: PriorOption = None,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Compare with this model or checkpoint, on the same images; its own prior counts.",
        ),
    ] = None,
    as_json: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write all figures as JSON.")
    ] = None,
    plots: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Write confusion, reliability and risk-coverage.png there."
        ),
    ] = None,
    tta: Annotated[
        bool, typer.Option("--tta", help="Average ten views of each face: shifted and mirrored.")
    ] = False,
) -> None:
    """Measure a model on labelled faces.

    Accuracy, also without the images that have a copy or near copy in train;
    balanced accuracy, macro-F1 and calibration; how often it answers and is
    right then; each class; and what is taken for what. Intervals are 95 %.
    """
    from rich.console import Console

    from livefer.cli.progress import progress_bar
    from livefer.data import hygiene
    from livefer.data.dataset import read_dataset
    from livefer.data.votes import read_votes
    from livefer.drawing.figures import save_picture
    from livefer.evaluation import plots as drawings
    from livefer.evaluation import predict as evaluation
    from livefer.evaluation.report import compare, measure

    if model and checkpoint:
        raise ConfigError("--model and --checkpoint were both given: choose one")
    if checkpoint and prior is not None:
        raise ConfigError("--prior needs a model, which knows its classes' frequencies: export it")
    if labels is Labels.VOTES and votes is None:
        raise ConfigError("--labels votes needs the votes: --votes FILE")
    if votes is not None and labels is not Labels.VOTES:
        raise ConfigError("--votes changes nothing without --labels votes: add it")
    check_not_read([as_json], filter(None, (model, checkpoint, votes, against)))
    if as_json:
        check_writable(as_json)
    if plots:
        use_matplotlib()
        check_writable(plots / "confusion.png")
    one = _load(model, checkpoint, prior, labels)
    other = None if against is None else _load_any(against, labels)
    with progress_bar("reading pictures") as progress:
        dataset = read_dataset(data, progress=progress)
    part = dataset.split(split)
    crowd = None if votes is None else read_votes(votes, part, dataset.classes)
    name = f"{one.name}, ten views" if tta else one.name

    def run(model: _Loaded) -> NDArray[np.float32]:
        predict = evaluation.match_classes(
            model.predict, model.classes, dataset.classes, model.name
        )
        with progress_bar("evaluating") as progress:
            return evaluation.predict_split(
                evaluation.with_tta(predict) if tta else predict, part, dataset.classes, progress
            )

    stderr = Console(stderr=True)
    twins = None
    if split != "train" and "train" in dataset.splits:
        with stderr.status("looking for twins in train"):
            twins = hygiene.twins(part.faces, dataset.splits["train"].faces)
    probabilities = run(one)
    report = measure(probabilities, part, dataset.classes, twins, crowd, one.uncertain_below)
    difference = None if other is None else compare(probabilities, run(other), part, crowd)

    stdout = Console(highlight=False)
    _print(stdout, report, f"{name} on {split} of {data}")
    if other and difference:
        _print_difference(stdout, difference, other.name)
    if n := len(dataset.unreadable):
        stderr.print(
            f"{n} unreadable files were left out: livefer data {data} lists them", markup=False
        )
    if as_json:
        about = {"model": name, "data": str(data), "tta": tta, "n_unreadable": n, "prior": prior}
        if other and difference:
            about["against"] = {"model": other.name, **asdict(difference)}
        write_text(as_json, json.dumps(about | report.to_dict(), indent=2) + "\n")
        sys.stderr.write(f"wrote {as_json}\n")
    if plots:
        for stem, draw in (
            ("confusion", drawings.confusion_picture),
            ("reliability", drawings.reliability_picture),
            ("risk-coverage", drawings.risk_coverage_picture),
        ):
            path = plots / f"{stem}.png"
            save_picture(draw(report, name), path)
            sys.stderr.write(f"wrote {path}\n")


def _load_any(source: str, labels: Labels) -> _Loaded:
    """Load a checkpoint if its name says so, or else a model."""
    if source.endswith(".safetensors") or Path(source).is_dir():
        return _load(None, Path(source), None, labels)
    return _load(source, None, None, labels)


def _load(
    model: str | None, checkpoint: Path | None, prior: float | None, labels: Labels
) -> _Loaded:
    if checkpoint is None:
        from livefer.classifier import EmotionClassifier

        classifier = EmotionClassifier(model or _MODELS[labels], prior=prior)
        name = classifier.name if prior is None else f"{classifier.name}, prior {prior:g}"
        return _Loaded(classifier.predict, classifier.classes, name, classifier.uncertain_below)
    try:
        from livefer.train.checkpoint import heads_of, load_predictor
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"--checkpoint ({error.name})", "train") from None
    check_checkpoint(checkpoint)
    if labels is Labels.VOTES and "votes" in heads_of(checkpoint):
        predict, classes = load_predictor(checkpoint, "votes")
    else:
        predict, classes = load_predictor(checkpoint)
    return _Loaded(predict, classes, f"{checkpoint.parent.name}/{checkpoint.stem}", None)


def _print(console: Console, report: Report, title: str) -> None:
    from rich.markup import escape

    console.print(f"[bold]{escape(title)}[/] · {report.accuracy.n_images:,} images", soft_wrap=True)
    if report.labels == "votes":
        words = f"{report.n_left_out:,} images where that is no class are left out"
        console.print(f"[dim]right is what most people voted; {words}[/]")
    console.print()
    console.print(_figures_table(report))
    console.print()
    console.print(_class_table(report))
    if confusions := report.confusions():
        console.print()
        for confusion in confusions:
            of = int(report.matrix[report.classes.index(confusion.true)].sum())
            console.print(f"{escape(str(confusion))} [dim]({confusion.count:,} of {of:,})[/]")


def _print_difference(console: Console, difference: Difference, other: str) -> None:
    from rich.markup import escape

    low, high = (f"{100 * value:+.1f}" for value in (difference.low, difference.high))
    is_open = ", which has 0 in it" if difference.low <= 0 <= difference.high else ""
    console.print(
        f"\nagainst [bold]{escape(other)}[/]: {100 * difference.value:+.1f} points of accuracy "
        f"(95 % interval {low} to {high}{is_open})\n"
        f"[dim]right here and wrong there: {difference.n_only_here:,} images; the other way "
        f"round: {difference.n_only_there:,}[/]",
        soft_wrap=True,
    )


def _figures_table(report: Report) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("")
    table.add_column("", justify="right")
    table.add_column("95 % interval", justify="right")
    table.add_column("", style="dim")
    low, high = report.macro_f1_interval
    table.add_row("accuracy", *_with_interval(report.accuracy))
    if without := report.without_twins:
        words = f"{without.n_images:,} without a copy in train"
        table.add_row("  without twins", *_with_interval(without), words)
    if crowd := report.crowd:
        words = f"{crowd.agreed.n_images:,} where over half agree"
        table.add_row("  where they agree", *_with_interval(crowd.agreed), words)
    table.add_row("balanced accuracy", _percent(report.balanced_accuracy), "", "mean recall")
    table.add_row("macro-F1", _percent(report.macro_f1), _interval(low, high), "mean F1")
    table.add_row("NLL", f"{report.nll:.3f}", "", "lower is better")
    if crowd:
        words = f"{crowd.entropy:.3f} is the least possible"
        table.add_row("against all votes", f"{crowd.cross_entropy:.3f}", "", words)
    table.add_row(
        "ECE", _percent(report.ece), "", f"{_percent(report.ece_by_chance)} by chance alone"
    )
    if halves := report.held_out:
        table.add_row("  held out", _percent(halves.ece), "", "temperature from the other half")
    table.add_row("AURC", f"{report.risk.aurc:.3f}", "", "mean risk of the surest")
    if answers := report.answers:
        words = f"{_percent(answers.coverage)} get an answer"
        table.add_row("right if not uncertain", *_with_interval(answers.right), words)
    return table


def _class_table(report: Report) -> Table:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    from livefer.labels import colour_bgr

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("class")
    for name in ("images", "precision", "recall", "F1", ""):
        table.add_column(name, justify="right" if name else "left")
    for scores in report.per_class:
        blue, green, red = colour_bgr(scores.name, report.classes)
        bar = "" if math.isnan(scores.f1) else "█" * round(18 * scores.f1)
        table.add_row(
            escape(scores.name),
            f"{scores.support:,}",
            *map(_percent, (scores.precision, scores.recall, scores.f1)),
            f"[rgb({red},{green},{blue})]{bar}[/]",
        )
    return table


def _with_interval(share: Share) -> tuple[str, str]:
    return _percent(share.value), _interval(share.low, share.high)


def _interval(low: float, high: float) -> str:
    return f"{100 * low:.1f}–{100 * high:.1f} %"


def _percent(share: float) -> str:
    return "–" if math.isnan(share) else f"{100 * share:.1f} %"
