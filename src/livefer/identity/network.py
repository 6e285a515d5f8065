"""dlib's network for recognising people (King 2017, public domain), as an ONNX Runtime session.

The package face_recognition_models brings its weights in dlib's own format. The network has 29
layers with weights; its input is a face of 150 x 150 px, its output a descriptor of 128 numbers:
those of one person lie closer together than 0.6. https://github.com/davisking/dlib-models
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livefer.errors import REINSTALL, MissingExtraError, ModelError
from livefer.system.onnx_session import open_session

SIDE = 150
"""Pixels of a side of the face that the network sees."""

_PACKAGE = "face_recognition_models"
_FILE = "dlib_face_recognition_resnet_model_v1.dat"
_SHA256 = "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30"
_MEAN_BGR = (104.298, 117.001, 122.782)  # that dlib takes from each pixel, before it divides by 256
_CHANNELS = (32, 32, 32, 64, 64, 64, 64, 128, 128, 128, 256, 256, 256, 256)  # of the 14 blocks

Float = NDArray[np.float32]


def weights_path() -> Path:
    """Return the file of the weights; MissingExtraError where the `people` extra is missing."""
    # Found, not imported: its __init__ needs pkg_resources, which setuptools has dropped.
    spec = find_spec(_PACKAGE)
    if spec is None or find_spec("onnx") is None:
        raise MissingExtraError("--identify", "people")
    (folder,) = spec.submodule_search_locations or ("",)
    return Path(folder) / "models" / _FILE


@cache
def open_network(threads: int | None = None) -> Any:
    """Load the network as an onnxruntime.InferenceSession, once in a process.

    Its input are chips (N, 150, 150, 3) uint8 BGR, its output descriptors (N, 128) float32.

    threads: as of `open_session`

    MissingExtraError without the `people` extra, ModelError where its file is another.
    """
    path = weights_path()
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}): {REINSTALL}") from None
    if hashlib.sha256(data).hexdigest() != _SHA256:
        raise ModelError(f"{path} is not the file of face_recognition_models 0.3: {REINSTALL}")
    return open_session(_graph(_layers(data)), threads)


def _layers(data: bytes) -> list[tuple[Float, Float]]:
    """Return weights and biases of each layer in the order of computation; the last one has none.

    dlib writes the innermost layer, which comes first, first. An affine layer follows each
    convolution; here it is part of it.
    """
    layers, at, n_in = list[tuple[Float, Float]](), 0, 3
    for n_out, side in [(32, 7), *((n, 3) for n in _CHANNELS for _ in range(2))]:
        both, at = _tensor(data, data.index(b"con_4", at) + 5)
        scales, at = _tensor(data, data.index(b"affine_", at) + 7)
        weights, biases = both[:-n_out].reshape(n_out, n_in, side, side), both[-n_out:]
        gamma, beta = scales[:n_out], scales[n_out:]
        layers.append((weights * gamma[:, None, None, None], biases * gamma + beta))
        n_in = n_out
    _, at = _integer(data, data.index(b"fc_2", at) + 4)  # the number of outputs,
    _, at = _integer(data, at)  # and of inputs
    last, _ = _tensor(data, at)
    layers.append((last.reshape(n_in, -1), np.zeros(0, np.float32)))
    first = layers[0]
    layers[0] = (np.ascontiguousarray(first[0][:, ::-1]), first[1])  # RGB to BGR
    return layers


def _integer(data: bytes, at: int) -> tuple[int, int]:
    """Return the number at a place, and the place behind it: its length is in front of it."""
    end = at + 1 + (data[at] & 15)
    return int.from_bytes(data[at + 1 : end], "little"), end


def _tensor(data: bytes, at: int) -> tuple[Float, int]:
    """Return the numbers of a tensor, and the place behind it: version, four sizes, float32."""
    _, at = _integer(data, at)
    size = 1
    for _ in range(4):
        n, at = _integer(data, at)
        size *= n
    return np.frombuffer(data, "<f4", size, at), at + 4 * size


def _graph(layers: list[tuple[Float, Float]]) -> bytes:
    """Return the network as an ONNX file."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes: list[Any] = []
    constants: list[Any] = []

    def constant(value: Any, dtype: Any = np.float32) -> str:
        constants.append(numpy_helper.from_array(np.asarray(value, dtype), f"c{len(constants)}"))
        return str(constants[-1].name)

    def node(kind: str, *inputs: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, [f"n{len(nodes)}"], **attributes))
        return f"n{len(nodes) - 1}"

    left = iter(layers)

    def convolution(x: str, stride: int = 1) -> str:
        weights, biases = next(left)
        pads = [0 if stride > 1 else weights.shape[-1] // 2] * 4
        sizes = {"strides": [stride] * 2, "pads": pads}
        return node("Conv", x, constant(weights), constant(biases), **sizes)

    def pad(x: str, channels: int = 0, pixels: int = 0) -> str:
        ends = [0, 0, 0, 0, 0, channels, pixels, pixels]
        return node("Pad", x, constant(ends, np.int64))

    x = node("Cast", "chips", to=TensorProto.FLOAT)
    x = node("Mul", node("Sub", x, constant(_MEAN_BGR)), constant(1 / 256))
    x = node("Transpose", x, perm=[0, 3, 1, 2])  # (N, 3, 150, 150)
    x = node("Relu", convolution(x, 2))  # (N, 32, 72, 72)
    x = node("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2])  # (N, 32, 35, 35)
    before, side = 32, 35
    for number, n in enumerate(_CHANNELS):
        is_smaller = n > before or number == len(_CHANNELS) - 1
        y = convolution(node("Relu", convolution(x, 2 if is_smaller else 1)))
        if is_smaller:
            x = node("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
            # dlib adds what differs in size as if zeros stood where one of them ends.
            by_conv, side = (side - 3) // 2 + 1, (side - 2) // 2 + 1
            y = pad(y, pixels=side - by_conv) if by_conv < side else y
            x = pad(x, channels=n - before) if n > before else x
        x, before = node("Relu", node("Add", y, x)), n
    x = node("ReduceMean", x, axes=[2, 3], keepdims=0)  # (N, 256)
    nodes.append(helper.make_node("MatMul", [x, constant(next(left)[0])], ["descriptors"]))
    chips = helper.make_tensor_value_info("chips", TensorProto.UINT8, ["n", SIDE, SIDE, 3])
    out = helper.make_tensor_value_info("descriptors", TensorProto.FLOAT, ["n", 128])
    graph = helper.make_graph(nodes, "dlib", [chips], [out], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
