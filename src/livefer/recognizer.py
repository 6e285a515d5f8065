"""The road from a source to results, in one screen.

    source → frame → detector → tracker → crops → classifier → smoother → FrameResult

faces = Recognizer()("holiday.jpg")
for result in Recognizer().stream(0): ...
"""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livefer.assets.files import PICTURE
from livefer.classifier import EmotionClassifier
from livefer.detection.detections import Detections
from livefer.detection.detectors import Detector, check_detector, make_detector
from livefer.faces.boxes import Boxes, crop_boxes, sides_of
from livefer.faces.quality import readability, short_sides, why_no_face
from livefer.faces.views import BOTH, Crops, cut_views
from livefer.media.own_frames import bgr_of, with_array
from livefer.media.pictures import as_image, read_image
from livefer.media.sources import Source, in_bgr, open_source
from livefer.profiles.profile import Profile
from livefer.profiles.running import AUTO, RunningProfile
from livefer.results import Face, Frame, FrameResult
from livefer.tables.sidecar import MODEL, SEARCH, VERSION
from livefer.tracking.choice import MostFaces, OnePerson, largest
from livefer.tracking.live_search import LiveSearch
from livefer.tracking.periodic_search import PeriodicSearch, can_follow
from livefer.tracking.smoothing import WINDOW_S, Smoothed, Smoother
from livefer.tracking.stream import MatchedFaces, Search, Stream
from livefer.tracking.whole_search import WholeSearch
from livefer.version import __version__


