"""Keeps, while a video is recognised, the clearest face of each person for each expression."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from livefer.results import Face, FrameResult

_AROUND = 1.25  # of the square that the network saw
_MOST_PERSONS = 300  # of one source; those who were never certain, or seen least, go first
_CLEARER = 0.02  # more confidence than this makes a new picture worth its while


@dataclass(frozen=True, slots=True)
class KeyFrame:
    """A face at its clearest.

    jpeg: a square picture, as JPEG
    uncertain: its label is not to be relied on
    """

    track_id: int
    label: str
    time_s: float
    confidence: float
    jpeg: bytes
    uncertain: bool = False


class KeyFrames:
    """Takes results one after another; memory is bounded by the number of persons."""

    def __init__(self, side_px: int = 160) -> None:
        self.side_px = side_px
        # By source, person and label; None is whatever was uncertain.
        self._best: dict[str, dict[int, dict[str | None, KeyFrame]]] = {}
        self._n_seen: dict[tuple[str, int], int] = {}

    def add(self, result: FrameResult) -> None:
        """Take one frame; faces without a track are left out."""
        if result.image is None:
            return
        persons = self._best.setdefault(result.source, {})
        for face in result.faces:
            if face.track_id is None:
                continue
            who = (result.source, face.track_id)
            self._n_seen[who] = self._n_seen.get(who, 0) + 1
            of_person = persons.setdefault(face.track_id, {})
            what = None if face.uncertain else face.label
            known = of_person.get(what)
            if known is None or face.confidence > known.confidence + _CLEARER:
                jpeg = _jpeg(_cut_out(result.image, face, self.side_px))
                of_person[what] = KeyFrame(
                    face.track_id,
                    face.label,
                    result.time_s,
                    face.confidence,
                    jpeg,
                    face.uncertain,
                )
        if len(persons) > _MOST_PERSONS:
            least = min(
                persons, key=lambda i: (set(persons[i]) != {None}, self._n_seen[result.source, i])
            )
            del persons[least], self._n_seen[result.source, least]

    def of(self, source: str) -> list[KeyFrame]:
        """Return a source's key frames, by person, the clearest first.

        Of a person who was never certain there is one that is not.
        """
        persons = self._best.get(source, {})
        frames = [
            frame
            for of_person in persons.values()
            for what, frame in of_person.items()
            if what is not None or len(of_person) == 1
        ]
        return sorted(frames, key=lambda f: (f.track_id, -f.confidence))


def portraits(frames: list[KeyFrame]) -> dict[int | None, NDArray[np.uint8]]:
    """Return each person's clearest face, (S, S, 3) uint8 BGR."""
    faces: dict[int | None, NDArray[np.uint8]] = {}
    for frame in frames:
        if frame.track_id not in faces:
            image = cv2.imdecode(np.frombuffer(frame.jpeg, np.uint8), cv2.IMREAD_COLOR)
            if image is not None:
                faces[frame.track_id] = np.asarray(image, np.uint8)
    return faces


def _cut_out(image: NDArray[np.uint8], face: Face, side_px: int) -> NDArray[np.uint8]:
    """Return a square around a face, moved into the picture where it reaches outside."""
    left, top, right, bottom = face.crop_box
    height, width = image.shape[:2]
    side = max(1, min(round(_AROUND * max(right - left, bottom - top)), height, width))
    x = int(np.clip(round((left + right - side) / 2), 0, width - side))
    y = int(np.clip(round((top + bottom - side) / 2), 0, height - side))
    square = image[y : y + side, x : x + side]
    shape = cv2.INTER_AREA if side > side_px else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(square, (side_px, side_px), interpolation=shape), np.uint8)


def _jpeg(image: NDArray[np.uint8]) -> bytes:
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
