"""The whole road: image → detector → crops → network → tracker → faces.

faces = Recognizer()("holiday.jpg")
for result in Recognizer().stream(0): ...
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livefer.classifier import EmotionClassifier
from livefer.detection.detectors import make_detector
from livefer.faces.boxes import crop_boxes
from livefer.faces.crops import crop_faces
from livefer.faces.quality import too_small, usable, why_no_face
from livefer.faces.views import BOTH, boxes_of, turned, views_of
from livefer.media.pictures import as_image
from livefer.media.sources import Source, open_source
from livefer.results import Face, Frame, FrameResult
from livefer.tracking.live_search import FollowingTracker
from livefer.tracking.tracker import Seen, Tracker
from livefer.tracking.whole_search import Detector, SearchingTracker


class Recognizer:
    """Detector and network, ready for pictures and streams; each stream has its own tracker.

    Not thread-safe: one thread at a time may use it; `reset` and `heatmaps` may come from others.
    """

    def __init__(
        self,
        model: str | Path | EmotionClassifier | None = None,
        detector: str | Path | Detector = "auto",
        smoothing_s: float = 0.33,
        uncertain_below: float | None = None,
        heatmaps: bool = False,
        prior: float | None = None,
    ) -> None:
        """Load the model and the detector.

        model: a model's name or .onnx file; None is "human", which comes with livefer
        detector: "auto", "haar", "yunet", the path of a YuNet .onnx file, or an object
        smoothing_s: length of the window over which a stream's probabilities are averaged; 0: none
        uncertain_below: faces with less confidence are uncertain; None takes the model's own limit
        heatmaps: give each face the map of where the network looked
        prior: how much of the class frequencies in training is taken out of the probabilities,
            0 to 1, as in EmotionClassifier; None is the model's own choice
        """
        if model is None or isinstance(model, (str, Path)):
            model = EmotionClassifier(model, prior=prior)
        elif prior is not None:
            raise ValueError("prior is a setting of the classifier: give it to EmotionClassifier")
        if not smoothing_s >= 0:
            raise ValueError(f"smoothing_s is a number of seconds, 0 or more; got {smoothing_s}")
        if isinstance(detector, (str, Path)):
            detector = make_detector(detector)
        self.classifier = model
        self.detector: Detector = detector
        self.smoothing_s = smoothing_s
        self.uncertain_below = model.uncertain_below if uncertain_below is None else uncertain_below
        self.heatmaps = heatmaps
        self._n_resets = 0

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the model's classes."""
        return self.classifier.classes

    def __call__(self, image: Any) -> list[Face]:
        """Return the faces of one picture from left to right; an empty list where there is none.

        image: a path, an array ((H, W, 3) BGR, (H, W) gray, uint8) or a PIL image
        """
        return list(self.process(Frame("image", 0, 0.0, as_image(image), still=True)).faces)

    def stream(self, source: Any, live: bool | None = None) -> Generator[FrameResult, None, None]:
        """Open a source at once and yield a result for each of its frames.

        source: a camera's number, the URL of a stream, the path of a video, a picture or a folder,
            a glob ("holiday/**/*.jpg"), an image, a list of paths and images, or an open Source; it
            is closed at the end
        live: give the newest frame and count those left out; None means True for cameras and
            endless streams, True for a file plays it at its own speed
        """
        return self._results(open_source(source, live))

    def _results(self, source: Source) -> Generator[FrameResult, None, None]:
        tracker = self.tracker(source.live)
        name, index, n_resets = None, 0, self._n_resets
        with source:
            for frame in source:
                # A list may name a file twice.
                is_other = frame.source != name or frame.index < index
                if is_other or n_resets != self._n_resets:
                    tracker.reset()
                    name, n_resets = frame.source, self._n_resets
                index = frame.index
                yield self.process(frame, tracker)

    def tracker(self, live: bool = False) -> Tracker:
        """Return a tracker for one stream, to be given to `process` with each of its frames.

        live: search now and then, and follow the faces that are known in between, in a fraction of
            the time; a new face is found a moment later. Otherwise each frame is searched whole,
            and who was there and is not found looked for where they were
        """
        return (FollowingTracker if live else SearchingTracker)(self.smoothing_s)

    def reset(self) -> None:
        """Make every running stream forget its faces; their ids count from 1 again."""
        self._n_resets += 1

    def process(self, frame: Frame, tracker: Tracker | None = None) -> FrameResult:
        """Return what is in one frame; without a tracker, or in a still, nobody has an id."""
        return self.process_many([frame], [tracker])[0]

    def process_many(
        self, frames: Sequence[Frame], trackers: Sequence[Tracker | None]
    ) -> list[FrameResult]:
        """Return what `process` would for each frame, with one call of the network for all faces.

        trackers: one for each frame; the frames of one stream come in order and share theirs
        """
        if not frames:
            return []
        found = [self._find(*each) for each in zip(frames, trackers, strict=True)]
        began = time.perf_counter()
        crops = np.concatenate([turned(of_frame.crops, of_frame.views) for of_frame in found])
        if self.heatmaps:
            raw, cams = self.classifier.predict_with_cams(crops)
        else:
            raw, cams = self.classifier.predict(crops), None
        classify_ms = 1000 * (time.perf_counter() - began) / len(frames)
        results, end = [], 0
        for frame, tracker, of_frame in zip(frames, trackers, found, strict=True):
            start, end = end, end + len(of_frame.crops)
            shares = of_frame.means(raw[start:end])
            maps = None
            if cams is not None:
                maps = of_frame.means(turned(cams[start:end], of_frame.views))
            results.append(self._finish(frame, tracker, of_frame, shares, maps, classify_ms))
        return results

    def _find(self, frame: Frame, tracker: Tracker | None) -> _Found:
        """Detect and crop the faces of one frame."""
        size = self.classifier.input_size
        if frame.image is None:
            nothing = np.empty((0, 4), np.float32)
            crops = np.empty((0, size, size), np.uint8)
            none = np.empty(0, np.int64)
            return _Found(nothing, nothing[:, 0], nothing, crops, none, none, None, {})
        if frame.still:
            tracker = None
        if tracker is not None and frame.is_cut:
            tracker.forget()
        began = time.perf_counter()
        if isinstance(tracker, SearchingTracker):
            boxes, scores = tracker.find(
                self.detector, frame.image, frame.time_s, frame.n_skipped > 0
            )
        else:
            boxes, scores = self.detector.detect(frame.image)
        found = time.perf_counter()
        seen = None if tracker is None else tracker.begin(boxes, frame.time_s)
        # The mean over a face and its mirror image is right more often. Frames that are smoothed
        # take turns with these views and others, so that it costs nothing.
        if seen is not None and seen.is_smoothed:
            views = [views_of(number) for number in seen.numbers.tolist()]
        else:
            views = [BOTH] * len(boxes)
        tracked = time.perf_counter()
        of_face = np.repeat(np.arange(len(boxes)), [len(of_one) for of_one in views])
        view = np.array([number for of_one in views for number in of_one], np.int64)
        scale = self.detector.crop_scale * self.classifier.crop_scale
        shift_y = self.detector.crop_shift_y
        steady = boxes if seen is None else seen.boxes
        crops = crop_faces(frame.image, boxes_of(steady[of_face], view), scale, shift_y, size)
        squares = crop_boxes(steady, scale, shift_y)
        timings_ms = {
            "detect": 1000 * (found - began),
            "crop": 1000 * (time.perf_counter() - tracked),
            "track": 1000 * (tracked - found),
        }
        return _Found(boxes, scores, squares, crops, of_face, view, seen, timings_ms)

    def _finish(
        self,
        frame: Frame,
        tracker: Tracker | None,
        found: _Found,
        raw: NDArray[np.float32],
        cams: NDArray[np.float32] | None,
        classify_ms: float,
    ) -> FrameResult:
        """Track and smooth the faces of one frame."""
        if frame.image is None:
            return _result(frame, (), {})
        began, boxes = time.perf_counter(), found.boxes
        smoothed, ids, class_ids = raw, None, raw.argmax(axis=1)
        if tracker is not None and found.seen is not None:
            ids = found.seen.track_ids
            smoothed, cams = _smooth(tracker, found.seen, raw, cams)
            class_ids = tracker.decide(found.seen, smoothed)
        track_ms = found.timings_ms["track"] + 1000 * (time.perf_counter() - began)
        timings_ms = {
            "detect": found.timings_ms["detect"],
            "crop": found.timings_ms["crop"],
            "classify": classify_ms,
            "track": track_ms,
        }
        first = np.searchsorted(found.of_face, np.arange(len(boxes)))
        readable = usable(found.crops[first], found.squares, frame.image.shape[:2])
        readable &= ~too_small(boxes)
        faces = []
        for i in np.argsort(boxes[:, 0] if ids is None else ids, kind="stable"):
            heatmap = None
            if cams is not None:
                heatmap = self.classifier.heatmap(cams[i, class_ids[i]])
            face = Face(
                box=_four(boxes[i]),
                score=float(found.scores[i]),
                probabilities=smoothed[i],
                raw_probabilities=raw[i],
                classes=self.classifier.classes,
                class_id=int(class_ids[i]),
                uncertain=bool(smoothed[i, class_ids[i]] < self.uncertain_below or not readable[i]),
                crop_box=_four(found.squares[i]),
                track_id=None if ids is None else int(ids[i]),
                heatmap=heatmap,
            )
            faces.append(face)
        return _result(frame, tuple(faces), timings_ms)


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """The faces of one frame, before anybody knows what they show.

    boxes: (N, 4) float32, xyxy in pixels
    scores: (N,) float32
    squares: (N, 4) float32, xyxy in pixels: what the plain view shows
    crops: (M, S, S) uint8, at least one view of each face; none is mirrored yet
    of_face, views: (M,) int64, whose crop each is, growing, and which view
    seen: who they are, in a stream
    timings_ms: of "detect", "crop" and "track"
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    squares: NDArray[np.float32]
    crops: NDArray[np.uint8]
    of_face: NDArray[np.int64]
    views: NDArray[np.int64]
    seen: Seen | None
    timings_ms: dict[str, float]

    def means(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the mean over the views of each face: (M, ...) to (N, ...) float32."""
        if len(values) == len(self.boxes):
            return values
        sums = np.zeros((len(self.boxes), *values.shape[1:]), np.float32)
        np.add.at(sums, self.of_face, values)
        n_views = np.bincount(self.of_face, minlength=len(sums)).astype(np.float32)
        return np.asarray(sums / n_views.reshape(-1, *[1] * (values.ndim - 1)), np.float32)


