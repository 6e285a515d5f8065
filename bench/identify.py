"""How often `--identify` takes two people for one, and one for two, by its limit.

    python bench/identify.py --people data/people --videos data/video

PEOPLE holds london/neutral, london/smiling (a picture of each person, by number), london/info.csv
and posed/PERSON/EXPRESSION_*.png. VIDEOS holds the four clips of CLIPS: they are cut into pieces
whose order is drawn, and put into one film.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from lib.common import arguments, heading, machine_line, run
from numpy.typing import NDArray

from livefer.detection.detectors import make_detector
from livefer.identity.chips import MARGIN, chip_of
from livefer.identity.network import open_network
from livefer.identity.persons import KnownTrack, persons_of
from livefer.identity.tracks import TrackFaces, describe
from livefer.media.pictures import read_image
from livefer.media.pyav_reader import VideoReader
from livefer.recognizer import Recognizer
from livefer.results import Face, Frame
from livefer.system.machine import describe as describe_machine

LIMITS = (0.3, 0.35, 0.38, 0.4, 0.45, 0.5, 0.6)
BORDER_PX = 40  # around the crops of posed/, so that the detector sees the whole head
PIECE_S = 1.5
SIZE = (640, 360)
CLIPS: dict[str, Callable[[float, float], str]] = {
    # Who is in a clip, by the time and by the middle of the face in 640 columns.
    "facerec__short_hamilton_clip.mp4": lambda t, x: (
        ("singer" if x > 300 or t > 1 else "pianist")
        if t < 7.02
        else "in the audience, left"
        if x < 110
        else "in the audience, middle"
        if x < 300
        else "in the audience, right"
    ),
    "fer__woman2.mp4": lambda t, x: "woman",
    "pyfeat__noface_face.mov": lambda t, x: "man",
    "pyfeat__single_face.mp4": lambda t, x: "man",
}

Pairs = list[tuple[float, bool]]
"""Of pairs of pictures or tracks: how far they are apart, and whether they are one person's."""


class Pictures:
    """Descriptors of pictures, each detected once."""

    def __init__(self, margin: float = MARGIN) -> None:
        self._margin, self._network = margin, open_network()
        self._detector = make_detector("auto")
        self._found: dict[Path, tuple[NDArray[np.uint8], NDArray[Any]] | None] = {}

    def with_margin(self, margin: float) -> Pictures:
        """Return the same with another margin of the chips."""
        other = Pictures(margin)
        other._found = self._found
        return other

    def descriptor(self, path: Path, border: int = 0) -> NDArray[np.float32] | None:
        """Return the descriptor (128,) of the largest face of a picture, or None without one."""
        if path not in self._found:
            rims = [(border, border)] * 2 + [(0, 0)]
            image = np.pad(read_image(path), rims, mode="reflect")
            found = self._detector.detect(image)
            best = int(np.argmax(found.boxes[:, 2] - found.boxes[:, 0])) if len(found.boxes) else -1
            points = None if best < 0 else found.landmarks_of(best)
            self._found[path] = None if points is None else (image, points)
        one = self._found[path]
        return None if one is None else describe(self._network, [chip_of(*one, self._margin)])[0]


def pairs_of(named: Sequence[tuple[str, str, NDArray[np.float32]]], within: bool = False) -> Pairs:
    """Return all pairs of (person, group, descriptor); within: of two of one group only."""
    descriptors = np.stack([descriptor for _, _, descriptor in named])
    pairs: Pairs = []
    for i, (person, group, descriptor) in enumerate(named):
        apart = np.linalg.norm(descriptors[i + 1 :] - descriptor, axis=1)
        for (other, other_group, _), distance in zip(named[i + 1 :], apart, strict=True):
            if not within or group == other_group:
                pairs.append((float(distance), person == other))
    return pairs


def london(pictures: Pictures, folder: Path) -> list[tuple[str, str, NDArray[np.float32]]]:
    """Return person, sex and origin, and descriptor of each picture."""
    with (folder / "info.csv").open(encoding="utf-8") as file:
        groups = {
            row["face_id"]: f"{row['face_gender']} {row['face_eth']}"
            for row in csv.DictReader(file)
        }
    named = []
    for path in sorted(folder.glob("*/*.jpg")):
        descriptor = pictures.descriptor(path)
        if descriptor is not None:
            named.append((path.stem, groups[path.stem], descriptor))
    return named


def posed(pictures: Pictures, folder: Path) -> list[tuple[str, str, NDArray[np.float32]]]:
    """Return person, expression, and mean descriptor of the first pictures of each expression."""
    found: dict[tuple[str, str], list[NDArray[np.float32]]] = defaultdict(list)
    for path in sorted(folder.glob("*/*.png")):
        expression = re.sub(r"_.*", "", path.stem)
        if len(found[path.parent.name, expression]) < 8:
            descriptor = pictures.descriptor(path, BORDER_PX)
            if descriptor is not None:
                found[path.parent.name, expression].append(descriptor)
    return [
        (person, what, np.mean(all_of, axis=0))
        for (person, what), all_of in found.items()
        if all_of
    ]


def row(pairs: Pairs, limit: float) -> tuple[str, str]:
    """Return the shares of pairs of one person that are missed, and of two that are joined."""
    same = np.array([distance for distance, is_same in pairs if is_same])
    other = np.array([distance for distance, is_same in pairs if not is_same])
    return f"{(same >= limit).mean():.1%}", f"{(other < limit).mean():.2%}"


