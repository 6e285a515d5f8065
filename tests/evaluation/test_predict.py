"""A report agrees with the predictions it is made from; pictures and words say the same."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from builders import make_faces, make_split, write_folders
from numpy.typing import NDArray
from typer.testing import CliRunner

from livefer import labels
from livefer.cli import app
from livefer.data.dataset import Dataset, Split
from livefer.data.votes import Votes
from livefer.drawing.figures import save_picture
from livefer.errors import ConfigError, DatasetError, LiveferError, ModelError
from livefer.evaluation import calibration, metrics, plots
from livefer.evaluation.predict import Predict, match_classes, predict_split, shifted, with_tta
from livefer.evaluation.report import Report, compare, measure

CLASSES = ("angry", "fear", "sad")


def oracle(
    split: Split, answers: list[int], n_classes: int = 3, confidence: float = 0.8
) -> Predict:
    """A model that gives the i-th face of the split the i-th answer, wherever it meets it."""
    by_face = {face.tobytes(): answer for face, answer in zip(split.faces, answers, strict=True)}

    def predict(faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        rest = (1 - confidence) / (n_classes - 1)
        found = np.full((len(faces), n_classes), rest, np.float32)
        for row, face in zip(found, faces, strict=True):
            row[by_face[face.tobytes()]] = confidence
        return found

    return predict


def mean_of_corner(faces: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A model that is neither symmetric nor indifferent to shifts."""
    dark = faces[:, :20, :24].mean(axis=(1, 2)) / 255
    return np.stack([dark, 1 - dark], axis=1).astype(np.float32)


#            true:  3 angry,  5 fear,         2 sad
TARGETS = [0, 0, 0, 1, 1, 1, 1, 1, 2, 2]
ANSWERS = [0, 0, 1, 1, 1, 2, 2, 2, 2, 1]


def evaluate(
    predict: Predict,
    split: Split,
    classes: tuple[str, ...] = CLASSES,
    twins: NDArray[np.bool_] | None = None,
    votes: Votes | None = None,
) -> Report:
    return measure(predict_split(predict, split, classes), split, classes, twins, votes)


def make_report(twins: NDArray[np.bool_] | None = None) -> Report:
    split = make_split(TARGETS)
    return evaluate(oracle(split, ANSWERS), split, CLASSES, twins)


def test_report() -> None:
    report = make_report()
    assert report.accuracy.value == 0.5
    assert report.accuracy.n_images == 10
    assert (report.accuracy.low, report.accuracy.high) == metrics.wilson_interval(5, 10)
    assert report.matrix.tolist() == [[2, 1, 0], [0, 2, 3], [0, 1, 1]]
    assert report.without_twins is None
    fear = report.per_class[1]
    assert (fear.name, fear.support, fear.precision, fear.recall) == ("fear", 5, 0.5, 0.4)
    assert report.ece == pytest.approx(0.3, abs=1e-6)  # sure by 0.8, right by half
    assert report.macro_f1_interval[0] < report.macro_f1 < report.macro_f1_interval[1]


def test_confusions_in_words() -> None:
    words = [str(confusion) for confusion in make_report().confusions(2)]
    assert words == ["fear taken for sad: 60 %", "sad taken for fear: 50 %"]
    assert len(make_report().confusions(10)) == 3


def test_images_with_a_twin_in_train_can_be_left_out() -> None:
    twins = np.array([True, True, False, True, True, False, False, False, True, False])
    report = make_report(twins)
    assert report.without_twins is not None
    assert (report.without_twins.value, report.without_twins.n_images) == (0, 5)
    assert report.accuracy == make_report().accuracy


# The votes agree with the answers on six of the eight images that have a majority.
SHARES = [[1, 0, 0]] * 3 + [[0, 1, 0]] * 2 + [[0, 0, 1]] * 3 + [[0.5, 0, 0.5], [0, 0, 0]]
MAJORITY = [0, 0, 0, 1, 1, 2, 2, 0, -1, -1]


