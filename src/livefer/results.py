"""Frames, faces and results: frozen records that turn into plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livefer.faces.boxes import as_boxes, sides_of
from livefer.formatting import printable

LANDMARKS = ("right_eye", "left_eye", "nose", "right_mouth", "left_mouth")
"""Names of a face's landmarks in their order; right is the person's, left in an upright picture."""

_LEAST_SIGN = 0.12  # of the way from chance to certainty


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """An image of a source, or the reason why there is none.

    source: the file, camera or URL
    index: number of the frame in its source, from 0
    time_s: seconds since the source's first frame
    image: (H, W, 3) uint8 BGR; None if there is an `error`
    n_skipped: frames left out since the frame before, by live reading or because of damage
    error: what could not be read
    still: a single picture, unrelated to the frames around it
    note: a remark about the image, such as "damaged"
    is_cut: a new shot begins with this frame, or with one left out before it; cameras have no cuts
    is_fps_assumed: the file has no times of its own, and no rate: time_s is for 25 frames a second
    captured_s: when the frame of a live source came, by `time.monotonic()`; None of a recording
    """

    source: str
    index: int
    time_s: float
    image: NDArray[np.uint8] | None
    n_skipped: int = 0
    error: str | None = None
    still: bool = False
    note: str | None = None
    is_cut: bool = False
    is_fps_assumed: bool = False
    captured_s: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One face of one frame.

    box: (left, top, right, bottom) of the detector's box in pixels of the frame
    score: the detector's certainty that this is a face, 0–1
    probabilities: (C,) float32, smoothed over the track where there is one; sums to 1
    raw_probabilities: (C,) float32, of this frame alone: the mean over the face and its mirror
        image; in a smoothed stream of one of ten views in turn, or of all ten for a new face
    classes: the C class names
    class_id: index of the label: the most probable class; in a smoothed stream the last label stays
        until another class leads by 0.1
    uncertain: whether the label is unreliable: the confidence is below the recogniser's threshold,
        or the face is too small, blurred, dark or cut off to be read
    track_id: counts from 1 within a stream; None for a single picture
    heatmap: (48, 48) float32, 0–1, where the network looked for `label`, smoothed like the
        probabilities; None unless asked for
    crop_box: (left, top, right, bottom) of the square that the network saw and `heatmap` covers
    landmarks: (5, 2) float32, x and y in pixels of the frame: the eyes, the nose and the corners of
        the mouth, each pair from left to right in the picture, as in `livefer.results.LANDMARKS`;
        None from a detector without them
    profile: the name of the person's profile by which `probabilities` judge; None without one
    plain_probabilities: (C,) float32, what they would be without the profile; None without one
    why: what makes an uncertain face uncertain: "small", "cut off", "dark", "blurred", or else
        "confidence"; None for a certain one
    sharpness: contrast of the finest detail over the coarse; below 0.05 a face is blurred
    brightness: mean gray level of the face, 0-255
    crop: (S, S) uint8 gray: what the network saw of the face, in a stream one of its views

    `face["happy"]` is the probability of a class.
    """

    box: tuple[float, float, float, float]
    score: float
    probabilities: NDArray[np.float32]
    raw_probabilities: NDArray[np.float32]
    classes: tuple[str, ...]
    class_id: int
    uncertain: bool
    crop_box: tuple[float, float, float, float]
    track_id: int | None = None
    heatmap: NDArray[np.float32] | None = None
    landmarks: NDArray[np.float32] | None = None
    profile: str | None = None
    plain_probabilities: NDArray[np.float32] | None = None
    why: str | None = None
    sharpness: float | None = None
    brightness: float | None = None
    crop: NDArray[np.uint8] | None = None

    __iter__ = None  # what has only __getitem__ would else be a sequence

    def __getitem__(self, name: str) -> float:
        """Return the probability of a class by its name; KeyError for another name."""
        if name not in self.classes:
            raise KeyError(f"no class {name!r}: expected one of {', '.join(self.classes)}")
        return float(self.probabilities[self.classes.index(name)])

    def __repr__(self) -> str:
        number = "" if self.track_id is None else f"#{self.track_id} "
        box = ", ".join(f"{v:.0f}" for v in self.box)
        return f"<Face {number}{self.answer} {self.confidence:.0%} at ({box})>"

    def _repr_png_(self) -> bytes:
        """Return the picture that a notebook shows: the crop, and a bar for each class."""
        from livefer.drawing.notebooks import face_png

        return face_png(self)

    @property
    def label(self) -> str:
        """Name of the class."""
        return self.classes[self.class_id]

    @property
    def second_label(self) -> str:
        """Name of the most probable of the other classes."""
        best = np.argsort(self.probabilities)[::-1]
        return self.classes[int(best[best != self.class_id][0])]

    @property
    def confidence(self) -> float:
        """The smoothed probability of `label`."""
        return float(self.probabilities[self.class_id])

    @property
    def answer(self) -> str:
        """The text to print for the face: "happy"; if uncertain, "fear or sad?" or "unclear".

        "unclear" means that all classes are about equally probable: no two of them stand out.
        """
        if not self.uncertain:
            return self.label
        chance = 1 / len(self.classes)
        is_clear = self.confidence > chance + _LEAST_SIGN * (1 - chance)
        return f"{self.label} or {self.second_label}?" if is_clear else "unclear"

    def to_dict(self, landmarks: bool = False) -> dict[str, Any]:
        """Return plain data that json can write; the heat map is left out.

        landmarks: add them: by name [x, y], or None from a detector without them

        With a profile there are plain_probabilities, too.
        """
        plain = {
            "track_id": self.track_id,
            "box": [round(v, 1) for v in self.box],
            "score": round(self.score, 4),
            "label": self.label,
            "second_label": self.second_label,
            "confidence": round(self.confidence, 4),
            "uncertain": self.uncertain,
            "answer": self.answer,
            "profile": self.profile,
            "why": self.why,
            "sharpness": None if self.sharpness is None else round(self.sharpness, 4),
            "brightness": None if self.brightness is None else round(self.brightness, 1),
            "probabilities": _named(self.classes, self.probabilities),
            "raw_probabilities": _named(self.classes, self.raw_probabilities),
        }
        if self.plain_probabilities is not None:
            plain["plain_probabilities"] = _named(self.classes, self.plain_probabilities)
        return plain | {"landmarks": self._named_landmarks()} if landmarks else plain

    def _named_landmarks(self) -> dict[str, list[float]] | None:
        if self.landmarks is None:
            return None
        points = self.landmarks.tolist()
        return {
            name: [round(x, 1), round(y, 1)] for name, (x, y) in zip(LANDMARKS, points, strict=True)
        }


