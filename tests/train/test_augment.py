"""Augmentation: each kind alone, and none at all."""

from __future__ import annotations

import pytest
import torch

from livefer.train.augment import augment, mix, unmake
from livefer.train.config import Augment

pytestmark = pytest.mark.slow

OFF = {"flip": 0.0}


def faces(n: int = 6, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, 48, 48), generator=generator, dtype=torch.uint8)


def test_augmentation_that_is_off_changes_nothing() -> None:
    x = faces()
    assert torch.allclose(augment(x, Augment(**OFF)), x[:, None] / 255, atol=1e-4)


def test_flip_is_the_mirror_image() -> None:
    x = faces()
    assert torch.allclose(augment(x, Augment(flip=1)), x[:, None].flip(3) / 255, atol=1e-4)


@pytest.mark.parametrize(
    "change",
    [
        {"rotation_deg": 20}, {"shift": 0.2}, {"scale": (0.7, 1.4)}, {"brightness": 0.5},
        {"contrast": 0.5}, {"gamma": 0.5}, {"blur": 1}, {"degrade": 1}, {"noise": 1}, {"erase": 1},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_each_augmentation_changes_faces_differently_within_range(change: dict) -> None:
    torch.manual_seed(0)
    x = faces(1).expand(8, 48, 48).clone()
    y = augment(x, Augment(**OFF, **change))
    assert y.shape == (8, 1, 48, 48)
    assert float(y.min()) >= 0
    assert float(y.max()) <= 1
    assert not torch.allclose(y, x[:, None] / 255, atol=0.02)
    assert not torch.allclose(y[0], y[1], atol=1e-3)


def test_only_the_first_batch_copies_a_table_to_the_device(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    every = Augment(
        rotation_deg=9, shift=0.1, scale=(0.8, 1.2), brightness=0.1, contrast=0.1, gamma=0.1,
        blur=0.5, degrade=0.5, noise=0.5, erase=0.5,
    )  # fmt: skip
    augment(faces(), every)

    def copied(*args: object, **settings: object) -> None:
        pytest.fail("on a GPU the host would wait here for everything before")

    for name in ("tensor", "as_tensor", "from_numpy"):
        monkeypatch.setattr(torch, name, copied)
    unmake(augment(faces(), every), torch.full((6, 4), 0.25), 0.5)


def test_rotation_turns_about_the_centre_and_keeps_shapes() -> None:
    torch.manual_seed(1)
    disc = (torch.hypot(*torch.meshgrid(*[torch.arange(48) - 23.5] * 2, indexing="ij")) < 12) * 255
    y = augment(disc.byte()[None], Augment(**OFF, rotation_deg=180))
    assert float((y[0, 0] * 255 - disc).abs().mean()) < 4


@pytest.mark.parametrize("kind", ["mixup", "cutmix"])
def test_mixed_targets_weigh_the_pixels_they_stand_for(kind: str) -> None:
    torch.manual_seed(0)
    x = torch.cat([torch.zeros(4, 1, 8, 8), torch.ones(4, 1, 8, 8)])
    t = torch.tensor([[1.0, 0.0]] * 4 + [[0.0, 1.0]] * 4)
    mixed, targets = mix(x, t, Augment(**{kind: 1.0}))
    assert torch.allclose(mixed.mean(dim=(1, 2, 3)), targets[:, 1], atol=1e-6)
    assert torch.allclose(targets.sum(dim=1), torch.ones(8))


def test_what_is_no_face_has_even_targets_and_the_rest_stays() -> None:
    torch.manual_seed(0)
    x = faces(400)[:, None] / 255
    t = torch.tensor([[1.0, 0, 0, 0], [0, 0.5, 0, 0]]).expand(400, 2, 4)
    y, targets = unmake(x, t, 0.25)
    changed = (targets == 0.25).all(dim=2).all(dim=1)
    assert 70 < int(changed.sum()) < 130
    assert torch.equal(y[~changed], x[~changed])
    assert torch.equal(targets[~changed], t[~changed])
    assert not (y[changed] == x[changed]).all(dim=3).all(dim=2).any()
    # Shuffled ones keep their pixels, enlarged ones do not.
    same = torch.isclose(y[changed].mean(dim=(1, 2, 3)), x[changed].mean(dim=(1, 2, 3)), atol=1e-5)
    assert 0 < int(same.sum()) < len(same)
    assert torch.equal(unmake(x, t, 0)[0], x)
