"""Which part of a face speaks for each expression: expected regions, and the heat found in them.

    python bench/cam_regions.py human-float --yunet YUNET.onnx --votes data/ferplus.csv \\
        --images 1500 --json bench/results/cam_regions.json \\
        --picture bench/results/cam_regions.jpg > bench/results/cam_regions.md

On right answers of val in which YuNet finds five landmarks. Two maps of the class: Grad-CAM of the
last stage (6×6), which is what livefer shows, and LayerCAM of the third one (12×12; Jiang et al.
2021, https://doi.org/10.1109/TIP.2021.3089943). Needs the train extra, and a model in float32: its
weights are read from the file. The picture shows mean maps, and the shipped photograph.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from lib.cam_maps import Heats, loss_by_covering
from lib.cam_pictures import average_picture
from lib.common import PICTURE, arguments, publish, run
from lib.loading import load_models, sample
from lib.regions import (
    REGIONS,
    aligned,
    half_area,
    hot_area,
    landmarks,
    masks,
    peaks_in,
    shares,
)
from numpy.typing import NDArray

from livefer.classifier import EmotionClassifier, shipped_models
from livefer.data.dataset import read_dataset
from livefer.data.votes import read_votes
from livefer.detection.detections import Detections
from livefer.detection.yunet import YuNetDetector
from livefer.drawing.faces import draw_heatmap
from livefer.errors import ConfigError
from livefer.faces.crops import crop_faces
from livefer.media.pictures import read_image

EXPECTED = {
    "angry": ("brows",),
    "disgust": ("nose",),
    "fear": ("eyes",),
    "happy": ("mouth",),
    "neutral": (),
    "sad": ("brows", "mouth"),
    "surprise": ("eyes", "mouth"),
}
"""What moves most: Ekman and Friesen 2002, Facial Action Coding System, its emotions' units."""
METHODS = {"gradcam": "Grad-CAM, stage 4, 6×6", "layercam": "LayerCAM, stage 3, 12×12"}


def network_of(name: str) -> tuple[Any, float, float]:
    """Return a ResNetFER with the weights of a model's file, its mean and its deviation.

    The file has each convolution and its BatchNorm in one: the BatchNorm here adds the bias only.
    """
    import onnx
    import torch
    from onnx import numpy_helper

    from livefer.train import ResNetFER

    path = shipped_models().get(name, Path(name))
    file = onnx.load(str(path))
    weights = {
        re.sub(r"^model\.|_half$", "", tensor.name): torch.tensor(
            numpy_helper.to_array(tensor).astype(np.float32)
        )
        for tensor in file.graph.initializer
        if tensor.name.startswith("model.")
    }
    if "layer4.1.conv2.weight" not in weights:
        raise ConfigError(f"{name} has no float weights: take {name}-float or a float export")
    model = ResNetFER(len(weights["head.5.bias"]), width=len(weights["conv1.weight"]))
    state = model.state_dict()
    for key in list(state):
        norm = re.fullmatch(r"(.*?)(bn(\d)|downsample\.1)\.(weight|bias|running_var)", key)
        if key in weights:
            state[key] = weights[key]
        elif norm and norm[4] == "bias":
            conv = f"conv{norm[3]}" if norm[3] else "downsample.0"
            state[key] = weights[f"{norm[1]}{conv}.bias"]
        elif norm and norm[4] == "running_var":
            state[key] = torch.ones_like(state[key]) - 1e-5
    model.load_state_dict(state)
    meta = {entry.key: entry.value for entry in file.metadata_props}
    return model.eval(), float(meta["mean"]), float(meta["std"])


def both_maps(
    network: Any, faces: NDArray[np.uint8], ids: NDArray[np.int64]
) -> dict[str, list[NDArray[np.float32]]]:
    """Return the two maps of one class for each face, as they come from the network.

    network: as of `network_of`
    faces: (N, 48, 48) uint8; ids: (N,) the classes
    """
    import torch

    from livefer.train import CAMExtractor, normalise

    model, mean, std = network
    found: dict[str, list[NDArray[np.float32]]] = {}
    for name, stage in (("gradcam", 4), ("layercam", 3)):
        found[name] = []
        with CAMExtractor(model, stage) as extractor:
            for start in range(0, len(faces), 64):
                x = normalise(torch.from_numpy(faces[start : start + 64]), mean, std)
                chosen = torch.from_numpy(ids[start : start + 64])
                found[name] += list(extractor.generate_cam(x, chosen)[0].numpy())
    return found


def summary(
    heats: Heats, regions: list[dict[str, NDArray[np.bool_]]], names: NDArray[Any]
) -> dict[str, Any]:
    """Return the mean share of heat in each region by class, and how sharp the maps are."""
    parts, peaks = shares(heats, regions), peaks_in(heats, regions)
    return {
        "half_area": float(half_area(heats).mean()),
        "hot_area": float(hot_area(heats).mean()),
        "by_class": {
            name: {
                "n": int((names == name).sum()),
                "shares": np.nanmean(parts[names == name], axis=0).tolist(),
                "peaks": peaks[names == name].mean(axis=0).tolist(),
            }
            for name in EXPECTED
            if (names == name).any()
        },
    }


