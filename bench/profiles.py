"""Measure what a person's profile changes: faint smiles, other views at rest, posed expressions.

    python bench/profiles.py human --people data/people --yunet face_detection_yunet_2023mar.onnx

The folder holds london/neutral, london/smiling (a picture of each person, by number) and
posed/PERSON/EXPRESSION_WAY*.png (several pictures of each expression, acted in up to three ways).
Other views at rest are made from the neutral picture by moving, turning and lighting it, and so is
each further picture of it. All answers are means over a face and its mirror image.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from lib.common import arguments, heading, machine_line, run
from lib.loading import load_detectors, load_models
from numpy.typing import NDArray

from livefer.classifier import EmotionClassifier
from livefer.errors import LiveferError
from livefer.evaluation.metrics import ece
from livefer.faces.views import BOTH, cut_views
from livefer.media.pictures import read_image
from livefer.profiles.profile import NEUTRAL, Profile
from livefer.profiles.resting import resting_profile
from livefer.system.machine import describe

N_VIEWS = 8  # made of each picture
N_FRAMES = 60  # of a film
BORDER_PX = 40  # around the crops of posed/, so that the detector sees the whole head


class Shown(NamedTuple):
    """A picture: whose, what it shows and in which way, and the answers (V, C) for its views."""

    person: str
    expression: str
    way: str
    answers: NDArray[np.float32]


def london(classifier: EmotionClassifier, detector: Any, folder: Path) -> list[Shown]:
    """Return a neutral and a smiling picture of each person, each with other views of it."""
    shown = []
    for expression, name in ((NEUTRAL, "neutral"), ("happy", "smiling")):
        for number, path in enumerate(sorted((folder / name).glob("*.jpg"))):
            image = read_image(path)
            views = [image, *(moved(image, [number, i]) for i in range(N_VIEWS))]
            shown.append(Shown(path.stem, expression, "", answers(classifier, detector, views)))
    return shown


def posed(classifier: EmotionClassifier, detector: Any, folder: Path) -> list[Shown]:
    """Return several pictures of each expression of each person."""
    shown = []
    for path in sorted(folder.glob("*/*.png")):
        expression, way = re.fullmatch(r"([a-z]+)_(\d).*", path.stem).groups()  # type: ignore[union-attr]
        rims = [(BORDER_PX, BORDER_PX)] * 2 + [(0, 0)]
        image = np.pad(read_image(path), rims, mode="reflect")
        answer = answers(classifier, detector, [image])
        shown.append(Shown(path.parent.name, expression, way, answer))
    return shown


def moved(image: NDArray[np.uint8], seed: list[int]) -> NDArray[np.uint8]:
    """Return the picture as another view: moved, turned, zoomed, and lit from elsewhere."""
    rng = np.random.default_rng(seed)
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D(
        (width / 2, height / 2), rng.uniform(-8, 8), rng.uniform(0.94, 1.06)
    )
    turn[:, 2] += rng.uniform(-0.03, 0.03, 2) * width
    view = cv2.warpAffine(image, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
    gamma, gain = np.exp(rng.uniform(-0.4, 0.4)), rng.uniform(0.8, 1.15)
    left, right = rng.uniform(0.6, 1, 2)
    side = np.linspace(left, right, width)[None, :, None]
    light = np.clip(255 * gain * (view / 255) ** gamma * side, 0, 255)
    return np.asarray(light, np.uint8)


def answers(
    classifier: EmotionClassifier, detector: Any, images: Iterable[NDArray[np.uint8]]
) -> NDArray[np.float32]:
    """Return the answers (V, C) for the first face of each picture."""
    rows = []
    scale, shift_y = detector.crop_scale * classifier.crop_scale, detector.crop_shift_y
    for image in images:
        boxes = detector.detect(image)[0][:1]
        if not len(boxes):
            raise LiveferError("a picture shows no face: use YuNet")
        crops = cut_views(image, boxes, [BOTH], scale, shift_y, classifier.input_size)
        rows.append(crops.means(classifier.predict(crops.shown()))[0])
    return np.stack(rows)


def judged(
    classifier: EmotionClassifier, known: dict[str, list[NDArray[np.float32]]], face: Shown
) -> NDArray[np.float32]:
    """Return what a person's face means by a profile of known pictures."""
    rows = {name: np.stack(each) for name, each in known.items()}
    return np.asarray(Profile.make(classifier, rows).judge(face.answers[:1])[0], np.float32)


