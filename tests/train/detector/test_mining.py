"""Mining: what is taken for a face is found, kept, and shown oftener."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from madepictures import dotted, empty
from numpy.typing import NDArray
from torch import Tensor, nn

from livefer.train.detector import scenes
from livefer.train.detector.album import Album, HardViews
from livefer.train.detector.config import DetectorConfig
from livefer.train.detector.mining import mine, no_hard_views
from livefer.train.detector.network import FaceNet
from livefer.train.detector.pictures import Picture, encoded
from livefer.train.detector.scenes import make_scene

CONFIG = DetectorConfig(side_px=96)


class SeesLamps(FaceNet):
    """A network to which each bright spot is a face."""

    def __init__(self) -> None:
        nn.Module.__init__(self)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        logits = 20 * (nn.functional.avg_pool2d(x, 8).mean(dim=1, keepdim=True) - 0.5)
        return logits, logits[:, :, ::2, ::2] - 9, logits[:, :, ::4, ::4] - 9


def with_lamp() -> Picture:
    """Return a dark picture with a bright spot which some views do not show."""
    image = np.full((400, 400, 3), 20, np.uint8)
    cv2.circle(image, (300, 300), 24, (255, 255, 255), -1)
    picture = empty("street/lamp")
    return Picture(picture.name, picture.kind, encoded(image, ".png"), picture.mask, picture.labels)


def mined(n_rounds: int) -> tuple[Album, HardViews]:
    pictures = [dotted(), with_lamp(), *(empty(f"street/dark {i}", 20) for i in range(5))]
    album = Album(pictures)
    hard = no_hard_views(len(album.empty))
    for number in range(1, n_rounds + 1):
        hard = mine(SeesLamps(), album, hard, CONFIG, number)
    return Album(pictures, hard), hard


def test_what_looks_like_a_face_is_found_and_kept() -> None:
    album, hard = mined(30)
    names = [picture.name for picture in album.empty.pictures]
    assert names[int(hard.scores.argmax())] == "street/lamp"
    assert hard.scores.max() > 0.9
    assert np.sort(hard.scores)[-2] < 0.1
    _, again = mined(30)
    assert np.array_equal(hard.scores, again.scores)
    assert np.array_equal(hard.motions, again.motions)


def test_a_hard_view_is_shown_oftener(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenes, "_MIXTURE", {"empty": 1.0})
    monkeypatch.setattr(scenes, "_degrade", lambda image, rng: image)
    album, _ = mined(30)

    def n_lamps(album: Album) -> int:
        drawn = (make_scene(album, np.random.default_rng(seed), 96) for seed in range(100))
        return sum(_has_lamp(scene.image) for scene in drawn)

    assert n_lamps(album) > 2 * n_lamps(Album(album.empty.pictures))


def _has_lamp(image: NDArray[np.uint8]) -> bool:
    x = torch.from_numpy(image)[None].permute(0, 3, 1, 2).float() / 255
    return bool((SeesLamps()(x)[0] > 0).any())


def test_each_folder_has_its_share() -> None:
    pictures = [empty(f"backgrounds/large/{i}") for i in range(81)]
    pictures += [empty(f"backgrounds/small/{i}") for i in range(9)]
    deck = Album(pictures).empty
    rng = np.random.default_rng(0)
    drawn = np.bincount([deck.draw(rng) for _ in range(4000)], minlength=90)
    assert drawn.all()
    assert 0.22 < drawn[81:].sum() / 4000 < 0.28  # √9 of √81 + √9
