"""Labels, boxes, bars and heat maps: inside the picture, readable, apart, in their place."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from fakes import make_face
from numpy.typing import NDArray

from livefer.drawing import faces as drawing
from livefer.drawing import labels, text
from livefer.drawing.faces import (
    draw_faces,
    draw_heatmap,
    free_corner,
    overlay_cam,
    paint_bars,
)
from livefer.drawing.labels import label_text
from livefer.drawing.text import paint_panel
from livefer.labels import CLASSES, colour_bgr

SIZES = [(160, 120), (120, 160), (640, 480), (1920, 1080), (3840, 2160)]


Plate = tuple[tuple[float, ...], text.Colour, float]
Text = tuple[str, tuple[float, ...], text.Colour]


class Painted:
    """Records every plate and every line of text while they are painted.

    The content of an overlay is recorded where it is laid over a picture.
    """

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.plates: list[Plate] = []
        self.texts: list[Text] = []
        paint_plate, paint_text = text.paint_plate, text.paint_text
        make_overlay, lay_over = text.make_overlay, text.lay_over
        held: list[tuple[text.Overlay, list[Plate], list[Text]]] = []
        text._panel.cache_clear()
        drawing._bars.cache_clear()

        def note_plate(image: Any, plate: Any, fill: text.Colour, opacity: float) -> None:
            self.plates.append((tuple(plate.tolist()), fill, opacity))
            paint_plate(image, plate, fill, opacity)

        def note_text(image: Any, line: str, xy: Any, size: int, colour: text.Colour) -> None:
            w, h = text.text_wh(line, size)
            if line:
                self.texts.append((line, (xy[0], xy[1], xy[0] + w, xy[1] + h), colour))
            paint_text(image, line, xy, size, colour)

        def note_overlay(wh: tuple[int, int], paint: Any) -> text.Overlay:
            outside = self.plates, self.texts
            self.plates, self.texts = [], []
            paint(blank(wh))
            plates, texts = self.plates, self.texts
            self.plates, self.texts = [], []
            overlay = make_overlay(wh, paint)
            self.plates, self.texts = outside
            held.append((overlay, plates, texts))
            return overlay

        def note_where(image: Any, overlay: text.Overlay, plate: Any) -> None:
            ((plates, texts),) = [(p, t) for o, p, t in held if o is overlay]
            x, y = int(plate[0]), int(plate[1])

            def moved(box: tuple[float, ...]) -> tuple[float, ...]:
                return box[0] + x, box[1] + y, box[2] + x, box[3] + y

            self.plates += [(moved(box), fill, opacity) for box, fill, opacity in plates]
            self.texts += [(line, moved(box), ink) for line, box, ink in texts]
            lay_over(image, overlay, plate)

        for module in (drawing, labels, text):
            patch.setattr(module, "paint_plate", note_plate)
            patch.setattr(module, "paint_text", note_text)
        for module in (drawing, text):
            patch.setattr(module, "make_overlay", note_overlay)
            patch.setattr(module, "lay_over", note_where)


@pytest.fixture
def painted(monkeypatch: pytest.MonkeyPatch) -> Painted:
    return Painted(monkeypatch)


def blank(wh: tuple[int, int], level: int = 90) -> NDArray[np.uint8]:
    return np.full((wh[1], wh[0], 3), level, np.uint8)


def is_inside(inner: tuple[float, ...], outer: tuple[float, ...]) -> bool:
    return (
        inner[0] >= outer[0]
        and inner[1] >= outer[1]
        and inner[2] <= outer[2]
        and inner[3] <= outer[3]
    )


def overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return max(width, 0) * max(height, 0)


@pytest.mark.parametrize("wh", SIZES)
@pytest.mark.parametrize("uncertain", [False, True])
def test_labels_stay_inside_at_every_border(
    wh: tuple[int, int], uncertain: bool, painted: Painted
) -> None:
    side = min(wh) / 4
    for x, y in itertools.product((-0.5, 0, 0.5, 1, 1.2), repeat=2):
        left, top = x * (wh[0] - side), y * (wh[1] - side)
        face = make_face(
            (left, top, left + side, top + side), "disgust", 0.55, "surprise",
            uncertain=uncertain, track_id=12,
        )  # fmt: skip
        draw_faces(blank(wh), [face])
    assert len(painted.texts) == len(painted.plates) == 25
    for (_, box, _), (plate, _, _) in zip(painted.texts, painted.plates, strict=True):
        assert is_inside(box, plate)
        assert is_inside(plate, (0, 0, *wh))


@pytest.mark.parametrize("wh", SIZES)
def test_bars_and_panels_stay_inside(wh: tuple[int, int], painted: Painted) -> None:
    image = blank(wh)
    face = make_face((10, 10, 50, 50), track_id=3)
    corners: tuple[text.Corner, ...] = ("top-left", "top-right", "bottom-left", "bottom-right")
    for corner in corners:
        paint_bars(image, face, corner)
        paint_panel(image, ["12 faces", ("recognised", "30 fps")], corner)
    paint_panel(image, ["a message that is a good deal longer than anything is wide"], "top")
    paint_panel(image, [("key", "meaning")] * 6, "centre")
    assert len(painted.plates) == 10
    for plate, _, _ in painted.plates:
        assert is_inside(plate, (0, 0, *wh))
    for line, box, _ in painted.texts:
        assert any(is_inside(box, plate) for plate, _, _ in painted.plates), line


@pytest.mark.parametrize("wh", [(1, 1), (1, 40), (7, 3), (31, 17)])
def test_nothing_breaks_in_a_tiny_picture(wh: tuple[int, int]) -> None:
    face = make_face((-2, -2, 5, 5), heatmap=np.ones((48, 48), np.float32), uncertain=True)
    assert draw_faces(blank(wh), [face], heatmaps=True, bars=True).shape == (wh[1], wh[0], 3)
    image = blank(wh)
    paint_bars(image, face)
    paint_panel(image, ["text", ("two", "columns")], "bottom-right")


def luminance(bgr: tuple[float, ...]) -> float:
    """Relative luminance, https://www.w3.org/TR/WCAG22/#dfn-relative-luminance"""
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in np.array(bgr) / 255
    ]
    return float(np.dot(linear, [0.0722, 0.7152, 0.2126]))


