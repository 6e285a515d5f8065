"""Grad-CAM: the closed form equals autograd."""

from __future__ import annotations

import pytest
import torch
from training import random_model

from livefer.train import CAMExtractor
from livefer.train.cam import closed_form_cams

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("target", [None, 2, "each"])
def test_closed_form_maps_are_autograds(target: int | str | None) -> None:
    model = random_model()
    x = torch.randn(5, 1, 48, 48)
    with torch.no_grad():
        logits, cams = closed_form_cams(model.head, model.features(x))
    assert torch.allclose(logits, model(x), atol=1e-5)
    classes = torch.tensor([0, 1, 2, 0, 1]) if target == "each" else target
    with CAMExtractor(model) as extractor:
        cam, predicted = extractor.generate_cam(x, classes)
    assert torch.equal(predicted, logits.argmax(dim=1))
    chosen = predicted if classes is None else torch.as_tensor(classes).expand(5)
    expected = cams[torch.arange(5), chosen]
    torch.testing.assert_close(cam, expected, rtol=1e-3, atol=1e-5 * float(expected.abs().max()))
    assert cam.shape == (5, 6, 6)


def test_an_earlier_stage_has_layercam() -> None:
    model = random_model()
    x = torch.randn(3, 1, 48, 48)
    with CAMExtractor(model, stage=3) as extractor:
        cam, predicted = extractor.generate_cam(x, 1)
    third = model.layer3(model.layer2(model.layer1(model.relu(model.bn1(model.conv1(x))))))
    third = third.detach().requires_grad_()
    logits = model.head(model.layer4(third).mean(dim=(2, 3)))
    (gradient,) = torch.autograd.grad(logits[:, 1].sum(), third)
    assert torch.equal(predicted, logits.argmax(dim=1))
    torch.testing.assert_close(cam, (gradient.clamp(min=0) * third).sum(dim=1).detach())
    assert cam.shape == (3, 12, 12)
    assert cam.min() >= 0
    assert len(model.layer3._forward_hooks) == 0
    with pytest.raises(ValueError, match="stage must be 1, 2, 3 or 4, got 5"):
        CAMExtractor(model, stage=5)


def test_cam_extractor_leaves_the_network_as_it_was() -> None:
    model = random_model().train()
    with CAMExtractor(model) as extractor:
        extractor.generate_cam(torch.randn(2, 1, 48, 48))
        assert len(model.layer4._forward_hooks) == 1
    assert len(model.layer4._forward_hooks) == 0
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize(
    ("shape", "target", "message"),
    [
        ((48, 48), None, r"\(N, 1, H, W\) float, normalised, got \(48, 48\) float32: livefer"),
        ((2, 3, 48, 48), None, r"got \(2, 3, 48, 48\) float32"),
        ((2, 1, 48, 48), 3, r"between 0 and 2, the network's last class, got 3"),
        ((2, 1, 48, 48), -1, "between 0 and 2"),
        ((2, 1, 48, 48), torch.tensor([0, 9]), r"got \[0, 9\]"),
        ((2, 1, 48, 48), torch.tensor([0, 1, 2]), r"one for each of 2 faces, got \(3,\) int64"),
        ((2, 1, 48, 48), 1.0, r"got \(\) float32"),
    ],
)
def test_a_wrong_shape_or_class_is_named(
    shape: tuple[int, ...], target: int | torch.Tensor | None, message: str
) -> None:
    with (
        CAMExtractor(random_model()) as extractor,
        pytest.raises(ValueError, match=message),
    ):
        extractor.generate_cam(torch.zeros(shape), target)


def test_faces_as_bytes_and_another_network_are_named() -> None:
    with (
        CAMExtractor(random_model()) as extractor,
        pytest.raises(ValueError, match=r"got \(2, 1, 48, 48\) uint8"),
    ):
        extractor.generate_cam(torch.zeros((2, 1, 48, 48), dtype=torch.uint8))
    with pytest.raises(TypeError, match=r"as livefer.train.load_model returns, got a Linear"):
        CAMExtractor(torch.nn.Linear(2, 2))  # type: ignore[arg-type]