def make_votes() -> Votes:
    weight = np.array([1] * 8 + [0.5, 0], np.float32)
    majority = np.array(MAJORITY, np.int64)
    return Votes(np.array(SHARES, np.float32), weight, majority, np.arange(10) < 4)


def test_votes_are_the_truth_where_they_have_a_majority() -> None:
    split = make_split(TARGETS)
    twins = np.arange(10) < 2
    report = evaluate(oracle(split, ANSWERS), split, CLASSES, twins, make_votes())
    assert (report.labels, report.n_left_out) == ("votes", 2)
    assert (report.accuracy.value, report.accuracy.n_images) == (6 / 8, 8)
    assert report.matrix.tolist() == [[2, 1, 1], [0, 2, 0], [0, 0, 2]]
    assert report.without_twins is not None
    assert (report.without_twins.value, report.without_twins.n_images) == (4 / 6, 6)


def test_all_votes_count_against_the_probabilities() -> None:
    split = make_split(TARGETS)
    crowd = evaluate(oracle(split, ANSWERS), split, CLASSES, votes=make_votes()).crowd
    assert crowd is not None
    assert crowd.n_images == 9
    assert crowd.entropy == pytest.approx(0.5 * np.log(2) / 8.5)
    # 0.8 for what was answered, 0.1 for each other class; image 2 and 5 … 7 as in ANSWERS
    wrong = sum(a != s.index(1) for a, s in zip(ANSWERS[:8], SHARES[:8], strict=True))
    sure = -np.log(0.8) * (8 - wrong) - np.log(0.1) * wrong
    split_vote = -0.5 * (0.5 * np.log(0.1) + 0.5 * np.log(0.8))
    assert crowd.cross_entropy == pytest.approx((sure + split_vote) / 8.5, rel=1e-5)
    agreed = sum(a == m for a, m in zip(ANSWERS[:4], MAJORITY[:4], strict=True))
    assert (crowd.agreed.value, crowd.agreed.n_images) == (agreed / 4, 4)
    assert make_report().crowd is None


def test_votes_without_any_majority_are_refused() -> None:
    votes = replace(
        make_votes(), majority=np.full(10, -1, np.int64), weight=np.zeros(10, np.float32)
    )
    split = make_split(TARGETS)
    with pytest.raises(DatasetError, match="no image of val has a class that most votes are for"):
        evaluate(oracle(split, ANSWERS), split, CLASSES, votes=votes)


def test_two_models_are_compared_on_the_same_images() -> None:
    split = make_split(TARGETS)
    ours = oracle(split, ANSWERS)(split.faces)  # right: 0, 1, 3, 4, 8
    theirs = oracle(split, [0, 1, 0, 0, 1, 1, 2, 2, 2, 2])(split.faces)  # right: 0, 2, 4, 5, 8, 9
    difference = compare(ours, theirs, split)
    assert (difference.n_only_here, difference.n_only_there) == (2, 3)
    assert difference.value == pytest.approx(-0.1)
    back = compare(theirs, ours, split)
    assert (back.value, back.low, back.high) == pytest.approx(
        (0.1, -difference.high, -difference.low)
    )
    alike = compare(ours, ours, split)
    assert (alike.value, alike.n_only_here, alike.n_only_there) == (0, 0, 0)
    assert alike.low < 0 < alike.high
    # The majority of the votes: ours is right in 0, 1, 3, 5, 6, … of eight, theirs in fewer.
    crowd = make_votes()
    accuracies = [measure(p, split, CLASSES, votes=crowd).accuracy.value for p in (ours, theirs)]
    assert compare(ours, theirs, split, crowd).value == pytest.approx(accuracies[0] - accuracies[1])


def test_answers_are_those_at_or_above_the_limit() -> None:
    probabilities = np.array([[0.9, 0.1, 0], [0.8, 0.1, 0.1], [0.5, 0.3, 0.2]], np.float32)
    split = make_split([0, 1, 0])
    answers = measure(probabilities, split, CLASSES, uncertain_below=0.8).answers
    assert answers is not None
    assert (answers.coverage, answers.right.value, answers.right.n_images) == (2 / 3, 0.5, 2)
    silent = measure(probabilities, split, CLASSES, uncertain_below=1.0)
    assert silent.answers is not None
    assert silent.answers.coverage == 0
    assert silent.to_dict()["answers"]["right"] is None
    assert measure(probabilities, split, CLASSES).answers is None


