"""Network, augmentation, losses, schedule: each against what it should equal."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from livefer.train.augment import augment, mix, unmake
from livefer.train.config import Augment, Config
from livefer.train.losses import class_weights, smooth_one_hot, soft_cross_entropy
from livefer.train.model import ResNetFER
from livefer.train.optim import learning_rate, make_optimizer, update_ema

OFF = {"flip": 0.0}


def faces(n: int = 6, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, 48, 48), generator=generator, dtype=torch.uint8)


def test_network_has_resnet18s_size_shapes_and_names() -> None:
    model = ResNetFER().eval()
    x = torch.rand(2, 1, 48, 48)
    assert model.features(x).shape == (2, 512, 6, 6)
    assert model(x).shape == (2, 7)
    n = sum(p.numel() for name, p in model.named_parameters() if not name.startswith("head."))
    # torchvision's ResNet-18 without its classifier has 11,176,512; the stem here is 1×3×3.
    assert n == 11_176_512 - 64 * 3 * 49 + 64 * 1 * 9
    names = {"conv1.weight", "bn1.bias", "layer1.0.conv1.weight", "layer2.0.downsample.0.weight",
             "layer2.0.downsample.1.running_var", "layer4.1.bn2.num_batches_tracked"}  # fmt: skip
    assert names <= set(model.state_dict())


def test_smaller_networks() -> None:
    model = ResNetFER(n_classes=4, width=8, stem_stride=2).eval()
    assert model.features(torch.rand(1, 1, 48, 48)).shape == (1, 64, 3, 3)
    assert model(torch.rand(1, 1, 32, 32)).shape == (1, 4)


def test_relatives_for_teachers() -> None:
    deep = ResNetFER(width=8, blocks=(3, 4, 6, 3))
    assert [len(stage) for stage in deep.backbone()[2:]] == [3, 4, 6, 3]
    plain = ResNetFER(width=8, shortcuts=False).eval()
    assert not [name for name in plain.state_dict() if "downsample" in name]
    assert plain(torch.rand(1, 1, 48, 48)).shape == (1, 7)
    excited = ResNetFER(width=8, se=True).eval()
    plain_names = set(ResNetFER(width=8).state_dict())
    assert {name for name in excited.state_dict() if ".se." not in name} == plain_names
    assert excited(torch.rand(2, 1, 48, 48)).shape == (2, 7)


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


def test_soft_cross_entropy_is_torchs_with_label_smoothing() -> None:
    logits, targets = torch.randn(9, 5), torch.randint(0, 5, (9,))
    smoothed = torch.from_numpy(smooth_one_hot(targets.numpy(), 5, 0.1))
    got = soft_cross_entropy(logits, smoothed, torch.ones(5))
    assert torch.allclose(got, F.cross_entropy(logits, targets, label_smoothing=0.1))


def test_class_weights() -> None:
    targets = np.array([0] * 6 + [1] * 3 + [2])
    inverse = class_weights(targets, 3, "inverse").numpy()
    np.testing.assert_allclose(inverse, 10 / (3 * np.array([6, 3, 1])), rtol=1e-6)
    for kind in ("none", "inverse", "effective"):
        weights = class_weights(targets, 3, kind).numpy()
        assert weights[targets].mean() == pytest.approx(1)
    effective = class_weights(targets, 3, "effective").numpy()
    assert effective[0] < effective[1] < effective[2]
    assert class_weights(targets, 4, "inverse").tolist() == pytest.approx([*inverse, 0])


@pytest.mark.parametrize(("epoch", "expected"), [(0.5, 0.5), (1, 1), (5.5, 0.55), (10, 0.1)])
def test_learning_rate_warms_up_and_follows_a_cosine(epoch: float, expected: float) -> None:
    config = Config(epochs=10, warmup_epochs=1, lr=1, lr_floor=0.1)
    assert learning_rate(config, epoch) == pytest.approx(expected)


def test_weight_decay_spares_norms_and_biases() -> None:
    model = ResNetFER(width=8)
    optimizer = make_optimizer(model, Config(weight_decay=0.1, decay_norm_and_bias=False))
    decayed = {id(p) for g in optimizer.param_groups if g["weight_decay"] for p in g["params"]}
    for name, parameter in model.named_parameters():
        spared = "bn" in name or "norm" in name or parameter.ndim == 1
        assert (id(parameter) in decayed) != spared, name
    (all_of_them,) = make_optimizer(model, Config(weight_decay=0.1)).param_groups
    assert len(all_of_them["params"]) == len(list(model.parameters()))


def test_ema_moves_by_one_minus_decay_and_forgets_the_start() -> None:
    ema, model = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)
    torch.nn.init.zeros_(ema.weight)
    torch.nn.init.ones_(model.weight)
    update_ema(ema, model, 0.99, step=10**6)
    assert ema.weight.item() == pytest.approx(0.01)
    update_ema(ema, model, 0.99, step=0)
    assert ema.weight.item() == pytest.approx(0.1 * 0.01 + 0.9)


def test_initial_weights_keep_the_variance_of_the_stem() -> None:
    torch.manual_seed(0)
    weight = ResNetFER().conv1.weight
    assert float(weight.detach().std()) == pytest.approx(math.sqrt(2 / 9), rel=0.1)
