"""Labels of many faces: never at another face, badges where there is no room, and their list."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from fakes import make_face
from numpy.typing import NDArray

from livefer.drawing import labels
from livefer.drawing.faces import draw_faces, paint_faces
from livefer.drawing.labels import Labelling
from livefer.drawing.places import free_plate, overlap
from livefer.drawing.text import Corner
from livefer.results import Face

Box = tuple[float, float, float, float]
WINDOWS = [(560, 420), (1280, 720), (1920, 1080)]


def blank(wh: tuple[int, int]) -> NDArray[np.uint8]:
    return np.full((wh[1], wh[0], 3), 90, np.uint8)


def rows_of_faces(wh: tuple[int, int], columns: int, rows: int, ids: bool = True) -> list[Face]:
    """Faces side by side in the upper half, as close together as people stand."""
    step = wh[0] / columns
    side = min(0.8 * step, 0.45 * wh[1] / rows)
    boxes = [
        (0.1 * step + x * step, 0.05 * wh[1] + 1.1 * y * side, side)
        for y, x in itertools.product(range(rows), range(columns))
    ]
    return [
        make_face(
            (left, top, left + side, top + side),
            "fear", 0.6, "surprise", uncertain=True, track_id=i if ids else None,
        )
        for i, (left, top, side) in enumerate(boxes, 1)
    ]  # fmt: skip


class Marks:
    """Records the plates of labels, badges and lists, and all text."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.plates: list[Box] = []
        self.texts: list[str] = []
        paint_plate, paint_text = labels.paint_plate, labels.paint_text

        def note_plate(image, plate, fill, opacity) -> None:  # type: ignore[no-untyped-def]
            self.plates.append(tuple(plate.tolist()))
            paint_plate(image, plate, fill, opacity)

        def note_text(image, text, xy, size, colour) -> None:  # type: ignore[no-untyped-def]
            self.texts.append(text)
            paint_text(image, text, xy, size, colour)

        patch.setattr(labels, "paint_plate", note_plate)
        patch.setattr(labels, "paint_text", note_text)


@pytest.fixture
def marks(monkeypatch: pytest.MonkeyPatch) -> Marks:
    return Marks(monkeypatch)


def boxes_of(faces: list[Face]) -> NDArray[np.float32]:
    return np.array([face.box for face in faces], np.float32)


@pytest.mark.parametrize("wh", WINDOWS)
@pytest.mark.parametrize(("columns", "rows"), [(4, 1), (8, 1), (5, 2), (8, 2)])
def test_from_four_faces_on_no_label_lies_at_another_face(
    wh: tuple[int, int], columns: int, rows: int, marks: Marks
) -> None:
    faces = rows_of_faces(wh, columns, rows)
    draw_faces(blank(wh), faces)
    boxes = boxes_of(faces)
    for plate in np.array(marks.plates[: len(faces)], np.float32):
        hidden = sorted(float(overlap(plate[None], box[None])[0]) for box in boxes)
        assert hidden[-2] <= labels._MAY_HIDE, "it may lie at its own face alone"
    for a, b in itertools.combinations(np.array(marks.plates[: len(faces)], np.float32), 2):
        assert overlap(a[None], b[None])[0] == 0
    assert {text for text in marks.texts if "60%" in text}, "the answers are to be read"


def test_three_faces_have_their_labels_however_close_they_are(marks: Marks) -> None:
    faces = rows_of_faces((200, 200), 3, 1)
    assert paint_faces(blank((200, 200)), faces) == Labelling()
    assert len(marks.texts) == 3


def test_every_badge_is_in_the_list_with_its_answer(marks: Marks) -> None:
    faces = rows_of_faces((560, 420), 8, 2)
    labelling = paint_faces(blank((560, 420)), faces)
    assert labelling.badged == set(range(1, 17)), "so many have no room that all have badges"
    numbers = [f"#{i}" for i in range(1, 17)]
    assert sorted(marks.texts[:16]) == sorted(numbers)
    assert marks.texts[16::2] == numbers
    assert set(marks.texts[17::2]) == {"fear or surprise? 60%"}
    assert labelling.list_plate is not None
    assert overlap(labelling.list_plate[None], boxes_of(faces))[0] == 0