def contrast(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    dark, light = sorted((luminance(a), luminance(b)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_text_is_readable_on_any_background(level: int, painted: Painted) -> None:
    """WCAG 2.2 asks for a contrast of 4.5."""
    for label, uncertain in itertools.product(CLASSES, (False, True)):
        face = make_face((200, 200, 300, 300), label, uncertain=uncertain, track_id=1)
        for paint in (
            lambda image, face=face: drawing.paint_faces(image, [face]),
            lambda image, face=face: paint_bars(image, face),
            lambda image: paint_panel(image, ["1 face", ("shown", "30 fps")], "bottom-left"),
        ):
            painted.texts.clear()
            painted.plates.clear()
            paint(blank((640, 480), level))
            ((_, fill, opacity),) = painted.plates
            ground = tuple(opacity * c + (1 - opacity) * level for c in fill)
            assert painted.texts
            for line, _, ink in painted.texts:
                assert contrast(ink, ground) >= 4.5, (line, ink, fill)


@pytest.mark.parametrize(
    "boxes",
    [
        [(100, 100, 200, 200), (130, 110, 230, 210)],
        [(100, 100, 200, 200), (100, 100, 200, 200)],
        [(0, 0, 90, 90), (60, 5, 150, 95), (120, 0, 210, 90)],
        [(300, 200, 360, 260), (310, 205, 370, 265), (320, 215, 380, 275), (305, 225, 365, 285)],
    ],
)
def test_labels_of_overlapping_faces_do_not_cover_each_other(
    boxes: list[tuple[float, float, float, float]], painted: Painted
) -> None:
    faces = [make_face(box, "fear", 0.4, "sad", uncertain=True) for box in boxes]
    draw_faces(blank((640, 480)), faces)
    plates = [plate for plate, _, _ in painted.plates][: len(boxes)]
    assert len(plates) == len(boxes)
    assert sum(overlap(a, b) for a, b in itertools.combinations(plates, 2)) == 0


def test_a_label_avoids_the_bars_and_another_face(painted: Painted) -> None:
    """The label would lie above its face, but the bars lie there, and another face below."""
    image = blank((640, 480))
    bars = np.array([90, 60, 300, 99], np.float32)
    faces = [make_face((100, 100, 200, 200)), make_face((100, 201, 180, 281))]
    drawing.paint_faces(image, faces, avoid=[bars])
    plate = painted.plates[0][0]
    assert overlap(plate, tuple(bars.tolist())) == 0
    assert overlap(plate, faces[1].box) == 0


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"label": "happy", "confidence": 0.934}, "happy 93%"),
        ({"label": "happy", "confidence": 0.934, "track_id": 7}, "#7 happy 93%"),
        (
            {"label": "fear", "confidence": 0.6, "second": "sad", "uncertain": True},
            "fear or sad? 60%",
        ),
    ],
)
def test_label_text(more: dict[str, Any], text: str) -> None:
    assert label_text(make_face((0, 0, 9, 9), **more)) == text