def posed_judged(
    classifier: EmotionClassifier, shown: list[Shown], same_way: bool | None
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the judged answers for posed faces, and their classes.

    same_way: None knows up to three neutral pictures of the person, but not the one that is judged;
        otherwise also one picture of each expression, acted in the same way as the others that are
        judged, or in another one
    """
    people = defaultdict(list)
    for face in shown:
        people[face.person].append(face)
    rows, targets = [], []
    for faces in people.values():
        neutral = [face for face in faces if face.expression == NEUTRAL]
        for face in faces:
            others = [other for other in neutral if other is not face][:3]
            if not others:
                continue
            base = {NEUTRAL: [other.answers[0] for other in others]}
            if same_way is None:
                rows.append(judged(classifier, base, face))
                targets.append(classifier.classes.index(face.expression))
                continue
            for way in sorted({other.way for other in faces} - {face.way} - {"0"}):
                enrolled = face.way if same_way and face.way != "0" else way
                known = dict(base)
                for other in faces:
                    if other.way == enrolled and other is not face:
                        known.setdefault(other.expression, [other.answers[0]])
                rows.append(judged(classifier, known, face))
                targets.append(classifier.classes.index(face.expression))
    return np.stack(rows), np.array(targets)


def of_films(classifier: EmotionClassifier, faces: list[Shown], smiling: float) -> list[str]:
    """Return the share of frames right: plainly, with a marked baseline, with one that is found.

    A film of each person has N_FRAMES frames, drawn from the views of the neutral and the smiling
    picture; a frame is the mean of two of them, as smoothing makes it.
    """
    happy, neutral = (classifier.classes.index(name) for name in ("happy", NEUTRAL))
    n_smiling = round(N_FRAMES * smiling)
    targets = np.repeat([happy, neutral], [n_smiling, N_FRAMES - n_smiling])
    right = []
    for number, person in enumerate(sorted({face.person for face in faces})):
        rng = np.random.default_rng(number)
        views = {face.expression: face.answers for face in faces if face.person == person}
        rows = np.concatenate(
            [
                views[name][rng.integers(1, 1 + N_VIEWS, (n, 2))].mean(axis=1)
                for name, n in (("happy", n_smiling), (NEUTRAL, N_FRAMES - n_smiling))
            ]
        )
        marked = Profile.make(classifier, {NEUTRAL: views[NEUTRAL][:1]})
        found = resting_profile(classifier, rows)
        judged = (rows, marked.judge(rows), rows if found is None else found.judge(rows))
        right.append([(each.argmax(axis=1) == targets).mean() for each in judged])
    return [f"{value:.1%}" for value in np.mean(right, axis=0)]


def share(probabilities: NDArray[np.float32], targets: NDArray[np.int64]) -> str:
    return f"{(probabilities.argmax(axis=1) == targets).mean():.1%}"


def report(
    classifier: EmotionClassifier, faces: list[Shown], acted: list[Shown]
) -> Iterable[tuple[str, str, str]]:
    """Yield rows of the table: what, without a profile, with one."""
    at_rest = {face.person: face for face in faces if face.expression == NEUTRAL}
    smiles = [face for face in faces if face.expression == "happy"]
    happy, neutral = (classifier.classes.index(name) for name in ("happy", NEUTRAL))
    profiles = {
        person: Profile.make(classifier, {NEUTRAL: face.answers[:1]})
        for person, face in at_rest.items()
    }
    plain_smiles = np.stack([face.answers[0] for face in smiles])
    judged_smiles = np.stack([profiles[face.person].judge(face.answers)[0] for face in smiles])
    of_smiles = np.full(len(smiles), happy)
    yield "smiles", share(plain_smiles, of_smiles), share(judged_smiles, of_smiles)
    plain_rest = np.concatenate([face.answers[1:] for face in at_rest.values()])
    judged_rest = np.concatenate(
        [profiles[face.person].judge(face.answers[1:]) for face in at_rest.values()]
    )
    of_rest = np.full(len(plain_rest), neutral)
    yield "other views at rest", share(plain_rest, of_rest), share(judged_rest, of_rest)
    for percent in (0, 50, 100):
        plain_film, marked, found = of_films(classifier, faces, percent / 100)
        what = f"film, smiling for {percent} % of the time"
        yield f"{what}, baseline marked", plain_film, marked
        yield f"{what}, baseline found", plain_film, found
    targets = np.array([classifier.classes.index(face.expression) for face in acted])
    plain = np.stack([face.answers[0] for face in acted])
    ways = {
        "posed, own neutral pictures": None,
        "posed, and one of each expression, same way": True,
        "posed, and one of each expression, another way": False,
    }
    for what, same_way in ways.items():
        yield what, share(plain, targets), share(*posed_judged(classifier, acted, same_way))
    both = np.concatenate([judged_smiles, judged_rest, posed_judged(classifier, acted, None)[0]])
    of_both = np.concatenate([of_smiles, of_rest, posed_judged(classifier, acted, None)[1]])
    plain_all = np.concatenate([plain_smiles, plain_rest, plain])
    of_all = np.concatenate([of_smiles, of_rest, targets])
    before, after = ece(plain_all, of_all), ece(both, of_both)
    yield "calibration error (ECE), all of these", f"{before:.3f}", f"{after:.3f}"


def main() -> None:
    """Print the tables."""
    parser = arguments(__doc__, "models", "--yunet")
    parser.add_argument("--people", type=Path, default=Path("data/people"))
    args = parser.parse_args()
    detector = load_detectors(args.yunet)["haar" if args.yunet is None else "yunet"]
    print(heading("What a profile changes"))
    print(f"{machine_line(describe().to_dict())}; one run.")
    for name, classifier in load_models(args.models).items():
        faces = london(classifier, detector, args.people / "london")
        acted = posed(classifier, detector, args.people / "posed")
        print(f"\n## {name}\n\n| right | without a profile | with one |\n| --- | ---: | ---: |")
        for row in report(classifier, faces, acted):
            print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    run(main)
