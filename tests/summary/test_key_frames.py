"""The clearest faces of each person, in bounded memory."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from fakes import make_face, make_scene

from livefer.results import FrameResult
from livefer.summary import key_frames as keyframes
from livefer.summary.key_frames import KeyFrames, portraits

BOX = (100.0, 80.0, 160.0, 140.0)


def add(frames: KeyFrames, index: int, label: str, confidence: float, **more: object) -> None:
    level = int(100 + 100 * confidence)
    image = make_scene((100, 80, level))
    face = make_face(more.pop("box", BOX), label, confidence, **{"track_id": 1, **more})
    frames.add(FrameResult("a.mp4", index, index / 10, image, (face,)))


def test_the_most_confident_moment_of_each_expression_is_kept() -> None:
    frames = KeyFrames()
    for index, (label, confidence) in enumerate(
        [("happy", 0.7), ("happy", 0.95), ("happy", 0.8), ("sad", 0.6)]
    ):
        add(frames, index, label, confidence)
    add(frames, 4, "fear", 0.99, uncertain=True)
    add(frames, 5, "fear", 0.99, track_id=None)
    found = frames.of("a.mp4")
    assert [(f.label, f.time_s, f.track_id) for f in found] == [("happy", 0.1, 1), ("sad", 0.3, 1)]
    assert found[0].confidence == pytest.approx(0.95)
    assert frames.of("b.mp4") == []
    face = portraits(found)[1]
    assert face.shape == (160, 160, 3)
    assert abs(int(face[80, 80, 0]) - 195) < 4, "the frame of the most confident moment"
    assert face[2, 2, 0] < 60, "some of the surroundings"


def test_the_least_uncertain_moment_is_kept_of_a_person_who_was_never_certain() -> None:
    frames = KeyFrames()
    for index, (label, confidence) in enumerate([("sad", 0.3), ("fear", 0.5), ("sad", 0.4)]):
        add(frames, index, label, confidence, uncertain=True)
    [frame] = frames.of("a.mp4")
    assert (frame.time_s, frame.uncertain) == (0.1, True)
    assert list(portraits([frame])) == [1]
    add(frames, 3, "happy", 0.9)
    assert [(f.label, f.uncertain) for f in frames.of("a.mp4")] == [("happy", False)]


@pytest.mark.parametrize(
    "box", [(-30.0, -20.0, 40.0, 50.0), (300.0, 200.0, 400.0, 300.0), (0.0, 0.0, 900.0, 900.0)]
)
def test_faces_at_the_edge_are_square(box: tuple[float, float, float, float]) -> None:
    frames = KeyFrames(side_px=50)
    add(frames, 0, "happy", 0.9, box=box)
    [frame] = frames.of("a.mp4")
    image = cv2.imdecode(np.frombuffer(frame.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image.shape == (50, 50, 3)


def test_persons_seen_least_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyframes, "_MOST_PERSONS", 3)
    frames = KeyFrames()
    for who in range(1, 10):
        for _ in range(2 if who in (2, 5, 7) else 1):
            add(frames, who, "happy", 0.9, track_id=who)
    assert [f.track_id for f in frames.of("a.mp4")] == [2, 5, 7]


def test_persons_who_were_never_certain_are_forgotten_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keyframes, "_MOST_PERSONS", 2)
    frames = KeyFrames()
    for who in (1, 1, 1, 2, 2):
        add(frames, who, "fear", 0.3, track_id=who, uncertain=True)
    add(frames, 3, "happy", 0.9, track_id=3)
    assert [f.track_id for f in frames.of("a.mp4")] == [1, 3]


def test_frames_without_an_image_are_left_out() -> None:
    frames = KeyFrames()
    frames.add(FrameResult("a.mp4", 0, 0.0, None, error="broken"))
    assert frames.of("a.mp4") == []
