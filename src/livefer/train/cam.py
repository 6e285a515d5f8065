"""Grad-CAM: where the network looked, by autograd and in closed form.

Selvaraju et al. 2017, https://arxiv.org/abs/1610.02391
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from livefer.train.model import ResNetFER


class CAMExtractor:
    """Grad-CAM by autograd, with hooks on the last stage that a `with` block releases.

    with CAMExtractor(model) as extractor:
        cam, predicted = extractor.generate_cam(faces)
    """

    def __init__(self, model: ResNetFER) -> None:
        self._model = model
        self._features: Tensor | None = None
        self._gradient: Tensor | None = None
        self._handle = model.layer4.register_forward_hook(self._keep)

    def __enter__(self) -> CAMExtractor:
        return self

    def __exit__(self, *error: object) -> None:
        self.release()

    def release(self) -> None:
        """Take the hooks off the network."""
        self._handle.remove()
        self._features = self._gradient = None

    def generate_cam(
        self, faces: Tensor, target_class: int | Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return (cam, predicted_class) of a batch.

        faces: (N, 1, H, W) float, normalised
        target_class: a class id for all faces, (N,) int64, or None for the predicted classes
        returns: (N, h, w) float32, not rectified; (N,) int64
        The network is put in evaluation mode for the call; parameters keep their gradients.
        """
        was_training = self._model.training
        self._model.eval()
        try:
            with torch.enable_grad():
                logits = self._model(faces.detach().requires_grad_())
                predicted = logits.argmax(dim=1)
                if target_class is None:
                    target_class = predicted
                chosen = torch.as_tensor(target_class, device=logits.device).expand(len(logits))
                score = logits.gather(1, chosen[:, None]).sum()
                assert self._features is not None
                (gradient,) = torch.autograd.grad(score, self._features)
        finally:
            self._model.train(was_training)
        weights = gradient.mean(dim=(2, 3), keepdim=True)  # (N, 512, 1, 1)
        cam = (weights * self._features).sum(dim=1)  # (N, h, w)
        return cam.detach().float(), predicted

    def _keep(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        self._features = output


def closed_form_cams(head: nn.Sequential, features: Tensor) -> tuple[Tensor, Tensor]:
    """Return logits (N, C) and the Grad-CAM maps (N, C, h, w) of all classes, without autograd.

    Behind global average pooling the gradient of a class score is the head's own Jacobian over
    h·w, and for Linear, BatchNorm, ReLU, Linear that is W2[c] · 1[z > 0] · (gamma/sigma) · W1.

    head: of `ResNetFER`, in evaluation mode
    features: (N, 512, h, w) float, the output of the last stage
    """
    linear1, norm, linear2 = head[1], head[2], head[5]
    assert isinstance(linear1, nn.Linear)
    assert isinstance(norm, nn.BatchNorm1d)
    assert isinstance(linear2, nn.Linear)
    assert norm.running_var is not None
    h, w = features.shape[2:]
    z = norm(linear1(features.mean(dim=(2, 3))))  # (N, 256)
    logits = linear2(z.relu())  # (N, C)
    gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)  # (256,)
    open_units = (z > 0).to(z.dtype)[:, None] * linear2.weight  # (N, C, 256)
    jacobian = open_units @ (gain[:, None] * linear1.weight)  # (N, C, 512)
    cams = (jacobian @ features.flatten(2)).unflatten(2, (h, w)) / (h * w)
    return logits, cams


def overlay_cam(
    image: NDArray[np.uint8], cam: NDArray[np.float32], opacity: float = 0.5
) -> NDArray[np.uint8]:
    """Return a new picture with the positive part of a map painted on it.

    image: (H, W) or (H, W, 3) uint8 BGR
    cam: (h, w) float32, stretched over the whole picture
    """
    if image.ndim == 2:
        image = np.repeat(image[:, :, None], 3, axis=2)
    height, width = image.shape[:2]
    heat = cv2.resize(np.maximum(cam, 0), (width, height), interpolation=cv2.INTER_CUBIC)
    heat = np.maximum(heat, 0) / max(float(heat.max()), 1e-12)
    colours = cv2.applyColorMap((heat * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    weight = (opacity * heat)[:, :, None]
    return np.asarray(image * (1 - weight) + colours * weight, np.uint8)
