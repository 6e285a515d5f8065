"""What the tracks of films look like: a mean descriptor of the best faces of each."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livefer.identity.chips import chip_of, turned_away
from livefer.identity.network import SIDE, open_network
from livefer.identity.persons import KnownTrack
from livefer.results import Face, FrameResult

_GAP_S = 0.5  # of each half second the best face: neighbouring frames show nearly the same
_MOST = 8  # faces of a track
_FEWEST = 2  # a face of a moment may be none
_LEAST_PX = 32.0  # of the shorter side of the box: below it, people look alike
_MOST_TURNED = 0.35
_SHARP = 0.2  # a sharpness from which on more brings nothing
_KEEP_S = 3.0  # a track that is gone for so long never comes back: tracking/tracker.py


@dataclass
class _Track:
    best: dict[int, tuple[float, NDArray[np.uint8]]] = field(default_factory=dict)
    last_s: float = 0.0
    beside: set[int] = field(default_factory=set)
    descriptor: NDArray[np.float32] | None = None


class TrackFaces:
    """Looks at the results of films, one after another, and describes the face of each track.

    Images are kept of faces in view only. MissingExtraError without the `people` extra.
    """

    def __init__(self, threads: int | None = None) -> None:
        """threads: as of `open_network`."""
        self._network = open_network(threads)
        self._source: str | None = None
        self._tracks: dict[int, _Track] = {}
        self._known: list[KnownTrack] = []

    def add(self, result: FrameResult) -> None:
        """Take the next frame of a film, or the first one of the next film."""
        if result.source != self._source:
            self._end_source()
            self._source = result.source
        ids = {face.track_id for face in result.faces if face.track_id is not None}
        for face in result.faces:
            if face.track_id is None or result.image is None:
                continue
            track = self._tracks.setdefault(face.track_id, _Track())
            track.last_s = result.time_s
            track.beside |= ids - {face.track_id}
            self._look(track, face, result.image, result.time_s)
        for track in self._tracks.values():
            if track.best and not 0 <= result.time_s - track.last_s <= _KEEP_S:
                self._describe(track)

    def known(self, left_out: Collection[tuple[str, int]] = ()) -> list[KnownTrack]:
        """Return the tracks of all films so far, each film at its end, and forget them.

        left_out: source and number of tracks that do not count
        """
        self._end_source()
        known, self._known = self._known, []
        return [one for one in known if (one.source, one.track_id) not in left_out]

    def _look(self, track: _Track, face: Face, image: NDArray[np.uint8], time_s: float) -> None:
        quality = quality_of(face)
        if quality <= 0 or face.landmarks is None:
            return
        best, when = track.best, int(time_s / _GAP_S)
        if when in best or len(best) == _MOST:
            rival = when if when in best else min(best, key=lambda key: best[key][0])
            if quality <= best[rival][0]:
                return
            del best[rival]
        best[when] = quality, chip_of(image, face.landmarks)

    def _describe(self, track: _Track) -> None:
        chips = [chip for _, chip in track.best.values()]
        track.best.clear()
        if len(chips) >= _FEWEST:
            track.descriptor = describe(self._network, chips).mean(axis=0)

    def _end_source(self) -> None:
        for number, track in sorted(self._tracks.items()):
            if track.best:
                self._describe(track)
            if track.descriptor is not None:
                source, beside = str(self._source), frozenset(track.beside)
                self._known.append(KnownTrack(source, number, track.descriptor, beside))
        self._tracks.clear()
        self._source = None


def describe(network: Any, chips: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """Return the descriptors (N, 128) float32 of chips, each (150, 150, 3) uint8 BGR."""
    descriptors: NDArray[np.float32] = network.run(None, {"chips": np.stack(chips)})[0]
    return descriptors


def quality_of(face: Face) -> float:
    """Return how well a face shows who it is: 0, not at all, to 1."""
    if face.landmarks is None or face.why not in (None, "confidence"):
        return 0.0
    left, top, right, bottom = face.box
    side, turned = min(right - left, bottom - top), turned_away(face.landmarks)
    if side < _LEAST_PX or turned > _MOST_TURNED:
        return 0.0
    sharpness = _SHARP if face.sharpness is None else min(face.sharpness, _SHARP)
    return min(side / SIDE, 1.0) * sharpness / _SHARP * (1 - turned)