class Recognizer:
    """Detector and network, for pictures and streams; each stream has its own state.

    Several threads may use one; a `Stream`, and what `stream` returns, belong to one at a time.
    A detector of your own must allow that, too.
    """

    def __init__(
        self,
        model: str | Path | EmotionClassifier | None = None,
        detector: str | Path | Detector = "auto",
        smoothing_s: float = WINDOW_S,
        uncertain_below: float | None = None,
        heatmaps: bool = False,
        prior: float | None = None,
        profile: str | Path | Profile | None = None,
        min_score: float | None = None,
        every_frame: bool = False,
        one_person: bool = False,
        max_faces: int | None = None,
        min_face_px: float | None = None,
        rgb: bool = False,
    ) -> None:
        """Load the model and the detector.

        model: a model's name or .onnx file; None is "human", which comes with livefer
        detector: "auto" or "native", livefer's own; "haar", "yunet", the path of an .onnx file
            (YuNet's, or one that `livefer train-detector` wrote), or an object. "none" searches
            nothing: for pictures that are cut-out faces, as FER2013's; of one that is not square,
            the middle is taken
        smoothing_s: length of the window over which a stream's probabilities are averaged; 0: none
        uncertain_below: faces with less confidence are uncertain; None takes the model's own limit
        heatmaps: give each face the map of where the network looked
        prior: how much of the class frequencies in training is taken out of the probabilities,
            0 to 1, as in EmotionClassifier; None is the model's own choice
        profile: what the person's own neutral face looks like, or its file: `livefer profile`; it
            counts for the largest face of a picture, and in a stream for the face that was the
            largest when it appeared. "auto": live streams estimate it by themselves, and use it
            once they have seen the face for twenty seconds
        min_score: leave out faces with a lower score, 0 to 1. A detector given by name searches
            with it, so that less than its own limit brings more faces; an object's own limit stays.
            None: known faces in a stream may have a little less than new ones
        every_frame: search every frame of recordings whole, as "haar" always does; else every tenth
            of a second, and follow the faces in between, in half the time
        one_person: keep the main face only, the largest, and give it one track for a whole stream,
            across cuts and absences
        max_faces: keep so many faces of each frame, the largest
        min_face_px: leave out faces whose box has a shorter side
        rgb: the arrays that you hand over are RGB or RGBA, not BGR: alone, in lists and generators,
            and in Frames. Files, bytes and PIL images are right either way, and the images of
            results are always BGR
        """
        if model is None or isinstance(model, (str, Path)):
            model = EmotionClassifier(model, prior=prior)
        elif prior is not None:
            raise ValueError("prior is a setting of the classifier: give it to EmotionClassifier")
        if not smoothing_s >= 0:
            raise ValueError(f"smoothing_s is a number of seconds, 0 or more; got {smoothing_s}")
        if min_score is not None and not 0 <= min_score <= 1:
            raise ValueError(f"min_score is a detector's score, 0 to 1; got {min_score}")
        if max_faces is not None and max_faces < 1:
            raise ValueError(f"max_faces is a number of faces, 1 or more; got {max_faces}")
        if isinstance(detector, (str, Path)):
            detector = make_detector(detector, min_score=min_score)
        else:
            check_detector(detector, read_image(PICTURE))
        self.classifier = model
        self.detector: Detector = detector
        self.smoothing_s = smoothing_s
        self.uncertain_below = model.uncertain_below if uncertain_below is None else uncertain_below
        self.heatmaps = heatmaps
        self.is_profile_auto = profile == AUTO
        if profile == AUTO:
            profile = None
        elif isinstance(profile, (str, Path)):
            profile = Profile.load(profile)
        if profile is not None:
            profile.check(model)
        self.profile = profile
        self.min_score = min_score
        self.one_person, self.max_faces, self.min_face_px = one_person, max_faces, min_face_px
        self.every_frame = every_frame or not can_follow(detector)
        self.rgb = rgb
        self._n_resets = 0

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the model's classes."""
        return self.classifier.classes

    def metadata(self) -> dict[str, str]:
        """Return how this makes rows, for tables: names as in `livefer.tables.sidecar.HOW_MADE`."""
        model, faces = self.classifier, list[str]()
        if self.one_person:
            faces.append("the main one")
        elif self.max_faces is not None:
            faces.append(f"the {self.max_faces} largest")
        if self.min_face_px is not None:
            faces.append(f"from {self.min_face_px:g} px")
        known = {
            VERSION: __version__,
            MODEL: str(model.name),
            "livefer.model_sha256": getattr(model, "sha256", None),
            "livefer.detector": getattr(self.detector, "name", type(self.detector).__name__),
            "livefer.min_score": _plain(self.min_score),
            SEARCH: "every frame" if self.every_frame else "every tenth of a second",
            "livefer.faces": ", ".join(faces) or None,
            "livefer.prior": _plain(getattr(model, "prior", None)),
            "livefer.uncertain_below": _plain(self.uncertain_below),
            "livefer.smoothing_s": _plain(self.smoothing_s),
            "livefer.profile": None if self.profile is None else self.profile.name,
        }
        return {key: str(value) for key, value in known.items() if value is not None}

    def __call__(self, image: Any) -> list[Face]:
        """Return the faces of one picture from left to right; an empty list if there is none.

        image: a path or address, an array ((H, W, 3) BGR, (H, W) gray, uint8) or a PIL image, the
            bytes of a picture file or an open one; it is turned upright by its EXIF orientation
        """
        array = as_image(bgr_of(image) if self.rgb else image)
        frame = Frame("image", 0, 0.0, array, still=True)
        return list(self._process_many([frame], [None], self.heatmaps)[0].faces)

    def stream(self, source: Any, live: bool | None = None) -> Generator[FrameResult, None, None]:
        """Open a source at once and yield a result for each of its frames.

        source: a camera's number, the address of a stream or a picture, the path of a video, a
            picture or a folder, a glob ("holiday/**/*.jpg"), an image, or an open Source, which is
            closed at the end; a list of these, in which cameras and endless streams run side by
            side, and images among paths have nothing to do with each other; or any iterable of
            nothing but images, pairs (time in seconds, image) or Frames: one stream, as of a video
        live: give the newest frame and count those left out; None means True for cameras and
            endless streams, True for a file plays it at its own speed. An iterable's images without
            times get that of the clock if True, otherwise 1/30 s each
        """
        return self._results(open_source(in_bgr(source) if self.rgb else source, live))

    def _results(self, source: Source) -> Generator[FrameResult, None, None]:
        streams: dict[str, Stream] = {}
        last: dict[str, int] = {}
        n_resets = self._n_resets
        with source:
            for frame in source:
                if n_resets != self._n_resets:
                    n_resets = self._n_resets
                    streams.clear()
                stream = None
                if not frame.still:
                    # A list may name a file twice.
                    is_again = frame.index < last.get(frame.source, 0)
                    if is_again or frame.source not in streams:
                        streams[frame.source] = self.new_stream(source.live)
                    last[frame.source], stream = frame.index, streams[frame.source]
                yield self._process_many([frame], [stream], self.heatmaps)[0]

    def new_stream(self, live: bool = False, profile: Profile | None = None) -> Stream:
        """Return a new stream, to be given to `process` with each of its frames.

        live: search as far as the detector can in a camera's time; False searches a recording as
            `every_frame` says, by the times of its frames: the result is the same on every machine
        profile: of this stream's person; None takes the recogniser's
        """
        search: Search = WholeSearch() if self.every_frame else PeriodicSearch()
        own: Profile | RunningProfile | None = profile or self.profile
        if own is None and live and self.is_profile_auto:
            own = RunningProfile(self.classifier)
        smoother = Smoother(self.smoothing_s)
        choice: OnePerson | MostFaces | None = OnePerson() if self.one_person else None
        if choice is None and self.max_faces is not None:
            choice = MostFaces(self.max_faces)
        return Stream(LiveSearch() if live else search, smoother, profile=own, choice=choice)

    def reset(self) -> None:
        """Make every running stream forget its faces; their ids count from 1 again."""
        self._n_resets += 1

    def process(self, frame: Frame, stream: Stream | None = None) -> FrameResult:
        """Return the faces of one frame; without a stream, or in a still, they have no ids."""
        return self.process_many([frame], [stream])[0]

    def process_many(
        self,
        frames: Sequence[Frame],
        streams: Sequence[Stream | None],
        *,
        heatmaps: bool | None = None,
    ) -> list[FrameResult]:
        """Return what `process` would for each frame, with one call of the network for all faces.

        streams: one for each frame; the frames of one stream come in order and share theirs
        heatmaps: None is what the recogniser is set to
        """
        frames = [with_array(bgr_of(frame) if self.rgb else frame) for frame in frames]
        return self._process_many(frames, streams, self.heatmaps if heatmaps is None else heatmaps)

    def _process_many(
        self, frames: Sequence[Frame], streams: Sequence[Stream | None], heatmaps: bool
    ) -> list[FrameResult]:
        frames = [with_array(frame) for frame in frames]
        found = [
            self._find(frame, None if frame.still else stream)
            for frame, stream in zip(frames, streams, strict=True)
            if frame.image is not None
        ]
        answers = self._classify(found, heatmaps)
        finished = (self._finish(one, *answer) for one, answer in zip(found, answers, strict=True))
        return [_result(frame) if frame.image is None else next(finished) for frame in frames]

    def _find(self, frame: Frame, stream: Stream | None) -> _FoundFaces:
        """Take a frame with an image from the detector to the crops."""
        assert frame.image is not None
        began = time.perf_counter()
        if stream is None:
            detections = Detections(*self.detector.detect(frame.image))
        else:
            detections = stream.find(frame, self.detector)
        if self.min_score is not None:
            detections = detections.only(detections.scores >= self.min_score)
        if self.min_face_px is not None:
            detections = detections.only(short_sides(detections.boxes) >= self.min_face_px)
        most = 1 if self.one_person else self.max_faces
        if stream is None and most is not None:
            detections = detections.only(largest(detections.boxes, most))
        detected = time.perf_counter()
        boxes, matched = detections.boxes, None
        # The mean over a face and its mirror image is right more often than one of them.
        views: Sequence[tuple[int, ...]] = [BOTH] * len(boxes)
        if stream is not None:
            matched = stream.match(boxes, frame.time_s)
            detections = detections.only(matched.rows)
            boxes, views = matched.boxes, matched.views
        tracked = time.perf_counter()
        scale = self.detector.crop_scale * self.classifier.crop_scale
        shift_y = self.detector.crop_shift_y
        size = self.classifier.input_size
        crops = cut_views(frame.image, boxes, views, scale, shift_y, size)
        squares = crop_boxes(boxes, scale, shift_y)
        timings_ms = {
            "detect": 1000 * (detected - began),
            "crop": 1000 * (time.perf_counter() - tracked),
            "classify": 0.0,
            "track": 1000 * (tracked - detected),
        }
        return _FoundFaces(frame, stream, detections, matched, crops, squares, timings_ms)

    def _classify(self, found: Sequence[_FoundFaces], heatmaps: bool) -> list[_Answer]:
        """Return the network's answers for each frame, from one call for all frames."""
        if not found:
            return []
        began = time.perf_counter()
        shown = np.concatenate([one.crops.shown() for one in found])
        if heatmaps:
            raw, cams = self.classifier.predict_with_cams(shown)
        else:
            raw, cams = self.classifier.predict(shown), None
        classify_ms = 1000 * (time.perf_counter() - began) / len(found)
        answers: list[_Answer] = []
        end = 0
        for one in found:
            start, end = end, end + len(one.crops)
            maps = None if cams is None else one.crops.map_means(cams[start:end])
            answers.append((one.crops.means(raw[start:end]), maps))
            one.timings_ms["classify"] = classify_ms
        return answers

    def _finish(
        self, found: _FoundFaces, raw: NDArray[np.float32], cams: NDArray[np.float32] | None
    ) -> FrameResult:
        """Smooth the answers of one frame, and put its result together."""
        frame, began = found.frame, time.perf_counter()
        assert frame.image is not None
        boxes, ids = found.detections.boxes, None
        if found.stream is None or found.matched is None:
            judged, mine, name = raw, None, None
            if self.profile is not None and len(boxes):
                mine, name = int(sides_of(boxes).argmax()), self.profile.name
                judged = self.profile.judge_row(raw, mine)
            smoothed = Smoothed(judged, cams, judged.argmax(axis=1), raw, mine, name)
        else:
            smoothed = found.stream.smooth(found.matched, frame.time_s, raw, cams)
            ids = [1] * len(boxes) if self.one_person else found.matched.track_ids
        found.timings_ms["track"] += 1000 * (time.perf_counter() - began)
        confidence = smoothed.probabilities[np.arange(len(boxes)), smoothed.class_ids]
        crops, image_hw = found.crops.one_each(), frame.image.shape[:2]
        can_read = readability(crops, boxes, found.squares, image_hw)
        faces = []
        for i in np.argsort(boxes[:, 0] if ids is None else ids, kind="stable"):
            why = can_read.why[i]
            if why is None and confidence[i] < self.uncertain_below:
                why = "confidence"
            class_id, heatmap = int(smoothed.class_ids[i]), None
            if smoothed.cams is not None:
                heatmap = self.classifier.heatmap(smoothed.cams[i, class_id])
            face = Face(
                box=_four(boxes[i]),
                score=float(found.detections.scores[i]),
                probabilities=smoothed.probabilities[i],
                raw_probabilities=raw[i],
                classes=self.classifier.classes,
                class_id=class_id,
                uncertain=why is not None,
                crop_box=_four(found.squares[i]),
                track_id=None if ids is None else ids[i],
                heatmap=heatmap,
                landmarks=found.detections.landmarks_of(i),
                profile=smoothed.profile if i == smoothed.mine else None,
                plain_probabilities=smoothed.plain[i] if i == smoothed.mine else None,
                why=why,
                sharpness=float(can_read.sharpness[i]),
                brightness=float(can_read.brightness[i]),
                crop=crops[i].copy(),
            )
            faces.append(face)
        return _result(frame, tuple(faces), found.timings_ms)


