"""Grad-CAM: the closed form equals autograd."""

from __future__ import annotations

import pytest
import torch
from training import random_model

from livefer.train.cam import CAMExtractor, closed_form_cams

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


def test_cam_extractor_leaves_the_network_as_it_was() -> None:
    model = random_model().train()
    with CAMExtractor(model) as extractor:
        extractor.generate_cam(torch.randn(2, 1, 48, 48))
        assert len(model.layer4._forward_hooks) == 1
    assert len(model.layer4._forward_hooks) == 0
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())
