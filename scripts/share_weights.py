"""Move what ONNX files have in common into one file beside them, which each of them reads.

    python scripts/share_weights.py A.onnx B.onnx [...] --to NAME.weights

The shipped models are one network with two last layers: so it is stored once. The files belong
together from then on and are only moved together; `livefer export` writes files that stand alone.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import onnx
from onnx.external_data_helper import load_external_data_for_model, set_external_data

LEAST_BYTES = 1024  # smaller tensors stay where they are
_ALIGNMENT = 4096  # so that each can be mapped into memory


def share(files: list[Path], to: Path) -> int:
    """Write the tensors that all files hold to `to`, and the files without them; return its size.

    files: self-contained, in the folder of `to`
    """
    models = [onnx.load(str(file), load_external_data=False) for file in files]
    for file, model in zip(files, models, strict=True):
        if file.resolve().parent != to.resolve().parent:
            raise SystemExit(f"error: {file} is not in the folder of {to}")
        load_external_data_for_model(model, str(file.parent))
    held = [_tensors(model) for model in models]
    offsets: dict[bytes, int] = {}
    content = bytearray()
    for data in held[0]:
        if not all(data in others for others in held):
            continue
        content.extend(bytes(-len(content) % _ALIGNMENT))
        offsets[data] = len(content)
        content += data
    to.write_bytes(content)
    for file, model in zip(files, models, strict=True):
        for tensor in model.graph.initializer:
            data = bytes(tensor.raw_data)
            if data in offsets:
                set_external_data(tensor, to.name, offsets[data], len(data))
                tensor.ClearField("raw_data")
        file.write_bytes(model.SerializeToString())
    return len(content)


def _tensors(model: onnx.ModelProto) -> dict[bytes, None]:
    """Return the contents of the large tensors, each once, in the model's order."""
    contents = (bytes(tensor.raw_data) for tensor in model.graph.initializer)
    return dict.fromkeys(content for content in contents if len(content) >= LEAST_BYTES)


def main() -> None:
    """Share, and say how much."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE")
    parser.add_argument("--to", type=Path, required=True)
    args = parser.parse_args()
    size = share(args.files, args.to)
    rest = ", ".join(f"{file.name} {file.stat().st_size / 1e6:.1f} MB" for file in args.files)
    sys.stdout.write(f"{args.to.name} {size / 1e6:.1f} MB, {rest}\n")


if __name__ == "__main__":
    main()
