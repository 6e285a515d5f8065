"""The road in JavaScript says what Python's says, from pixels to labels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import madefilm
import numpy as np
import pytest
from node import NodeRoad, need_node, write_site
from numpy.typing import NDArray
from portrait import pasted
from runtime import installed_runtime

from livefer import Recognizer
from livefer.assets.files import PICTURE
from livefer.classifier import EmotionClassifier
from livefer.faces.boxes import iou_matrix
from livefer.labels import CLASSES
from livefer.results import Face, Frame
from livefer.tracking.smoothing import WINDOW_S
from livefer.web.protocol import face_dict, hint_for


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeRoad]:
    need_node()
    work = tmp_path_factory.mktemp("road")
    with installed_runtime(work / "cache") as runtime:
        yield NodeRoad(write_site(work / "site", runtime), work)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["human", "fer2013"])
def test_val_faces_have_the_same_probabilities(
    node: NodeRoad, fer2013_dir: Path, model: str
) -> None:
    faces = np.stack(_val_faces(fer2013_dir, 8)[:50])
    expected = EmotionClassifier(model).predict(faces)
    assert np.abs(node.crops(faces, model) - expected).max() < 0.01


def _val_faces(fer2013: Path, n_each: int) -> list[NDArray[np.uint8]]:
    """Return n faces of each class of the val split, class by class in turn."""
    folders = [folder for folder in sorted((fer2013 / "test").iterdir()) if folder.is_dir()]
    files = [sorted(folder.glob("PublicTest_*"))[:n_each] for folder in folders]
    assert len(files) == 7
    images = [cv2.imread(str(file), cv2.IMREAD_GRAYSCALE) for of_turn in zip(*files, strict=True)
              for file in of_turn]  # fmt: skip
    return [np.asarray(image, np.uint8) for image in images]


@pytest.mark.slow
def test_pictures_have_the_same_faces(node: NodeRoad) -> None:
    shipped = cv2.imread(str(PICTURE))
    assert shipped is not None
    photo = np.asarray(shipped, np.uint8)
    large = cv2.resize(photo, (1500, 1500), interpolation=cv2.INTER_LINEAR)
    tiny = np.full_like(photo, 90)
    tiny[:64, :64] = cv2.resize(photo, (64, 64), interpolation=cv2.INTER_AREA)
    images = [photo, photo // 40, 255 - photo // 40, np.full_like(photo, 90), tiny]
    recognizer = Recognizer(heatmaps=True)
    js = [*node.pictures(images, heatmaps=True), *node.pictures([large])]
    js += node.pictures([pasted(90, 120, degrees=12, zoom=0.7)])
    images += [large, pasted(90, 120, degrees=12, zoom=0.7)]
    for image, reply in zip(images, js, strict=True):
        frame = Frame("", 0, 0.0, np.asarray(image, np.uint8), still=True)
        result = recognizer.process(frame)
        assert reply["hint"] == hint_for(result)
        assert len(reply["faces"]) == len(result.faces)
        for face, found in zip(result.faces, reply["faces"], strict=True):
            expected: dict[str, Any] = dict(face_dict(face, heatmap=False))
            assert found.keys() - {"heatmap", "heatmap_box"} == expected.keys()
            assert _decision(found) == _decision(expected)
            assert iou_matrix([found["box"]], [expected["box"]])[0, 0] >= 0.97
            if "heatmap" in found:
                heat = np.array(found["heatmap"]["values"]).reshape(48, 48)
                assert face.heatmap is not None
                assert np.abs(heat - 255 * face.heatmap).max() < 16
                assert found["heatmap_box"] == pytest.approx(face.crop_box, abs=0.06)
    assert [reply["hint"] for reply in js[:4]] == [None, "too dark", "too bright", "blank"]


def _decision(face: dict[str, Any]) -> list[Any]:
    return [face[key] for key in ("track_id", "label", "second_label", "uncertain", "answer")]


@pytest.mark.slow
def test_a_film_has_the_same_labels(node: NodeRoad, fer2013_dir: Path) -> None:
    images = list(madefilm.frames(300, _val_faces(fer2013_dir, 1)))
    found = _faces_of_both(node, images, 30, {})
    assert len(found) > 450
    assert len({face.label for face, _ in found}) >= 4
    assert sum(same["label"] == face.label for face, same in found) >= 0.99 * len(found)


@pytest.mark.slow
def test_a_film_is_judged_alike_by_the_resting_face_it_shows(
    node: NodeRoad, fer2013_dir: Path
) -> None:
    of_classes = _val_faces(fer2013_dir, 3)[14:]  # the first neutral one looks sad
    neutral, happy = (of_classes[CLASSES.index(name)] for name in ("neutral", "happy"))
    faces = [neutral, neutral, happy, neutral, of_classes[CLASSES.index("sad")]]
    images = list(madefilm.frames(260, faces, has_portrait=False))
    options = {"profile": "auto", "heatmap": True, "smoothing_s": 0.5}
    found = _faces_of_both(node, images, 5, options)
    judged = [(face, same) for face, same in found if face.profile is not None]
    assert len(judged) > 50
    assert all(("plain_probabilities" in same) == (face.profile is not None)
               for face, same in found)  # fmt: skip
    assert sum(same["label"] == face.label for face, same in found) >= 0.99 * len(found)
    heats = np.array([same["heatmap"]["values"] for _, same in found]).reshape(-1, 48, 48)
    expected = 255 * np.stack([face.heatmap for face, _ in found if face.heatmap is not None])
    assert np.abs(heats - expected).mean() < 2


def _faces_of_both(
    node: NodeRoad, images: list[NDArray[np.uint8]], fps: int, options: dict[str, Any]
) -> list[tuple[Face, dict[str, Any]]]:
    """Return the faces of a film, as Python's live stream and the road in JavaScript see them."""
    times_s = [round(i / fps, 4) for i in range(len(images))]
    replies = node.stream(images, times_s, options)
    recognizer = Recognizer(
        profile=options.get("profile"),
        heatmaps=options.get("heatmap", False),
        smoothing_s=options.get("smoothing_s", WINDOW_S),
    )
    stream = recognizer.new_stream(live=True)
    pairs = []
    for i, (image, reply) in enumerate(zip(images, replies, strict=True)):
        result = recognizer.process(Frame("", i, times_s[i], image), stream)
        assert [face["track_id"] for face in reply["faces"]] == [
            face.track_id for face in result.faces
        ], i
        for face, same in zip(result.faces, reply["faces"], strict=True):
            assert iou_matrix([same["box"]], [face.box])[0, 0] >= 0.97, i
            pairs.append((face, same))
    return pairs