def _smooth(
    tracker: Tracker, seen: Seen, raw: NDArray[np.float32], cams: NDArray[np.float32] | None
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Return the probabilities and maps smoothed in one go."""
    if cams is None:
        return tracker.smooth(seen, raw), None
    n, n_classes = raw.shape
    smoothed = tracker.smooth(seen, np.hstack([raw, cams.reshape(n, math.prod(cams.shape[1:]))]))
    return smoothed[:, :n_classes], smoothed[:, n_classes:].reshape(cams.shape)


def _result(frame: Frame, faces: tuple[Face, ...], timings_ms: dict[str, float]) -> FrameResult:
    return FrameResult(
        source=frame.source,
        index=frame.index,
        time_s=frame.time_s,
        image=frame.image,
        faces=faces,
        n_skipped=frame.n_skipped,
        error=frame.error,
        note=_note(frame, faces),
        timings_ms=timings_ms,
    )


def _note(frame: Frame, faces: tuple[Face, ...]) -> str | None:
    """Return what is known of a frame; of several things the last one in docs/tables.md."""
    if frame.note is not None or frame.image is None:
        return frame.note
    why = None if faces else why_no_face(frame.image)
    return why or ("cut" if frame.is_cut else None)


def _four(box: NDArray[np.float32]) -> tuple[float, float, float, float]:
    left, top, right, bottom = box.tolist()
    return left, top, right, bottom
