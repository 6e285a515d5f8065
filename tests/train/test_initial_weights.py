"""Weights that a run begins with: a shipped model's, a checkpoint's, torchvision's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from training import run

from livefer.classifier import EmotionClassifier
from livefer.errors import ModelError
from livefer.labels import CLASSES
from livefer.train.checkpoint import below_prefix, build_model, load_checkpoint, normalise
from livefer.train.config import Config, parse_config
from livefer.train.initial_weights import load_backbone, load_shipped
from livefer.train.model import ResNetFER

pytestmark = pytest.mark.slow


def test_a_checkpoint_begins_another_run_without_its_head(tmp_path: Path) -> None:
    best = run(tmp_path / "first")
    model = ResNetFER(3, width=8)
    left_out = load_backbone(model, str(best))
    saved = below_prefix("model", load_checkpoint(best)[0])
    assert all(name.startswith("head.") for name in left_out)
    loaded = model.state_dict()
    assert all(torch.equal(loaded[name], saved[name]) for name in set(saved) - set(left_out))
    assert not torch.equal(loaded["head.1.weight"], saved["head.1.weight"])
    for other in (ResNetFER(3, width=4), ResNetFER(3, width=8, blocks=(2, 2, 2, 3))):
        with pytest.raises(ModelError, match="a network of the same kind fits"):
            load_backbone(other, str(best))


def test_a_wider_network_goes_on_from_what_a_narrower_one_knows(tmp_path: Path) -> None:
    best = run(tmp_path / "first")
    narrow, wide = ResNetFER(3, width=8), ResNetFER(3, width=12)
    load_backbone(narrow, str(best))
    load_backbone(wide, str(best))
    x = torch.rand(2, 1, 48, 48)
    known, features = narrow.eval().features(x), wide.eval().features(x)
    assert torch.allclose(features[:, :64], known, atol=1e-5)
    assert features[:, 64:].std() > 0
    wide.train().features(x).sum().backward()
    assert wide.layer2[0].conv1.weight.grad is not None
    assert wide.layer2[0].conv1.weight.grad[:16, 8:].abs().min() > 0  # old channels learn to listen


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, 'expected "random", "human", "fer2013", "imagenet"'),
        (lambda path: path.write_bytes(b"not a pickle"), "not a state dict"),
        (lambda path: torch.save({"layer1.0.conv1.weight": torch.zeros(3)}, path), "does not fit"),
        (lambda path: torch.save([1], path), "does not fit"),
    ],
)
def test_initial_weights_that_do_not_fit(tmp_path: Path, make, message: str) -> None:  # type: ignore[no-untyped-def]
    make(tmp_path / "w.pth")
    with pytest.raises(ModelError, match=message):
        load_backbone(ResNetFER(width=8), str(tmp_path / "w.pth"))


def _faces(n: int) -> NDArray[np.uint8]:
    """Smooth noise, which a network answers in many ways."""
    rng = np.random.default_rng(0)
    small = torch.from_numpy(rng.uniform(0, 255, (n, 1, 8, 8)))
    big = torch.nn.functional.interpolate(small, size=(48, 48), mode="bilinear")
    return np.asarray(big[:, 0].byte().numpy())


def _begun(
    classes: tuple[str, ...] = CLASSES, mean: float = 0.5, std: float = 0.25, **changes: object
) -> tuple[ResNetFER, Config, list[str]]:
    config = parse_config({"init": "human", "width": 32} | changes, "test")
    torch.manual_seed(0)
    model = build_model(config, len(classes))
    x = normalise(torch.from_numpy(_faces(64)), mean, std)
    return model, config, load_shipped(model, config, classes, x, mean, std)


@pytest.mark.parametrize("name", ["human", "fer2013"])
@pytest.mark.parametrize("learn", ["labels", "both"])
def test_a_network_that_begins_with_a_shipped_model_answers_as_it_does(
    name: str, learn: str
) -> None:
    model, config, new = _begun(init=name, learn=learn, votes="votes.csv")
    assert not new
    faces = _faces(16)
    shipped = EmotionClassifier(f"{name}-float", prior=0)
    row = config.heads.index(shipped.metadata["labels"]) if learn == "both" else 0
    with torch.no_grad():
        logits = model.eval()(normalise(torch.from_numpy(faces), 0.5, 0.25)).view(16, -1, 7)[:, row]
    order, got = shipped.predict(faces).argsort(axis=1), logits.numpy().argsort(axis=1)
    assert (order == got).mean() > 0.95  # the border is padded with another gray
    assert len(np.unique(got[:, -1])) > 1
    if shipped.metadata["labels"] == "votes":  # learned without smoothing: only the temperature
        p = (logits / float(shipped.metadata["temperature"])).softmax(dim=1).numpy()
        assert np.abs(p - shipped.predict(faces)).max() < 0.03


def test_a_shipped_network_answers_alike_in_training() -> None:
    model, _, _ = _begun(dropout=0)
    x = normalise(torch.from_numpy(_faces(64)), 0.5, 0.25)
    with torch.no_grad():
        features = model.eval().features(x)
        in_training = model.train().features(x)
    assert torch.allclose(features, in_training, atol=1e-3 * float(features.max()))


def test_classes_of_a_shipped_model_keep_their_answers_and_new_ones_begin_anew() -> None:
    all_classes, _, _ = _begun()
    model, _, new = _begun(("bored", "Neutral", "smiling"))
    assert new == ["bored"]
    known, own = all_classes.head[-1].weight, model.head[-1].weight
    assert torch.equal(own[1], known[CLASSES.index("neutral")])
    assert torch.equal(own[2], known[CLASSES.index("happy")])
    assert not any(torch.equal(own[0], row) for row in known)
    assert torch.equal(model.head[1].weight, all_classes.head[1].weight)


def test_a_shipped_model_begins_a_run_that_trains_all_of_it(tmp_path: Path) -> None:
    changes = {"init": "human", "width": 32, "resolution": [[0, 48]], "epochs": 1, "lr": 0.01}
    saved = below_prefix("model", load_checkpoint(run(tmp_path / "own", **changes))[0])
    begun, _, _ = _begun(("dark", "light", "striped"))
    moved = {n: not torch.equal(saved[n], p) for n, p in begun.named_parameters()}
    assert all(moved.values())
    stem, last = (torch.corrcoef(torch.stack([saved[n].flatten(), begun.state_dict()[n].flatten()]))
                  for n in ("conv1.weight", "head.1.weight"))  # fmt: skip
    assert min(stem[0, 1], last[0, 1]) > 0.9


def test_a_network_of_another_kind_cannot_begin_with_a_shipped_model() -> None:
    with pytest.raises(ModelError, match=r"human is a .* width 32.* is a .* width 8"):
        _begun(width=8)
