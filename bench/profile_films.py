"""Measure what a person's own resting face changes in films of them.

    python bench/profile_films.py human --people data/people --clips data/video

The folder holds london/neutral and london/smiling, a picture of each person by number. A film of 40
seconds is morphed from the two: the person never smiles; smiles for half of the time, first after
ten seconds at rest; or smiles all the time. Heads sway, light changes, and there is noise. The
film, an MPEG-4 file, is judged plainly, by ten marked seconds, by the resting face that is found in
it, and live by the running estimate. Frames within half a second of a change do not count. Of
clips, whose truth nobody knows, each label's share of the time is told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from lib.common import arguments, heading, machine_line, run
from lib.morphs import Image, morphs

from livefer import Profile, Recognizer
from livefer.batch.profiles import film_profile
from livefer.media.mpeg4_writer import Mpeg4Writer
from livefer.media.pictures import read_image
from livefer.media.sources import open_source
from livefer.profiles.profile import NEUTRAL
from livefer.results import main_face
from livefer.system.machine import describe

FPS, SECONDS = 10, 40
REST_S, SMILE_S, PAUSE_S = 10, 4, 2
ONSET_S, MARGIN_S = 0.5, 0.5
SIDE_PX = 400
NOISE = 4.0  # gray levels
EVERY = 10  # of the people, in the order of their numbers

KINDS = ("never", "half of the time", "always")
WAYS = ("plainly", "ten seconds marked", "found in the film", "live, by itself")


def smile_at(kind: str, time_s: float) -> float:
    """Return how much of a smile a film shows, 0 to 1."""
    if kind != "half of the time":
        return float(kind == "always")
    within_s = (time_s - REST_S) % (SMILE_S + PAUSE_S) if time_s >= REST_S else -1.0
    return float(np.clip(min(within_s, SMILE_S - within_s) / ONSET_S + 0.5, 0, 1))


def frames(pictures: list[Image], kind: str, seed: int) -> Iterator[Image]:
    """Yield a film's frames."""
    rng = np.random.default_rng(seed)
    for time_s in np.arange(0, SECONDS, 1 / FPS):
        picture = pictures[round(smile_at(kind, time_s) * (len(pictures) - 1))]
        angle, sway = 3 * np.sin(time_s / 3 + seed), 6 * np.sin(time_s / 2)
        turn = cv2.getRotationMatrix2D((SIDE_PX / 2, SIDE_PX / 2), angle, 1)
        turn[:, 2] += sway, sway / 2
        view = cv2.warpAffine(picture, turn, (SIDE_PX, SIDE_PX), borderMode=cv2.BORDER_REPLICATE)
        light = 0.9 + 0.1 * np.sin(time_s / 4)
        noisy = view * light + rng.normal(0, NOISE, view.shape)
        yield np.asarray(np.clip(noisy, 0, 255), np.uint8)


def labels(recognizer: Recognizer, film: str, profile: Profile | None, live: bool) -> list[str]:
    """Return the main face's label in each frame; empty where no face was found."""
    stream = recognizer.new_stream(live, profile)
    found = []
    with open_source(film, live=False) as frames_of_film:
        for frame in frames_of_film:
            face = main_face(recognizer.process(frame, stream).faces)
            found.append("" if face is None else face.label)
    return found


def share_right(found: list[str], kind: str) -> float:
    """Return the share of a film's frames whose label is right."""
    right = []
    for index, label in enumerate(found):
        around = [smile_at(kind, index / FPS + step) for step in (-MARGIN_S, 0, MARGIN_S)]
        if len({smile >= 0.5 for smile in around}) == 1:
            right.append(label == ("happy" if around[1] >= 0.5 else NEUTRAL))
    return float(np.mean(right))


def judge_film(plain: Recognizer, auto: Recognizer, film: str, kind: str) -> list[float | None]:
    """Return the shares of right frames by WAYS; None where there is nothing to mark."""
    marked = None if kind == "always" else film_profile(plain, film, f"0-{REST_S}")[0]
    found = film_profile(plain, film, "auto")[0]
    return [
        share_right(labels(plain, film, None, live=False), kind),
        None if marked is None else share_right(labels(plain, film, marked, live=False), kind),
        share_right(labels(plain, film, found, live=False), kind),
        share_right(labels(auto, film, None, live=True), kind),
    ]


def shares(found: list[str]) -> str:
    """Return the labels of a clip with their shares of the time, the most frequent first."""
    counts = Counter(label for label in found if label)
    n = max(1, sum(counts.values()))
    return ", ".join(f"{label} {count / n:.0%}" for label, count in counts.most_common(3))


def main() -> None:
    """Print the tables."""
    parser = arguments(__doc__, "model")
    parser.add_argument("--people", type=Path, default=Path("data/people"))
    parser.add_argument("--clips", type=Path, default=Path("data/video"))
    args = parser.parse_args()
    plain, auto = Recognizer(args.model), Recognizer(args.model, profile="auto")
    names = sorted(path.stem for path in (args.people / "london/neutral").glob("*.jpg"))[::EVERY]
    print(heading("Films judged by a person's own resting face"))
    print(f"{machine_line(describe().to_dict())}; {len(names)} people, one run.\n")
    print(f"| smiling | {' | '.join(WAYS)} |\n| --- |{' ---: |' * len(WAYS)}")
    with TemporaryDirectory() as folder:
        for kind in KINDS:
            rows = []
            for seed, name in enumerate(names):
                first, last = (
                    cv2.resize(read_image(args.people / "london" / what / f"{name}.jpg"),
                               (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
                    for what in ("neutral", "smiling")
                )  # fmt: skip
                film = f"{folder}/{name}.mp4"
                with Mpeg4Writer(film, FPS) as writer:
                    pictures = morphs(np.asarray(first, np.uint8), np.asarray(last, np.uint8))
                    for index, image in enumerate(frames(pictures, kind, seed)):
                        writer.write(image, index / FPS)
                rows.append(judge_film(plain, auto, film, kind))
            means = [
                "–" if None in way else f"{np.mean(way):.1%}" for way in zip(*rows, strict=True)
            ]
            print(f"| {kind} | {' | '.join(means)} |", flush=True)
    print("\n| clip | plainly | found in the film |\n| --- | --- | --- |")
    for clip in sorted(args.clips.iterdir()):
        found, _ = film_profile(plain, str(clip), "auto")
        before = shares(labels(plain, str(clip), None, live=False))
        after = "no resting face: judged plainly"
        if found is not None:
            after = shares(labels(plain, str(clip), found, live=False))
        print(f"| {clip.name} | {before} | {after} |", flush=True)


if __name__ == "__main__":
    run(main)
