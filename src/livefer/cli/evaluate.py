"""`livefer evaluate`: a model's figures on labelled faces or photographs.

The tables are in `livefer.cli.report_tables`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from numpy.typing import NDArray

from livefer.classifier import DEFAULT_MODEL, EmotionClassifier
from livefer.cli.console import print_hint, stderr
from livefer.cli.files import (
    check_checkpoint,
    check_not_read,
    check_writable,
    use_matplotlib,
    write_json,
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
from livefer.data import hygiene
from livefer.data.dataset import ALL, Dataset, Split, read_dataset
from livefer.data.framing import framing_note
from livefer.data.photos import Photos, read_photos
from livefer.data.votes import read_votes
from livefer.detection.detectors import make_detector
from livefer.drawing.sheet import square_view
from livefer.errors import ConfigError
from livefer.evaluation.gallery import Show, mistakes_picture
from livefer.evaluation.groups import measure_groups, read_columns
from livefer.evaluation.photographs import PhotoScores, measure_photos, photo_lists
from livefer.evaluation.plots import write_plots
from livefer.evaluation.predict import (
    TTA_SHIFTS_PX,
    Predict,
    all_classes,
    match_classes,
    predict_split,
    with_tta,
)
from livefer.evaluation.report import compare, measure
from livefer.faces.boxes import crop_boxes
from livefer.formatting import printable
from livefer.media.pictures import read_image, write_image
from livefer.system.atomic import noting


class Labels(str, Enum):
    """Ground truth."""

    DATASET = "dataset"
    VOTES = "votes"


_MODELS = {Labels.DATASET: "fer2013", Labels.VOTES: "human"}
"""The shipped model that learned from these labels."""

_VIEW_SCALE, _VIEW_PX = 1.3, 132  # of a face in the gallery: the crop with some of its surroundings


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
    one = _load_model(model, prior) if checkpoint is None else _load_checkpoint(checkpoint, labels)
    other = None if against is None else _load_any(against, labels)
    first, *others = detector or ["auto"]
    if photos is not None:
        subject = _read_photos(photos, first, one)
    else:
        subject = _read_data(Path(data or ""), split, [one, *([other] if other else [])])
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


class _Loaded(NamedTuple):
    """A model or checkpoint; below `uncertain_below` its answers are uncertain.

    config: returns the configuration of its training, empty if that is unknown
    """

    predict: Predict
    classes: tuple[str, ...]
    name: str
    config: Callable[[], dict[str, Any]]
    uncertain_below: float | None = None
    prior: float | None = None
    crop_scale: float = 1.0


def _load_any(source: str, labels: Labels) -> _Loaded:
    """Load a checkpoint if the name is one's, else a model."""
    if source.endswith(".safetensors") or Path(source).is_dir():
        return _load_checkpoint(Path(source), labels)
    return _load_model(source, None)


def _load_model(model: str | None, prior: float | None) -> _Loaded:
    found = EmotionClassifier(model, prior=prior)
    return _Loaded(
        found.predict,
        found.classes,
        found.name if prior is None else f"{found.name}, prior {prior:g}",
        lambda: dict(json.loads(found.metadata.get("config", "{}"))),
        found.uncertain_below,
        found.prior,
        found.crop_scale,
    )


def _load_checkpoint(path: Path, labels: Labels) -> _Loaded:
    # Not at the top: models are measured without the train extra.
    from livefer.train.checkpoint import heads_of, load_checkpoint, load_predictor

    check_checkpoint(path)
    if labels is Labels.VOTES and "votes" in heads_of(path):
        predict, classes = load_predictor(path, "votes")
    else:
        predict, classes = load_predictor(path)
    name = f"{path.parent.name}/{path.stem}"
    return _Loaded(predict, classes, name, lambda: dict(load_checkpoint(path)[1]["config"]))


@dataclass(frozen=True, slots=True, eq=False)
class _Subject:
    """What a model is measured on.

    classes: of the targets
    shifts: the views of each face, as in `with_tta`; None is one view
    show: what a gallery shows of an image
    files: of all pictures, those of `part` first
    notes: lines for the end
    """

    part: Split
    classes: tuple[str, ...]
    title: str
    show: Show
    files: tuple[str, ...]
    notes: list[str]
    n_unreadable: int
    shifts: Sequence[tuple[int, int]] | None = None
    twins: NDArray[np.bool_] | None = None
    is_readable: NDArray[np.bool_] | None = None
    photos: Photos | None = None