def as_markdown(figures: dict[str, Any]) -> str:
    """Return a table for each kind of map."""
    area = figures["areas"]
    lines = [
        f"val, {figures['n_right']:,} right answers with five landmarks, of "
        f"{figures['n_images']:,} images ({figures['n_found']:,} with landmarks). Share of the "
        "heat in each region, and in brackets of the maps whose hottest point lies there, %; in "
        "bold where the literature expects it.",
    ]
    for method, title in METHODS.items():
        found = figures["methods"][method]
        lines += [
            "",
            f"| {title} | faces | {' | '.join(REGIONS)} | elsewhere |",
            f"| --- | ---: |{' ---: |' * (len(REGIONS) + 1)}",
            f"| area | | {_cells(area)} |",
        ]
        for name, row in found["by_class"].items():
            cells = _cells(row["shares"], row["peaks"], EXPECTED[name])
            lines.append(f"| {name} | {row['n']:,} | {cells} |")
    lines += ["", "| | Grad-CAM, 6×6 | LayerCAM, 12×12 |", "| --- | ---: | ---: |"]
    both = [figures["methods"][method] for method in METHODS]
    rows = {
        "share of the face that is at least half as hot as the hottest point": "hot_area",
        "share of the face that holds half of the heat": "half_area",
        "points that covering the hottest fifth takes from the class": "covering_own",
        "the same of another face's map": "covering_other",
    }
    for words, key in rows.items():
        lines.append(f"| {words} | {' | '.join(f'{100 * one[key]:.1f}' for one in both)} |")
    return "\n".join(lines)


def _cells(
    values: list[float], peaks: list[float] | None = None, expected: tuple[str, ...] = ()
) -> str:
    """Return the cells of a row: one for each region, and one for the rest of the face."""
    shown = [f"{100 * value:.0f}" for value in (*values, 1 - sum(values))]
    if peaks is not None:
        shown = [
            f"{text} ({100 * peak:.0f})"
            for text, peak in zip(shown, (*peaks, 1 - sum(peaks)), strict=True)
        ]
    names = (*REGIONS, "")
    return " | ".join(
        f"**{text}**" if name in expected else text for name, text in zip(names, shown, strict=True)
    )


def photograph(
    network: Any, model: EmotionClassifier, detector: YuNetDetector, side: int
) -> list[NDArray[np.uint8]]:
    """Return the shipped face with each of its maps, (side, side, 3)."""
    image = read_image(PICTURE)
    boxes = Detections(*detector.detect(image)).boxes[:1]
    scale, shift_y = detector.crop_scale, detector.crop_shift_y
    face = crop_faces(image, boxes, scale, shift_y)
    large = crop_faces(image, boxes, scale, shift_y, side)[0]
    ids = model.predict(face).argmax(axis=1)
    return [
        draw_heatmap(large, model.heatmap(maps[0]), (0, 0, side, side))
        for maps in both_maps(network, face, ids).values()
    ]


def main() -> None:
    """Print the tables, and write JSON and a picture where asked to."""
    parser = arguments(__doc__, "model", "--data", "--yunet", "--images", "--json")
    parser.add_argument("--votes", type=Path, help="FER+'s votes: the truth; else the labels")
    parser.add_argument("--picture", type=Path, help="write the mean maps there")
    args = parser.parse_args()
    [(name, model)] = load_models([args.model]).items()
    network, detector = network_of(args.model), YuNetDetector(args.yunet)
    dataset = read_dataset(args.data)
    split = sample(dataset.split("val"), args.images)
    targets = split.targets
    if args.votes:
        targets = read_votes(args.votes, split, dataset.classes).majority
    points, rows = landmarks(detector, split.faces)
    ids = model.predict(split.faces[rows]).argmax(axis=1)
    truth = np.array([*dataset.classes, ""])[targets[rows]]
    right = np.array(model.classes)[ids] == truth
    faces, points, ids, names = split.faces[rows][right], points[right], ids[right], truth[right]
    regions = [masks(one) for one in points]
    figures: dict[str, Any] = {
        "model": name,
        "n_images": len(split),
        "n_found": len(rows),
        "n_right": len(faces),
        "areas": [float(np.mean([one[part].mean() for one in regions])) for part in REGIONS],
        "methods": {},
    }
    tiles = []
    for method, maps in both_maps(network, faces, ids).items():
        heats = np.stack([model.heatmap(one) for one in maps])
        own, other = loss_by_covering(model.predict, faces, heats, ids)
        found = summary(heats, regions, names)
        figures["methods"][method] = found | {"covering_own": own, "covering_other": other}
        straight = np.stack([aligned(*pair) for pair in zip(heats, points, strict=True)])
        every = np.ones(len(ids), bool)
        tiles.append(average_picture(model.classes, ids, every, straight))
    publish("Which part of a face speaks for an expression", as_markdown(figures), figures,
            args.json)  # fmt: skip
    if args.picture:
        seen = photograph(network, model, detector, 192)
        lines = [np.hstack([tile, _below(face, tile)]) for tile, face in
                 zip(tiles, seen, strict=True)]  # fmt: skip
        if not cv2.imwrite(str(args.picture), np.vstack(lines)):
            raise ConfigError(f"{args.picture} cannot be written: is it a .jpg in a folder?")


def _below(face: NDArray[np.uint8], tile: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a face under a plain head, as high as the tile beside it, and with its gap."""
    head = tile.shape[0] - face.shape[0]
    plate = tile[0, 0].tolist()
    return np.asarray(
        cv2.copyMakeBorder(face, head, 0, 8, 0, cv2.BORDER_CONSTANT, value=plate), np.uint8
    )


if __name__ == "__main__":
    run(main)