def shuffled(folder: Path, seed: int) -> Iterator[tuple[Frame, Callable[[Face], str]]]:
    """Yield the frames of a film of pieces of all clips, each with who is in it."""
    pieces: list[list[tuple[Frame, Callable[[float, float], str]]]] = []
    for name, who in CLIPS.items():
        with VideoReader(str(folder / name)) as video:
            last = -1
            for frame in video:
                if frame.image is None:
                    continue
                piece = int(frame.time_s / PIECE_S)
                if piece != last or frame.is_cut:
                    pieces.append([])
                last = piece
                pieces[-1].append((replace(frame, image=_fitted(frame.image)), who))
    index = 0
    for place in np.random.default_rng(seed).permutation(len(pieces)):
        for number, (frame, who) in enumerate(pieces[place]):

            def named(face: Face, t: float = frame.time_s, who: Any = who) -> str:
                return str(who(t, (face.box[0] + face.box[2]) / 2))

            yield (
                replace(
                    frame,
                    source=f"shuffled {seed}",
                    index=index,
                    time_s=index / 30,
                    is_cut=number == 0 and index > 0,
                ),
                named,
            )
            index += 1


def _fitted(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return an image in the middle of 640 x 360."""
    height, width = image.shape[:2]
    scale = min(SIZE[0] / width, SIZE[1] / height)
    small = cv2.resize(image, (round(width * scale), round(height * scale)))
    canvas = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    left, top = (SIZE[0] - small.shape[1]) // 2, (SIZE[1] - small.shape[0]) // 2
    canvas[top : top + small.shape[0], left : left + small.shape[1]] = small
    return canvas


def films(folder: Path, seeds: Sequence[int]) -> tuple[int, list[KnownTrack], list[str]]:
    """Return the number of tracks in all films, those that are known, and whose they are."""
    recognizer, faces = Recognizer(), TrackFaces()
    whose: dict[tuple[str, int | None], str] = {}
    for seed in seeds:
        stream = recognizer.new_stream()
        for frame, named in shuffled(folder, seed):
            result = recognizer.process(frame, stream)
            faces.add(result)
            for face in result.faces:
                whose.setdefault((frame.source, face.track_id), named(face))
    known = faces.known()
    return len(whose), known, [whose[track.source, track.track_id] for track in known]


def joined(tracks: Sequence[KnownTrack], whose: Sequence[str], limit: float) -> tuple[str, ...]:
    """Return the persons found, and the shares of pairs of tracks missed and wrongly joined."""
    numbers = persons_of(tracks, limit)
    same, other = list[bool](), list[bool]()
    for i, (number, person) in enumerate(zip(numbers, whose, strict=True)):
        for j in range(i):
            (same if whose[j] == person else other).append(numbers[j] == number)
    missed, wrong = 1 - np.mean(same), np.mean(other)
    return str(len(set(numbers))), f"{missed:.1%}", f"{wrong:.2%}"


def main() -> None:
    """Print the tables."""
    parser = arguments(__doc__)
    parser.add_argument("--people", type=Path, default=Path("data/people"))
    parser.add_argument("--videos", type=Path, default=Path("data/video"))
    args = parser.parse_args()
    print(heading("Who is the same person"))
    print(f"{machine_line(describe_machine().to_dict())}; one run.\n")
    pictures = Pictures()
    faces, acted = london(pictures, args.people / "london"), posed(pictures, args.people / "posed")
    sets = {
        "london": pairs_of(faces),
        "london, one sex and origin": pairs_of(faces, within=True),
        "posed": pairs_of(acted),
    }
    print("Pairs of one person that are missed / of two people that are joined\n")
    for name, pairs in sets.items():
        n = sum(is_same for _, is_same in pairs)
        print(f"- {name}: {n:,} pairs of one person, {len(pairs) - n:,} of two")
    print(f"\n| limit | {' | '.join(sets)} |\n| ---: |{' ---: |' * len(sets)}")
    for limit in LIMITS:
        cells = (" / ".join(row(pairs, limit)) for pairs in sets.values())
        print(f"| {limit} | {' | '.join(cells)} |", flush=True)
    print("\nThe margin around the face, at a limit that joins 1 % of the pairs of two people\n")
    print("| margin | posed, missed | london, most alike two / least alike one |")
    print("| ---: | ---: | ---: |")
    for margin in (0.1, 0.15, 0.2, 0.25, 0.3):
        other = pictures.with_margin(margin)
        of_acted = pairs_of(posed(other, args.people / "posed"))
        limit = float(np.quantile([d for d, is_same in of_acted if not is_same], 0.01))
        of_faces = pairs_of(london(other, args.people / "london"))
        nearest = min(d for d, is_same in of_faces if not is_same)
        farthest = max(d for d, is_same in of_faces if is_same)
        print(
            f"| {margin} | {row(of_acted, limit)[0]} | {nearest:.3f} / {farthest:.3f} |", flush=True
        )
    seeds = range(3)
    n_tracks, known, whose = films(args.videos, seeds)
    print(
        f"\n{len(CLIPS)} clips in pieces of {PIECE_S} s, shuffled, as {len(seeds)} films of one "
        f"run: {n_tracks} tracks, {len(known)} known, of {len(set(whose))} people\n"
    )
    print(
        "| limit | persons found | pairs missed | wrongly joined |\n| ---: | ---: | ---: | ---: |"
    )
    for limit in LIMITS:
        print(f"| {limit} | {' | '.join(joined(known, whose, limit))} |")


if __name__ == "__main__":
    run(main)