def test_the_curve_in_the_report_is_short_and_ends_at_the_accuracy() -> None:
    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet([1, 1, 1], 400).astype(np.float32)
    report = measure(probabilities, make_split(generator.integers(0, 3, 400).tolist()), CLASSES)
    curve = report.to_dict()["risk_coverage"]
    assert {len(values) for values in curve.values()} == {50}
    assert curve["coverage"] == [round(i / 50, 5) for i in range(1, 51)]
    assert curve["risk"][-1] == pytest.approx(1 - report.accuracy.value, abs=1e-5)
    assert curve["threshold"] == sorted(curve["threshold"], reverse=True)


def test_halves_are_held_out_where_there_are_enough_images() -> None:
    assert make_report().held_out is None
    generator = np.random.default_rng(1)
    probabilities = generator.dirichlet([1, 1, 1], 100).astype(np.float32)
    split = make_split([int(generator.choice(3, p=p / p.sum())) for p in probabilities])
    report = measure(probabilities, split, CLASSES)
    assert report.held_out == calibration.held_out(probabilities, split.targets)


def test_batches_change_nothing_and_progress_ends_at_the_total() -> None:
    targets = np.random.default_rng(0).integers(0, 2, 300).tolist()
    split = make_split(targets)
    calls: list[tuple[int, int]] = []
    found = predict_split(mean_of_corner, split, ("a", "b"), lambda *c: calls.append(c))
    assert calls[-1] == (300, 300)
    assert len(calls) > 1
    np.testing.assert_array_equal(found, mean_of_corner(split.faces))


def test_report_is_plain_data() -> None:
    split = make_split([0, 0, 1])  # no "sad" at all
    for twins in (None, np.array([True, False, False]), np.ones(3, bool)):
        report = evaluate(oracle(split, [0, 0, 0]), split, CLASSES, twins)
        plain = json.loads(json.dumps(report.to_dict(), allow_nan=False))
        assert plain == report.to_dict()
        assert plain["accuracy"] == pytest.approx(2 / 3)
        assert plain["per_class"]["sad"] == {
            "precision": None, "recall": None, "f1": None, "support": 0,
        }  # fmt: skip


@pytest.mark.parametrize(
    "answer", [np.ones((3, 2), np.float32), np.full((3, 3), np.nan, np.float32)]
)
def test_a_model_for_other_data_is_refused(answer: NDArray[np.float32]) -> None:
    with pytest.raises(ModelError, match="is it the model for this data"):
        evaluate(lambda faces: answer, make_split([0, 1, 2]), CLASSES)


def test_classes_are_matched_by_name() -> None:
    split = make_split(TARGETS)
    predict = oracle(split, TARGETS)  # columns: angry, fear, sad
    ours = match_classes(predict, CLASSES, ("sad", "angry", "fear"))
    expected = predict(split.faces)[:, [2, 0, 1]]
    np.testing.assert_array_equal(ours(split.faces), expected)
    with pytest.raises(ModelError, match="only the model: fear; only the data: calm"):
        match_classes(predict, CLASSES, ("angry", "calm", "sad"))
    with pytest.raises(ModelError, match=r"mine and the data have different.*only mine: fear"):
        match_classes(predict, CLASSES, ("angry", "calm", "sad"), "mine")


def test_shifts_move_pixels_and_repeat_the_edge() -> None:
    faces = make_faces(2)
    moved = shifted(faces, 2, -1)
    np.testing.assert_array_equal(moved[:, :-1, 2:], faces[:, 1:, :-2])
    np.testing.assert_array_equal(moved[:, 5, 0], faces[:, 6, 0])
    np.testing.assert_array_equal(moved[:, -1, 10], faces[:, -1, 8])
    np.testing.assert_array_equal(shifted(faces, 0, 0), faces)