def test_faces_of_a_picture_are_counted_from_left_to_right(marks: Marks) -> None:
    faces = rows_of_faces((560, 420), 8, 2, ids=False)
    draw_faces(blank((560, 420)), sorted(faces, key=lambda face: face.box[0]))
    assert marks.texts[16::2] == [f"{i}" for i in range(1, 17)]


def test_a_few_badges_leave_the_others_their_labels() -> None:
    """Two faces are close together, and four have room."""
    boxes = [(20, 300, 80, 360), (200, 300, 260, 360), (380, 300, 440, 360), (480, 40, 540, 100)]
    close = [(60, 60, 90, 90), (92, 60, 122, 90), (60, 92, 90, 122), (92, 92, 122, 122)]
    inner = [(76, 76, 106, 106)]
    faces = [make_face(box, track_id=i) for i, box in enumerate(boxes + close + inner, 1)]
    badged = paint_faces(blank((560, 420)), faces).badged
    assert badged
    assert badged <= {5, 6, 7, 8, 9}


def changes_of_badges(gap: float, with_memory: bool) -> int:
    """Return how often badges come or go in 20 frames of a grid of trembling faces."""
    random = np.random.default_rng(3)
    labelling, kinds = None, []
    for _ in range(20):
        faces = [
            make_face(
                tuple(
                    np.array([74 * x, (60 + gap) * y, 74 * x + 60, (60 + gap) * y + 60])
                    + random.normal(0, 0.7, 4)
                ),
                "happy",
                track_id=10 + 4 * x + y,
            )
            for x, y in itertools.product(range(8), range(4))
        ]
        before = labelling if with_memory else None
        labelling = paint_faces(blank((600, 400)), faces, before=before)
        kinds.append(labelling.badged)
    return sum(a != b for a, b in itertools.pairwise(kinds))


def test_labels_and_badges_do_not_alternate_while_faces_tremble() -> None:
    gaps = (15, 18)
    assert max(changes_of_badges(gap, False) for gap in gaps) >= 10
    assert max(changes_of_badges(gap, True) for gap in gaps) <= 3


def test_the_list_stays_where_it_is_while_it_hides_no_face() -> None:
    wh = (560, 420)
    first = paint_faces(blank(wh), rows_of_faces(wh, 8, 2))
    assert first.list_plate is not None
    moved = [
        make_face(
            tuple(np.array(face.box) + 3), "fear", 0.6, "surprise",
            uncertain=True, track_id=face.track_id,
        )
        for face in rows_of_faces(wh, 8, 2)
    ]  # fmt: skip
    second = paint_faces(blank(wh), moved, before=first)
    assert second.list_plate is not None
    assert np.array_equal(second.list_plate, first.list_plate)


def test_a_list_that_would_hide_the_faces_is_left_out(marks: Marks) -> None:
    faces = rows_of_faces((300, 100), 6, 1)
    filled = [
        make_face((50 * (i % 6), 50 * (i // 6), 50 * (i % 6) + 50, 50 * (i // 6) + 50), track_id=i)
        for i in range(12)
    ]
    assert len(faces) == 6
    assert paint_faces(blank((300, 100)), filled).list_plate is None


@pytest.mark.parametrize("wish", ["top", "top-left", "bottom", "centre"])
def test_a_plate_goes_where_it_hides_nothing(wish: Corner) -> None:
    image = blank((560, 420))
    boxes = np.array([[180, 60, 380, 330]], np.float32)
    bars = np.array([400, 6, 554, 160], np.float32)
    number, plate = free_plate(image, [(300, 30), (150, 60)], [bars], boxes, wish)
    assert overlap(plate[None], np.vstack([boxes, bars[None]]))[0] == 0
    assert tuple(plate[2:] - plate[:2]) == [(300, 30), (150, 60)][number]
    assert (plate >= 0).all()
    assert plate[2] <= 560
    assert plate[3] <= 420
    again = free_plate(image, [(300, 30), (150, 60)], [bars], boxes + 2, "centre", plate)
    assert again[0] == number
    assert np.array_equal(again[1], plate)


def test_a_plate_leaves_its_place_when_a_face_comes_there() -> None:
    image = blank((560, 420))
    nothing = np.empty((0, 4), np.float32)
    _, plate = free_plate(image, [(200, 30)], [], nothing, "top")
    assert plate[1] < 10
    face = np.array([[150, 0, 400, 250]], np.float32)
    _, moved = free_plate(image, [(200, 30)], [], face, "top", plate)
    assert overlap(moved[None], face)[0] == 0
