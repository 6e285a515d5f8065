"""dlib's file is read as dlib writes it, and ONNX computes what torch computes from it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from livefer.errors import MissingExtraError, ModelError
from livefer.identity import network
from livefer.system.onnx_session import open_session

Float = NDArray[np.float32]


def integer(n: int) -> bytes:
    data = n.to_bytes(8, "little").rstrip(b"\0")
    return bytes([len(data)]) + data


def tensor(values: Float) -> bytes:
    return integer(2) + b"".join(map(integer, (values.size, 1, 1, 1))) + values.tobytes()


def made_file(rng: np.random.Generator) -> tuple[bytes, list[tuple[Float, ...]], Float]:
    """Return a file of dlib; filters, biases, gamma and beta of each layer; the last one."""
    layers, data, n_in = [], b"head", 3
    for n, side in [(32, 7), *((n, 3) for n in network._CHANNELS for _ in range(2))]:
        filters = rng.normal(0, (n_in * side**2) ** -0.5, (n, n_in, side, side))
        layer = tuple(
            values.astype(np.float32)
            for values in (filters, rng.normal(size=n), rng.uniform(0.5, 1, n), rng.normal(size=n))
        )
        con = np.concatenate([layer[0].ravel(), layer[1]])
        data += b"con_4" + tensor(con) + b"more" + b"affine_" + tensor(np.concatenate(layer[2:]))
        layers.append(layer)
        n_in = n
    last = rng.normal(0, 0.1, (n_in, 128)).astype(np.float32)
    data += b"fc_2" + integer(128) + integer(n_in) + tensor(last.ravel())
    return data, layers, last


def by_torch(layers: list[tuple[Float, ...]], last: Float, chips: NDArray[np.uint8]) -> Float:
    """Compute the network as dlib describes it: dlib/examples/dnn_face_recognition_ex.cpp."""
    torch = pytest.importorskip("torch")
    F = torch.nn.functional
    left = iter(layers)

    def layer(x: Any, stride: int) -> Any:
        filters, biases, gamma, beta = map(torch.from_numpy, next(left))
        pad = filters.shape[-1] // 2 if stride == 1 else 0
        x = F.conv2d(x, filters, biases, stride, pad)
        return x * gamma[:, None, None] + beta[:, None, None]

    def added(one: Any, other: Any) -> Any:
        sizes = [max(a, b) for a, b in zip(one.shape, other.shape, strict=True)]
        total = torch.zeros(sizes)
        for x in (one, other):
            total[tuple(slice(n) for n in x.shape)] += x
        return total

    rgb = chips[..., ::-1].astype(np.float32) - np.float32([122.782, 117.001, 104.298])
    x = torch.from_numpy(rgb.transpose(0, 3, 1, 2) / 256)
    x = F.max_pool2d(F.relu(layer(x, 2)), 3, 2)
    blocks = [(32, 1)] * 3 + [(64, 2)] + [(64, 1)] * 3 + [(128, 2)] + [(128, 1)] * 2
    for _, stride in [*blocks, (256, 2), (256, 1), (256, 1), (256, 2)]:
        y = layer(F.relu(layer(x, stride)), 1)
        x = F.relu(added(y, F.avg_pool2d(x, 2) if stride == 2 else x))
    return np.asarray(x.mean(dim=(2, 3)) @ torch.from_numpy(last))


def test_onnx_computes_what_torch_does() -> None:
    pytest.importorskip("onnx")
    rng = np.random.default_rng(0)
    data, layers, last = made_file(rng)
    chips = rng.integers(0, 256, (2, 150, 150, 3), np.uint8)
    session = open_session(network._graph(network._layers(data)))
    (descriptors,) = session.run(None, {"chips": chips})
    expected = by_torch(layers, last, chips)
    assert descriptors.shape == (2, 128)
    np.testing.assert_allclose(descriptors, expected, atol=1e-4 * np.abs(expected).max())


def test_without_the_extra_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "find_spec", lambda name: None)
    with pytest.raises(
        MissingExtraError, match=r'--identify needs the "people" extra: pip install'
    ):
        network.open_network()


def test_another_file_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    spec = importlib.util.find_spec("livefer")
    assert spec is not None
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(network, "find_spec", lambda name: spec)
    network.open_network.cache_clear()
    with pytest.raises(ModelError, match="cannot be read"):
        network.open_network()
    folder.mkdir()
    (folder / network._FILE).write_bytes(b"another")
    with pytest.raises(ModelError, match="is not the file of"):
        network.open_network()