def test_the_argument_is_not_changed() -> None:
    image = blank((320, 240))
    face = make_face((50, 50, 150, 150), heatmap=np.ones((48, 48), np.float32))
    drawn = draw_faces(image, [face], heatmaps=True, bars=True)
    assert (image == 90).all()
    assert (drawn != image).any()


def test_gray_and_cut_out_pictures_are_drawn_like_whole_ones() -> None:
    gray = np.arange(240 * 320, dtype=np.uint32).reshape(240, 320).astype(np.uint8)
    bgr = np.repeat(gray[..., None], 3, 2)
    wide = np.zeros((240, 640, 3), np.uint8)
    wide[:, ::2] = bgr
    face = [make_face((50, 50, 150, 150))]
    assert np.array_equal(draw_faces(gray, face), draw_faces(bgr, face))
    assert np.array_equal(draw_faces(wide[:, ::2], face), draw_faces(bgr, face))


def test_uncertain_is_muted_and_certain_is_in_its_colour() -> None:
    def saturation(uncertain: bool) -> float:
        face = make_face((100, 100, 300, 300), "angry", uncertain=uncertain)
        edge = draw_faces(blank((640, 480)), [face])[200, 98:103].astype(int)
        return float((edge.max(1) - edge.min(1)).max())

    assert saturation(True) < 0.6 * saturation(False)


@pytest.mark.parametrize("outside", [0, 30, 100])
def test_a_heat_map_beyond_the_border_is_the_visible_part_of_the_whole(outside: int) -> None:
    y, x = np.mgrid[:48, :48]
    heat = (0.5 + 0.5 * np.sin(x / 9) * np.cos(y / 7)).astype(np.float32)
    image = blank((200, 200))
    whole = draw_heatmap(blank((400, 400)), heat, (100 - outside, 100 - outside, 220, 220))
    part = draw_heatmap(image, heat, (-outside, -outside, 120, 120))
    assert np.abs(part.astype(int) - whole[100:300, 100:300]).max() <= 3
    assert (part[:, 120:] == 90).all()
    assert (part[:120, :120] != 90).any()


def test_a_cold_heat_map_changes_nothing() -> None:
    image = blank((100, 100))
    cold = np.zeros((48, 48), np.float32)
    assert np.array_equal(draw_heatmap(image, cold, (10, 10, 90, 90)), image)
    hot = draw_heatmap(image, cold + 1, (10, 10, 90, 90))
    assert (hot[10:90, 10:90] != image[10:90, 10:90]).any(axis=2).all()