def test_tta_is_the_mean_over_mirrored_and_shifted_views() -> None:
    faces = make_faces(3)
    found = with_tta(mean_of_corner)(faces)
    views = [shifted(faces, dx, dy) for dx, dy in ((0, 0), (2, 0), (-2, 0), (0, 2), (0, -2))]
    views += [view[:, :, ::-1] for view in views]
    expected = np.mean([mean_of_corner(view) for view in views], axis=0)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(found, with_tta(mean_of_corner)(faces[:, :, ::-1]), atol=1e-6)
    assert not np.allclose(found, mean_of_corner(faces))


def pictures() -> dict[str, object]:
    data = Dataset(
        Path("x"), CLASSES, {"val": make_split(TARGETS), "test": make_split([1])}, (), ""
    )
    report = make_report()
    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet([1, 1, 1], 90).astype(np.float32)
    certain = measure(probabilities, make_split([0] * 90), CLASSES, uncertain_below=0.6)
    return {
        "confusion": lambda: plots.confusion_picture(report, "a model"),
        "reliability": lambda: plots.reliability_picture(report, "a model"),
        "risk_coverage": lambda: plots.risk_coverage_picture(report, "a model"),
        "its own limit": lambda: plots.risk_coverage_picture(certain, "a model"),
        "dataset": lambda: plots.dataset_picture(data, "some data"),
    }


@pytest.mark.parametrize("name", sorted(pictures()))
def test_pictures_are_drawn(tmp_path: Path, name: str) -> None:
    pytest.importorskip("matplotlib", reason="pictures need the analysis extra")
    path = tmp_path / "new" / "picture.png"
    save_picture(pictures()[name](), path)  # type: ignore[operator]
    image = cv2.imread(str(path))
    assert image is not None
    assert image.std() > 10
    assert [p.name for p in path.parent.iterdir()] == ["picture.png"]


def test_a_picture_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="pictures need the analysis extra")
    figure = plots.confusion_picture(make_report(), "a model")
    (tmp_path / "a").write_bytes(b"a file where a folder would be needed")
    for path in (tmp_path / "picture.nonsense", tmp_path / "a" / "b.png"):
        with pytest.raises(LiveferError, match=path.name):
            save_picture(figure, path)
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_the_figures_do_not_replace_the_votes(tmp_path: Path) -> None:
    table = tmp_path / "votes.csv"
    table.write_text("file,happy\n")
    words = ["--data", "x", "--labels", "votes", "--votes", str(table), "--json", str(table)]
    with pytest.raises(ConfigError, match="is an input: choose another name"):
        CliRunner().invoke(app, ["evaluate", *words], catch_exceptions=False)
    assert table.read_text() == "file,happy\n"


def test_the_default_is_the_model_that_learned_what_is_asked(tmp_path: Path) -> None:
    data = write_folders(tmp_path / "data", {f"val/{name}": 2 for name in labels.CLASSES})
    files = sorted(path.relative_to(data).as_posix() for path in data.rglob("*.png"))
    votes = tmp_path / "votes.csv"
    rows = [f"{file},1,0,0,0,0,0,0" for file in files]
    votes.write_text("\n".join([",".join(["file", *labels.CLASSES]), *rows]))
    for given, name in (
        ((), "fer2013"),
        (("--labels", "votes", "--votes", str(votes)), "human"),
        (("--model", "human"), "human"),
    ):
        words = ["evaluate", "--data", str(data), *given]
        ended = CliRunner().invoke(app, words, catch_exceptions=False)
        assert ended.exit_code == 0
        assert ended.stdout.startswith(f"{name} on val of ")


def test_where_nothing_can_be_written_is_said_first(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a file where a folder would be needed")
    words = ["evaluate", "--data", "nowhere", "--json", str(tmp_path / "a" / "b.json")]
    with pytest.raises(LiveferError, match=r"b\.json cannot be written"):
        CliRunner().invoke(app, words, catch_exceptions=False)