def _read_data(data: Path, split: str | None, models: Sequence[_Loaded]) -> _Subject:
    with progress_bar("reading pictures") as progress:
        dataset = read_dataset(data, progress=progress)
    notes = []
    if split is None:
        is_held_out = dataset.has_splits or any(_was_trained_on(m, dataset) for m in models)
        split = "val" if is_held_out else ALL
        if split == ALL:
            notes.append(
                f"{data} has no splits, so all of it was measured; --split val measures the tenth "
                "that livefer train holds out"
            )
    part = dataset.split(split)
    if n := len(dataset.unreadable):
        notes.append(f"{n} unreadable files were left out: livefer data {data} lists them")
    notes += [f"left out: {path}: {reason}" for path, reason in dataset.ignored]
    with stderr().status("looking at pictures"):
        loose = framing_note(dataset)
    notes += [f"{loose}; evaluate --photos does so by itself"] if loose else []
    return _Subject(
        part,
        dataset.classes,
        f"{part.name} of {data}",
        lambda i: part.faces[i],
        part.files,
        notes,
        len(dataset.unreadable),
        twins=_twins(dataset, split),
    )


def _was_trained_on(model: _Loaded, dataset: Dataset) -> bool:
    """Say whether a model learned from this data set, as far as its configuration tells."""
    named = model.config().get("data")
    if not named:
        return False
    return dataset.root.resolve().is_relative_to(Path(os.path.expanduser(named)).resolve())


def _read_photos(root: Path, given: str, model: _Loaded) -> _Subject:
    root = Path(os.path.expanduser(root))
    detector = make_detector(given)
    with progress_bar("finding faces") as progress:
        found = read_photos(root, model.classes, detector, model.crop_scale, progress)
    notes = [f"left out: {path}: {reason}" for path, reason in found.ignored]
    notes += [f"cannot be read: {reason}" for _, reason in found.unreadable]
    notes += [f"no face: {file}" for file in found.missed.files]
    print_hint(detector)

    def show(i: int) -> NDArray[np.uint8]:
        box = crop_boxes(found.squares[[i]], _VIEW_SCALE)[0].tolist()
        return square_view(read_image(root / found.split.files[i]), box, _VIEW_PX)

    return _Subject(
        found.split,
        found.classes,
        f"{root}",
        show,
        (*found.split.files, *found.missed.files),
        notes,
        len(found.unreadable),
        ((0, 0),),  # livefer answers of a picture with the mean over a face and its mirror image
        is_readable=found.is_readable,
        photos=found,
    )


def _with_detectors(
    detectors: Sequence[str],
    root: Path,
    model: _Loaded,
    classes: tuple[str, ...],
    shifts: Sequence[tuple[int, int]] | None,
) -> list[PhotoScores]:
    """Return what a model makes of the faces that each detector finds."""
    scores = []
    for name in detectors:
        subject = _read_photos(root, name, model)
        answers = _predict(model, subject.part, classes, shifts).argmax(axis=1)
        assert subject.photos is not None
        scores.append(measure_photos(subject.photos, answers == subject.part.targets))
    return scores


def _predict(
    model: _Loaded,
    part: Split,
    classes: tuple[str, ...],
    shifts: Sequence[tuple[int, int]] | None,
) -> NDArray[np.float32]:
    predict = match_classes(model.predict, model.classes, classes, columns=classes)
    with progress_bar("evaluating") as progress:
        run = with_tta(predict, shifts) if shifts else predict
        return predict_split(run, part, classes, progress)


def _twins(dataset: Dataset, split: str) -> NDArray[np.bool_] | None:
    """Return which images of a split have a copy or near copy in train; None for train itself."""
    if split in ("train", ALL) or "train" not in dataset.splits:
        return None
    with stderr().status("looking for twins in train"):
        return hygiene.twins(dataset.split(split).faces, dataset.splits["train"].faces)
