"""Mining: what the network takes for a face where none is, shown to it again and again."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from livefer.train.detector.album import Album, HardViews
from livefer.train.detector.config import DetectorConfig
from livefer.train.detector.network import FaceNet
from livefer.train.detector.scenes import draw_view, view

_BATCH = 16
_ONE_IN = 3  # pictures that are looked at in one round


def no_hard_views(n: int) -> HardViews:
    """Return that nothing is known of n pictures."""
    return HardViews(np.zeros(n, np.float32), np.zeros((n, 2, 3)))


def mine(
    net: FaceNet, album: Album, known: HardViews, config: DetectorConfig, number: int
) -> HardViews:
    """Return the hardest views of the empty pictures: the known ones, or new ones.

    In each round a third of the pictures gets a new view, and its known one is judged again.
    """
    scores, motions = known.scores.copy(), known.motions.copy()
    side_px = config.side_px
    rows = range(number % _ONE_IN, len(album.empty), _ONE_IN)
    for at in range(0, len(rows), _BATCH):
        part = rows[at : at + _BATCH]
        images = [album.empty.pictures[i].image for i in part]
        fresh = [
            draw_view(image, np.random.default_rng([config.seed, number, i]), side_px)
            for image, i in zip(images, part, strict=True)
        ]
        again = [motions[i] if scores[i] else fresh[k] for k, i in enumerate(part)]
        new, old = (_scores(net, images, views, side_px) for views in (fresh, again))
        for k, i in enumerate(part):
            scores[i] = max(new[k], old[k])
            motions[i] = fresh[k] if new[k] >= old[k] else again[k]
    return HardViews(scores, motions)


@torch.no_grad()
def _scores(
    net: FaceNet,
    images: list[NDArray[np.uint8]],
    motions: list[NDArray[np.float64]],
    side_px: int,
) -> NDArray[np.float32]:
    """Return the score (N,) of the surest face in each view; the network computes as in use."""
    views = [view(image, motion, side_px) for image, motion in zip(images, motions, strict=True)]
    x = torch.from_numpy(np.stack(views)).permute(0, 3, 1, 2).float() / 255
    best = torch.stack([cells[:, 0].flatten(1).amax(dim=1) for cells in net.eval()(x)])
    return np.asarray(best.amax(dim=0).sigmoid().numpy(), np.float32)
