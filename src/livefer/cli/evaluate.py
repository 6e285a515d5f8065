"""`livefer evaluate`: a model's figures on labelled faces or photographs.

`measured.py` loads models and faces; `report_tables.py` prints.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from livefer.classifier import DEFAULT_MODEL
from livefer.cli.files import check_not_read, check_writable, use_matplotlib, write_json
from livefer.cli.measured import (
    Labels,
    Measured,
    load_any,
    load_model,
    load_trained,
    read_data,
    read_photographs,
)
from livefer.cli.options import DETECTOR_HELP, MODEL_HELP, JsonFileOption, PriorOption
from livefer.cli.progress import progress_bar
from livefer.cli.report_tables import (
    print_detectors,
    print_difference,
    print_groups,
    print_photos,
    print_report,
)
from livefer.data.dataset import Split
from livefer.data.votes import read_votes
from livefer.errors import ConfigError
from livefer.evaluation.gallery import mistakes_picture
from livefer.evaluation.groups import measure_groups, read_columns
from livefer.evaluation.photographs import PhotoScores, measure_photos, photo_lists
from livefer.evaluation.plots import write_plots
from livefer.evaluation.predict import (
    TTA_SHIFTS_PX,
    all_classes,
    match_classes,
    predict_split,
    with_tta,
)
from livefer.evaluation.report import compare, measure
from livefer.formatting import printable
from livefer.media.pictures import write_image
from livefer.system.atomic import noting

_MODELS = {Labels.DATASET: "fer2013", Labels.VOTES: "human"}
"""The shipped model that learned from these labels."""


def evaluate(
    data: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="A data set of faces, in any layout of `livefer data`."),
    ] = None,
    photos: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Whole photographs instead, in folders called as the model's classes: the largest "
            "face of each is found, cut out and recognised as by `livefer image`.",
        ),
    ] = None,
    detector: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DETECTOR",
            help=f"For --photos; give it several times to compare. {DETECTOR_HELP}",
            show_default="auto",
        ),
    ] = None,
    by: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.CSV",
            help="Also measure groups: a row for each picture or participant. The first column is "
            "how files or folders name it; each other column (age, sex) makes groups.",
        ),
    ] = None,
    cut: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=N,N",
            help="Where the groups of a column of numbers begin, as in age=25,35.",
            show_default="three groups of about equal size",
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            help="train, val, test or all. FER2013: val is PublicTest, test PrivateTest.",
            show_default="val; all of a folder without splits that the model was not trained on",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help=MODEL_HELP,
            show_default="fer2013; with --photos or --labels votes human",
            metavar="MODEL",
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
            metavar="DIR",
            help="Write confusion.png, reliability.png, risk-coverage.png and mistakes.jpg there.",
        ),
    ] = None,
    tta: Annotated[
        bool, typer.Option("--tta", help="Average ten views of each face, shifted and mirrored.")
    ] = False,
) -> None:
    """Measure a model on labelled faces or photographs.

    Of a data set: accuracy (also without images that have a copy or near copy in train), balanced
    accuracy, macro-F1 and calibration; the share of faces that get an answer, and the accuracy of
    those answers; the figures of each class; and the most frequent confusions.

    Of photographs: in how many a face is found, and how many of those are right, class by class.
    Photographs without a face are named, and are no mistakes of the model. Intervals are 95 %.
    """
    _check(model, checkpoint, labels, votes, prior)
    _check_photos(data, photos, detector, by, cut, split, labels)
    check_not_read([as_json], filter(None, (model, checkpoint, votes, against, by)))
    if as_json:
        check_writable(as_json)
    if plots:
        use_matplotlib()
        check_writable(plots / "confusion.png")
    if model is None:
        model = DEFAULT_MODEL if photos else _MODELS[labels]
    one = load_model(model, prior) if checkpoint is None else load_trained(checkpoint, labels)
    other = None if against is None else load_any(against, labels)
    first, *others = detector or ["auto"]
    if photos is not None:
        subject = read_photographs(photos, first, one)
    else:
        subject = read_data(Path(data or ""), split, [one, *([other] if other else [])])
    part, classes = subject.part, all_classes(one.classes, subject.classes, one.name)
    crowd = None if votes is None else read_votes(votes, part, classes)
    columns = [] if by is None else read_columns(by, subject.files, _parse_cuts(cut))
    shifts = TTA_SHIFTS_PX if tta else subject.shifts
    probabilities = _predict(one, part, classes, shifts)
    report = measure(
        probabilities, part, classes, subject.twins, crowd, one.uncertain_below, subject.is_readable
    )
    right = probabilities.argmax(axis=1) == part.targets

    name = f"{one.name}, ten views" if tta else one.name
    title = f"{name} on {subject.title}"
    about: dict[str, Any] = {"model": name, "data": str(photos or data), "tta": tta}
    about |= {"n_unreadable": subject.n_unreadable, "prior": one.prior}
    if subject.photos is None:
        print_report(report, title)
    else:
        scores = [measure_photos(subject.photos, right)]
        print_photos(report, subject.photos, scores[0], title)
        if others:
            scores += _with_detectors(others, Path(photos or ""), one, classes, shifts)
            print_detectors(scores)
        about["detectors"] = [of_one.to_dict() for of_one in scores]
        about["photos"] = photo_lists(subject.photos, probabilities, classes)
    if other:
        theirs = all_classes(other.classes, subject.classes, other.name)
        wide = (*classes, *(c for c in theirs if c not in classes))
        difference = compare(probabilities, _predict(other, part, wide, shifts), part, crowd)
        about["against"] = {"model": other.name, **asdict(difference)}
        print_difference(difference, other.name)
    for column in columns:
        groups = measure_groups(column, right, part.targets, classes)
        print_groups(column.name, groups)
        by_name = about.setdefault("groups", {}).setdefault(column.name, {})
        by_name |= {group.label: group.to_dict() for group in groups}
    sys.stderr.writelines(f"{printable(note)}\n" for note in subject.notes)
    errors = list[str]()
    if as_json:
        with noting(errors):
            write_json(as_json, about | report.to_dict())
            sys.stderr.write(f"wrote {as_json}\n")
    if plots:
        written = write_plots(report, name, plots, errors)
        with noting(errors):
            sheet = mistakes_picture(probabilities, part, report, title, subject.show)
            write_image(plots / "mistakes.jpg", sheet)
            written.append(plots / "mistakes.jpg")
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


def _check_photos(
    data: Path | None,
    photos: Path | None,
    detector: list[str] | None,
    by: Path | None,
    cut: list[str] | None,
    split: str | None,
    labels: Labels,
) -> None:
    """Raise ConfigError for options that do not fit --data, --photos or --by."""
    if (data is None) == (photos is None):
        raise ConfigError(
            "expected either --data DIR, a data set of cut-out faces, or --photos DIR, whole "
            "photographs in class folders"
        )
    if photos and (split or labels is Labels.VOTES):
        raise ConfigError("--split and --labels votes are for --data: photographs have neither")
    if detector and not photos:
        raise ConfigError("--detector is for --photos: the pictures of --data are faces already")
    if cut and by is None:
        raise ConfigError("--cut needs the table with its column: --by FILE.CSV")
    if by is not None and labels is Labels.VOTES:
        raise ConfigError("--by counts the labels of the data set: leave out --labels votes")
    if by is not None and not by.is_file():
        raise ConfigError(f"--by {by} is no file: expected a CSV with a header")


def _parse_cuts(cuts: Sequence[str] | None) -> dict[str, list[float]]:
    """Return where the groups of columns begin, of texts such as "age=25,35"."""
    parsed = {}
    for text in cuts or ():
        name, _, numbers = text.rpartition("=")
        try:
            parsed[name] = [float(number) for number in numbers.split(",")]
        except ValueError:
            name = ""
        if not name:
            raise ConfigError(f"--cut {text}: expected COLUMN=NUMBER,NUMBER as in age=25,35")
    return parsed


def _with_detectors(
    detectors: Sequence[str],
    root: Path,
    model: Measured,
    classes: tuple[str, ...],
    shifts: Sequence[tuple[int, int]] | None,
) -> list[PhotoScores]:
    """Return what a model makes of the faces that each detector finds."""
    scores = []
    for name in detectors:
        subject = read_photographs(root, name, model)
        answers = _predict(model, subject.part, classes, shifts).argmax(axis=1)
        assert subject.photos is not None
        scores.append(measure_photos(subject.photos, answers == subject.part.targets))
    return scores


def _predict(
    model: Measured,
    part: Split,
    classes: tuple[str, ...],
    shifts: Sequence[tuple[int, int]] | None,
) -> NDArray[np.float32]:
    predict = match_classes(model.predict, model.classes, classes, columns=classes)
    with progress_bar("evaluating") as progress:
        run = with_tta(predict, shifts) if shifts else predict
        return predict_split(run, part, classes, progress)
