"""Box geometry: squares to cut, overlap, and which boxes show one face."""

from __future__ import annotations

import numpy as np
import pytest

from livefer.faces.boxes import as_boxes, covered, crop_boxes, iou_matrix, side_of, sides_of, xyxy


@pytest.mark.parametrize(
    ("box", "scale", "shift_y", "expected"),
    [
        ([10, 20, 50, 60], 1.0, 0.0, [10, 20, 50, 60]),
        ([10, 20, 40, 70], 1.0, 0.0, [5, 25, 45, 65]),  # 30 wide, 50 high: a square of 40
        ([10, 20, 50, 60], 1.5, 0.0, [0, 10, 60, 70]),
        ([10, 20, 50, 60], 1.0, 0.1, [10, 24, 50, 64]),
        ([10, 20, 50, 60], 0.5, -0.1, [20, 28, 40, 48]),  # the shift is in sides of the square
        ([10, 20, 10, 20], 1.0, 0.0, [9.5, 19.5, 10.5, 20.5]),
    ],
)
def test_crop_boxes(box: list[float], scale: float, shift_y: float, expected: list[float]) -> None:
    squares = crop_boxes([box], scale, shift_y)
    assert squares.dtype == np.float32
    np.testing.assert_allclose(squares, [expected])


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ([0, 0, 10, 10], 1.0),
        ([0, 0, 5, 10], 0.5),
        ([5, 0, 15, 10], 1 / 3),
        ([10, 0, 20, 10], 0.0),
        ([-5, -5, 15, 15], 0.25),
        ([3, 3, 3, 3], 0.0),
        ([12, 12, 8, 8], 0.0),  # turned inside out: empty
    ],
)
def test_iou(other: list[float], expected: float) -> None:
    box = [0, 0, 10, 10]
    np.testing.assert_allclose(iou_matrix([box], [other]), [[expected]])
    np.testing.assert_allclose(iou_matrix([other], [box]), [[expected]])


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ([6, 0, 16, 10], False),  # they share 0.4 of each
        ([5.9, 0, 15.9, 10], True),
        ([6, 0, 11, 10], True),  # 0.8 of the smaller one
        ([8.1, 0, 13.1, 10], False),  # 0.38 of it
        ([4, 4, 6, 6], True),
        ([20, 0, 30, 10], False),
        ([3, 3, 3, 3], False),
    ],
)
def test_boxes_of_one_face_share_more_than_0_4_of_the_smaller(
    other: list[float], expected: bool
) -> None:
    box = [0, 0, 10, 10]
    assert covered([box], [other]).tolist() == [expected]
    assert covered([other], [box]).tolist() == [expected]


def test_each_box_is_compared_with_all_others() -> None:
    boxes = [[0, 0, 10, 10], [50, 0, 60, 10], [100, 0, 110, 10]]
    assert covered(boxes, [[101, 1, 111, 11], [1, 1, 11, 11]]).tolist() == [True, False, True]


def test_sides_are_means_of_width_and_height() -> None:
    boxes = as_boxes([[10, 20, 40, 70], [0, 0, 0.2, 0.4]])
    assert sides_of(boxes).tolist() == pytest.approx([40, 0.3])
    assert [side_of(box) for box in boxes] == pytest.approx([40, 1])


def test_rectangles_of_opencv_become_boxes() -> None:
    assert xyxy([(10, 20, 5, 7), (0, 0, 1, 1)]).tolist() == [[10, 20, 15, 27], [0, 0, 1, 1]]
    assert xyxy(()).shape == (0, 4)


def test_no_boxes() -> None:
    for none in ([], (), np.zeros((0, 4), np.float32)):
        assert as_boxes(none).shape == crop_boxes(none).shape == (0, 4)
        assert iou_matrix(none, [[0, 0, 1, 1]]).shape == (0, 1)
        assert covered([[0, 0, 1, 1]], none).tolist() == [False]
        assert sides_of(as_boxes(none)).shape == (0,)


def test_wrong_boxes_are_refused() -> None:
    for wrong in ([1, 2, 3, 4], [[1, 2, 3]], [[[1, 2, 3, 4]]]):
        with pytest.raises(ValueError, match=r"boxes of shape \(N, 4\)"):
            as_boxes(wrong)