@dataclass(frozen=True, slots=True, eq=False)
class FrameResult:
    """The faces of one frame; no face is a result, too.

    source: the file, camera or URL the frame came from
    index: number of the frame in its source, from 0
    time_s: seconds since the source's first frame
    image: (H, W, 3) uint8 BGR; None if there is an `error`
    faces: from left to right in a picture, by track id in a stream
    n_skipped: frames left out since the previous result, by live reading or because of damage
    error: why this file of a folder, or the rest of this video, could not be read
    note: a remark about the image, such as "too dark" or "cut"; see docs/tables.md
    timings_ms: milliseconds spent in "detect", "crop", "classify" and "track"
    captured_s: when the frame of a live source came, by `time.monotonic()`; None of a recording
    """

    source: str
    index: int
    time_s: float
    image: NDArray[np.uint8] | None
    faces: tuple[Face, ...] = ()
    n_skipped: int = 0
    error: str | None = None
    note: str | None = None
    timings_ms: dict[str, float] = field(default_factory=dict)
    captured_s: float | None = None

    def __repr__(self) -> str:
        what = list(self.faces) if self.error is None else printable(self.error)
        where = f"{printable(self.source)}, frame {self.index}, {self.time_s:.2f} s"
        return f"<FrameResult {where}: {what}>"

    def _repr_png_(self) -> bytes | None:
        """Return the annotated picture, which a notebook shows; None without an image."""
        from livefer.drawing.notebooks import frame_png

        return frame_png(self)

    def to_dict(self, landmarks: bool = False) -> dict[str, Any]:
        """Return plain data that json can write; pixels are left out.

        landmarks: as in Face.to_dict
        """
        return {
            "source": printable(self.source),
            "index": self.index,
            "time_s": round(self.time_s, 4),
            "captured_s": None if self.captured_s is None else round(self.captured_s, 4),
            "n_skipped": self.n_skipped,
            "error": None if self.error is None else printable(self.error),
            "note": self.note,
            "faces": [face.to_dict(landmarks) for face in self.faces],
        }


@dataclass(frozen=True, slots=True)
class Marker:
    """A moment of a live session that someone wants to find again: a key, a stimulus.

    text: what it is
    captured_s: when it was, by `time.monotonic()`, the clock of `FrameResult.captured_s`
    """

    text: str
    captured_s: float


def _named(classes: tuple[str, ...], values: NDArray[np.float32]) -> dict[str, float]:
    return {name: round(float(value), 4) for name, value in zip(classes, values, strict=True)}


def main_face(faces: Sequence[Face]) -> Face | None:
    """Return the largest face, which charts and other programs show; None if there is none."""
    sides = sides_of(as_boxes([face.box for face in faces]))
    return faces[int(sides.argmax())] if len(faces) else None