def _plain(number: float | None) -> str | None:
    return None if number is None else f"{number:g}"


_Answer = tuple[NDArray[np.float32], NDArray[np.float32] | None]
"""Of the faces of one frame: probabilities (N, C), and maps (N, C, h, w) where asked for."""


@dataclass(frozen=True, slots=True, eq=False)
class _FoundFaces:
    """The faces of one frame on their way to the network.

    stream, matched: None for a still
    squares: (N, 4) float32, xyxy in pixels: what the plain view shows
    timings_ms: of the stages so far
    """

    frame: Frame
    stream: Stream | None
    detections: Detections
    matched: MatchedFaces | None
    crops: Crops
    squares: Boxes
    timings_ms: dict[str, float]


def _result(
    frame: Frame, faces: tuple[Face, ...] = (), timings_ms: dict[str, float] | None = None
) -> FrameResult:
    return FrameResult(
        source=frame.source,
        index=frame.index,
        time_s=frame.time_s,
        image=frame.image,
        faces=faces,
        n_skipped=frame.n_skipped,
        error=frame.error,
        note=_note(frame, faces),
        timings_ms=timings_ms or {},
        captured_s=frame.captured_s,
    )


def _note(frame: Frame, faces: tuple[Face, ...]) -> str | None:
    """Return what is known of a frame; of several things the last one in docs/tables.md."""
    if frame.note is not None or frame.image is None:
        return frame.note
    why = None if faces else why_no_face(frame.image)
    rest = "cut" if frame.is_cut else "at an assumed rate" if frame.is_fps_assumed else None
    return why or rest


def _four(box: NDArray[np.float32]) -> tuple[float, float, float, float]:
    left, top, right, bottom = box.tolist()
    return left, top, right, bottom