def test_a_map_of_the_network_is_painted_over_the_whole_picture() -> None:
    cam = np.full((6, 6), -2, np.float32)
    cam[2:4, 3:5] = 5
    for image in (blank((96, 48)), blank((96, 48))[..., 0]):
        painted = overlay_cam(image, cam)
        assert painted.shape == (48, 96, 3)
        assert (image == 90).all(), "the picture given stays as it was"
        changed = (painted != 90).any(axis=2)
        assert changed[24, 64]
        assert not changed[:, :16].any()
        assert np.array_equal(overlay_cam(image, 0.01 * cam), painted), "only shares matter"
    assert np.array_equal(overlay_cam(blank((20, 20)), -np.ones((6, 6))), blank((20, 20)))
    for shape in ((1, 6, 6), (7, 6, 6), (6,), (0, 6)):
        with pytest.raises(ValueError, match=r"cam must be \(h, w\), .*give cam\[0\] of"):
            overlay_cam(blank((20, 20)), np.ones(shape))


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0])
def test_a_bar_is_as_long_as_its_share(share: float) -> None:
    classes = ("happy", "sad", "fear")
    face = make_face((0, 0, 9, 9), "happy", share, "sad", classes=classes)
    image = blank((1920, 1080))
    paint_bars(image, face)
    lengths = {}
    for name in classes:
        colour = colour_bgr(name, CLASSES)
        best = name == face.label
        fill = colour if best else text.mix(colour, text.PLATE, 0.25)
        lengths[name] = int((image == fill).all(axis=2).sum(axis=1).max())
    full = lengths["happy"] + lengths["sad"]
    assert full > 60
    assert lengths["happy"] / full == pytest.approx(share, abs=0.02)
    assert lengths["fear"] == 0


@pytest.mark.parametrize("n_classes", [2, 7, 30])
def test_bars_take_any_classes(n_classes: int, painted: Painted) -> None:
    classes = tuple(f"a class with a long name {i}" for i in range(n_classes))
    image = blank((640, 480))
    paint_bars(image, make_face((0, 0, 9, 9), classes[0], classes=classes))
    assert {line for line, _, _ in painted.texts} >= set(classes)
    assert is_inside(painted.plates[0][0], (0, 0, 640, 480))


@pytest.mark.parametrize(
    ("boxes", "corner"),
    [
        ([(300, 300, 400, 400)], "top-right"),
        ([(500, 20, 600, 120)], "top-left"),
        ([(500, 20, 600, 120), (20, 20, 120, 120)], "bottom-right"),
        ([(0, 0, 640, 480)], None),
    ],
)
def test_bars_go_where_no_face_is(
    boxes: list[tuple[float, float, float, float]], corner: str | None
) -> None:
    faces = [make_face(box) for box in boxes]
    assert free_corner(blank((640, 480)), faces[0], faces, drawing.BAR_CORNERS) == corner


def test_bars_that_hide_little_may_be_allowed() -> None:
    image = blank((640, 480))
    face = make_face((300, 60, 470, 230))
    plate = drawing.bars_plate(image, face, "top-right")
    share = (470 - plate[0]) * (plate[3] - 60) / ((plate[2] - plate[0]) * (plate[3] - plate[1]))
    assert 0.1 < share < 0.3
    assert free_corner(image, face, [face], ["top-right"]) is None
    assert free_corner(image, face, [face], ["top-right"], share - 0.01) is None
    assert free_corner(image, face, [face], ["top-right"], share + 0.01) == "top-right"


def test_bars_stay_in_their_corner_while_it_is_free() -> None:
    face = make_face((300, 300, 400, 400))
    corners: tuple[text.Corner, ...] = ("top-left", "top-right")
    assert free_corner(blank((640, 480)), face, [face], corners) == "top-left"
