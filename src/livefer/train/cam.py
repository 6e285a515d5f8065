"""Grad-CAM and LayerCAM: where the network looked, by autograd; Grad-CAM in closed form, too.

Selvaraju et al. 2017, https://arxiv.org/abs/1610.02391
Jiang et al. 2021, https://doi.org/10.1109/TIP.2021.3089943
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from livefer.train.model import ResNetFER


class CAMExtractor:
    """Maps by autograd, with a hook on one stage that is removed at the end of `with`.

    Of the last stage Grad-CAM, as livefer shows it. Of an earlier one LayerCAM, which weighs each
    pixel by its own gradient: finer, and at 12×12 on the right parts of a face more often
    (docs/experiments/certainty.md#2026-11-30-which-part-of-a-face-speaks-for-an-expression).

    with CAMExtractor(model) as extractor:
        cam, predicted = extractor.generate_cam(faces)
    """

    def __init__(self, model: ResNetFER, stage: int = 4) -> None:
        """Put the hook on a stage, 1 to 4; TypeError for another network."""
        if not isinstance(model, ResNetFER):
            raise TypeError(
                f"expected a ResNetFER, as livefer.train.load_model returns, got a "
                f"{type(model).__name__}"
            )
        if stage not in (1, 2, 3, 4):
            raise ValueError(f"stage must be 1, 2, 3 or 4, got {stage}")
        self._model, self._stage = model, stage
        self._features: Tensor | None = None
        self._gradient: Tensor | None = None
        layer = model.get_submodule(f"layer{stage}")
        self._handle = layer.register_forward_hook(self._keep)

    def __enter__(self) -> CAMExtractor:
        return self

    def __exit__(self, *error: object) -> None:
        self.release()

    def release(self) -> None:
        """Remove the hook from the network."""
        self._handle.remove()
        self._features = self._gradient = None

    def generate_cam(
        self, faces: Tensor, target_class: int | Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return (cam, predicted_class) of a batch.

        faces: (N, 1, H, W) float, normalised
        target_class: a class id for all faces, (N,) int64, or None for the predicted classes
        returns: (N, h, w) float32, not rectified if of stage 4; (N,) int64
        The network is in evaluation mode during the call; parameters keep their gradients.
        ValueError for faces of another shape, and for a class that the network does not have.
        """
        if faces.ndim != 4 or faces.shape[1] != 1 or not faces.is_floating_point():
            raise ValueError(
                f"faces must be (N, 1, H, W) float, normalised, got {tuple(faces.shape)} "
                f"{str(faces.dtype).removeprefix('torch.')}: livefer.train.normalise makes them "
                "from (N, 48, 48) uint8"
            )
        was_training = self._model.training
        self._model.eval()
        try:
            with torch.enable_grad():
                logits = self._model(faces.detach().requires_grad_())
                predicted = logits.argmax(dim=1)
                if target_class is None:
                    target_class = predicted
                chosen = _class_ids(target_class, logits)
                score = logits.gather(1, chosen[:, None]).sum()
                assert self._features is not None
                (gradient,) = torch.autograd.grad(score, self._features)
        finally:
            self._model.train(was_training)
        weights = gradient.relu()  # (N, c, h, w)
        if self._stage == 4:
            weights = gradient.mean(dim=(2, 3), keepdim=True)  # (N, 512, 1, 1)
        cam = (weights * self._features).sum(dim=1)  # (N, h, w)
        return cam.detach().float(), predicted

    def _keep(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        self._features = output


def _class_ids(target_class: int | Tensor, logits: Tensor) -> Tensor:
    """Return a class id for each row of logits (N, C), (N,) int64; or ValueError."""
    ids = torch.as_tensor(target_class, device=logits.device)
    n_faces, n_classes = logits.shape
    if ids.is_floating_point() or ids.shape not in ((), (n_faces,)):
        raise ValueError(
            f"target_class must be one class id, or one for each of {n_faces} faces, got "
            f"{tuple(ids.shape)} {str(ids.dtype).removeprefix('torch.')}"
        )
    if not bool(((ids >= 0) & (ids < n_classes)).all()):
        raise ValueError(
            f"target_class must lie between 0 and {n_classes - 1}, the network's last class, got "
            f"{ids.tolist()}"
        )
    return ids.expand(n_faces)


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
