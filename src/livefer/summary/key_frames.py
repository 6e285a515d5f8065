"""Key frames: the clearest face of each person for each expression, kept during recognition."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from livefer.results import Face, FrameResult

_AROUND = 1.25  # of the square that the network saw
_MOST_PERSONS = 300  # of one source; beyond it never certain ones go first, then those seen least
_CLEARER = 0.02  # a picture is replaced by one with more confidence than this added


@dataclass(frozen=True, slots=True)
class KeyFrame:
    """A face at its clearest.

    jpeg: a square picture of it, as JPEG
    uncertain: the label is not to be relied on
    """

    track_id: int
    label: str
    time_s: float
    confidence: float
    jpeg: bytes
    uncertain: bool = False


class KeyFrames:
    """Collects key frames from results; memory is bounded by the number of persons."""

    def __init__(self, side_px: int = 160) -> None:
        self.side_px = side_px
        # By source, person and label; None is the label of uncertain faces.
        self._best: dict[str, dict[int, dict[str | None, KeyFrame]]] = {}
        self._n_seen: dict[tuple[str, int], int] = {}

    def add(self, result: FrameResult) -> None:
        """Take the faces of one frame that have a track."""
        if result.image is None:
            return
        persons = self._best.setdefault(result.source, {})
        for face in result.faces:
            if face.track_id is None:
                continue
            person = (result.source, face.track_id)
            self._n_seen[person] = self._n_seen.get(person, 0) + 1
            frames = persons.setdefault(face.track_id, {})
            label = None if face.uncertain else face.label
            known = frames.get(label)
            if known is None or face.confidence > known.confidence + _CLEARER:
                jpeg = _jpeg(_cut_out(result.image, face, self.side_px))
                frames[label] = KeyFrame(
                    face.track_id,
                    face.label,
                    result.time_s,
                    face.confidence,
                    jpeg,
                    face.uncertain,
                )
        if len(persons) > _MOST_PERSONS:
            self._forget_one(result.source)

    def of(self, source: str) -> list[KeyFrame]:
        """Return a source's key frames by person, the clearest first.

        A person whose face was never certain has one uncertain key frame.
        """
        found = [
            frame
            for frames in self._best.get(source, {}).values()
            for label, frame in frames.items()
            if label is not None or len(frames) == 1
        ]
        return sorted(found, key=lambda f: (f.track_id, -f.confidence))

    def _forget_one(self, source: str) -> None:
        persons = self._best[source]

        def worth(track_id: int) -> tuple[bool, int]:
            was_certain = set(persons[track_id]) != {None}
            return was_certain, self._n_seen[source, track_id]

        least = min(persons, key=worth)
        del persons[least], self._n_seen[source, least]


def of_persons(frames: Iterable[KeyFrame], track_of: Callable[[int], int | None]) -> list[KeyFrame]:
    """Return a source's key frames where several tracks are one person's, as KeyFrames.of does.

    track_of: returns the track of the person of a track; None leaves it out
    """
    best: dict[tuple[int, str | None], KeyFrame] = {}
    for frame in frames:
        track_id = track_of(frame.track_id)
        if track_id is None:
            continue
        key = track_id, None if frame.uncertain else frame.label
        if key not in best or frame.confidence > best[key].confidence:
            best[key] = replace(frame, track_id=track_id)
    certain = {track_id for track_id, label in best if label is not None}
    found = [f for f in best.values() if not f.uncertain or f.track_id not in certain]
    return sorted(found, key=lambda f: (f.track_id, -f.confidence))


def portraits(frames: Iterable[KeyFrame]) -> dict[int | None, NDArray[np.uint8]]:
    """Return each person's clearest face, (S, S, 3) uint8 BGR, by track id."""
    faces: dict[int | None, NDArray[np.uint8]] = {}
    for frame in frames:
        if frame.track_id not in faces:
            image = cv2.imdecode(np.frombuffer(frame.jpeg, np.uint8), cv2.IMREAD_COLOR)
            if image is not None:
                faces[frame.track_id] = np.asarray(image, np.uint8)
    return faces


def _cut_out(image: NDArray[np.uint8], face: Face, side_px: int) -> NDArray[np.uint8]:
    """Return a square around a face, moved into the picture if it reaches outside."""
    left, top, right, bottom = face.crop_box
    height, width = image.shape[:2]
    side = max(1, min(round(_AROUND * max(right - left, bottom - top)), height, width))
    x = int(np.clip(round((left + right - side) / 2), 0, width - side))
    y = int(np.clip(round((top + bottom - side) / 2), 0, height - side))
    square = image[y : y + side, x : x + side]
    method = cv2.INTER_AREA if side > side_px else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(square, (side_px, side_px), interpolation=method), np.uint8)


def _jpeg(image: NDArray[np.uint8]) -> bytes:
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
