"""The whole road: image → detector → crops → network → tracker → faces.

faces = Recognizer()("holiday.jpg")
for result in Recognizer().stream(0): ...
"""

from __future__ import annotations

import time
from collections.abc import Generator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from livefer.capture import Frame
from livefer.classifier import EmotionClassifier
from livefer.detector import make_detector
from livefer.faces import crop_boxes, crop_faces
from livefer.results import Face, FrameResult
from livefer.sources import Source, as_image, open_source
from livefer.tracker import Tracker

MIN_FACE_PX = 16
"""A face whose box is smaller is called uncertain: there is too little to see in it."""


class Detector(Protocol):
    """What finds faces: HaarDetector, YuNetDetector, or yours."""

    @property
    def crop_scale(self) -> float: ...
    @property
    def crop_shift_y(self) -> float: ...
    def detect(self, image: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]: ...


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
    ) -> None:
        """Load the model and the detector.

        model: a model's name or .onnx file; None is the one that comes with livefer
        detector: "auto", "haar", "yunet", the path of a YuNet .onnx file, or an object
        smoothing_s: length of the window over which a stream's probabilities are averaged; 0: none
        uncertain_below: faces with less confidence are uncertain; None takes the model's own limit
        heatmaps: give each face the map of where the network looked
        """
        if model is None or isinstance(model, (str, Path)):
            model = EmotionClassifier(model)
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

        source, live: as in livefer.sources.open_source; an open Source too. It is closed at the end
        """
        return self._results(open_source(source, live))

    def _results(self, source: Source) -> Generator[FrameResult, None, None]:
        tracker = self.tracker()
        name, n_resets = None, self._n_resets
        with source:
            for frame in source:
                if frame.source != name or n_resets != self._n_resets:
                    tracker.reset()
                    name, n_resets = frame.source, self._n_resets
                yield self.process(frame, tracker)

    def tracker(self) -> Tracker:
        """Return a tracker for one stream, to be given to `process` with each of its frames."""
        return Tracker(self.smoothing_s)

    def reset(self) -> None:
        """Make every running stream forget its faces; their ids count from 1 again."""
        self._n_resets += 1

    def process(self, frame: Frame, tracker: Tracker | None = None) -> FrameResult:
        """Return what is in one frame; without a tracker, or in a still, nobody has an id."""
        if frame.image is None:
            return _result(frame, (), {})
        clock = [time.perf_counter()]
        detector, classifier = self.detector, self.classifier
        boxes, scores = detector.detect(frame.image)
        clock.append(time.perf_counter())
        scale, shift_y = detector.crop_scale * classifier.crop_scale, detector.crop_shift_y
        crops = crop_faces(frame.image, boxes, scale, shift_y, classifier.input_size)
        cams = None
        if self.heatmaps:
            raw, cams = classifier.predict_with_cams(crops)
        else:
            raw = classifier.predict(crops)
        clock.append(time.perf_counter())
        smoothed, ids = raw, None
        if tracker is not None and not frame.still:
            ids, smoothed = tracker.update(boxes, raw, frame.time_s)
        clock.append(time.perf_counter())

        squares = crop_boxes(boxes, scale, shift_y)
        faces = []
        for i in np.argsort(boxes[:, 0] if ids is None else ids, kind="stable"):
            side = min(boxes[i, 2] - boxes[i, 0], boxes[i, 3] - boxes[i, 1])
            heatmap = None
            if cams is not None:
                heatmap = classifier.heatmap(cams[i, smoothed[i].argmax()])
            face = Face(
                box=_four(boxes[i]),
                score=float(scores[i]),
                probabilities=smoothed[i],
                raw_probabilities=raw[i],
                classes=classifier.classes,
                uncertain=bool(smoothed[i].max() < self.uncertain_below or side < MIN_FACE_PX),
                crop_box=_four(squares[i]),
                track_id=None if ids is None else int(ids[i]),
                heatmap=heatmap,
            )
            faces.append(face)
        spent = 1000 * np.diff(clock)
        names = ("detect", "classify", "track")
        return _result(frame, tuple(faces), dict(zip(names, spent.tolist(), strict=True)))


def _result(frame: Frame, faces: tuple[Face, ...], timings_ms: dict[str, float]) -> FrameResult:
    return FrameResult(
        source=frame.source,
        index=frame.index,
        time_s=frame.time_s,
        image=frame.image,
        faces=faces,
        n_skipped=frame.n_skipped,
        error=frame.error,
        timings_ms=timings_ms,
    )


def _four(box: NDArray[np.float32]) -> tuple[float, float, float, float]:
    left, top, right, bottom = box.tolist()
    return left, top, right, bottom
