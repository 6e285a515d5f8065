"""Whether the Grad-CAM maps are about the face, matter to the answer, and come from the weights.

    python bench/cam_sanity.py fer2013 --checkpoint runs/cpu/best.safetensors --images 600 \\
        --json bench/results/cam_sanity.json --average bench/results/cam_average.jpg \\
        --sheet out/cam_sheet.png > bench/results/cam_sanity.md

All maps are those of the class that the model names. The inner region runs from the brows to below
the lower lip and from temple to temple (INNER). Covering: the hottest fifth of each face gets the
face's mean gray, against the hottest fifth of another face's map, which lies where maps lie but
knows nothing of this face. The randomised-weights check needs the checkpoint and the train extra.
The sheet shows pictures of the data set and stays out of the repository; the average shows none.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from common import heading, load_models, sample, write_json
from numpy.typing import NDArray

from livefer.classifier import EmotionClassifier
from livefer.dataset import Split, read_dataset
from livefer.drawing import draw_heatmap
from livefer.errors import LiveferError
from livefer.evaluate import Predict
from livefer.text import PLATE, WHITE, fit_text, paint_plate, paint_text, text_wh

Heats = NDArray[np.float32]

INNER = (0.2, 0.25, 0.8, 0.86)
"""left, top, right, bottom of the face's inner region, in shares of the crop's side.

bench/results/crop_scale.txt: in FER2013's pictures the eyes are 0.34 apart at 0.41 of the height
and the mouth is at 0.76. An eye is half as wide as the eyes are apart, and the brows lie above
it by half that: from there to a lip's height below the mouth, with a little beside the eyes.
"""

_LANDMARKS = ((0.33, 0.41), (0.67, 0.41), (0.5, 0.76))  # eyes and mouth, the same measurement
_COVERED = 0.2
_SSIM_SIGMA_PX, _SSIM_C1, _SSIM_C2 = 1.5, 0.01**2, 0.03**2


def inner_mask(side: int = 48) -> NDArray[np.float32]:
    """Return (side, side) float32: how much of each pixel lies in the inner region."""
    edges = np.arange(side + 1) / side
    left, top, right, bottom = INNER

    def covered(low: float, high: float) -> NDArray[np.float64]:
        overlap = np.minimum(edges[1:], high) - np.maximum(edges[:-1], low)
        return np.clip(overlap, 0, None) * side

    return np.outer(covered(top, bottom), covered(left, right)).astype(np.float32)


def inner_share(heats: Heats) -> NDArray[np.float64]:
    """Return (N,): the share of each map's heat (N, S, S) in the inner region; nan without heat."""
    total = heats.sum(axis=(1, 2), dtype=np.float64)
    inner = (heats * inner_mask(heats.shape[1])).sum(axis=(1, 2), dtype=np.float64)
    return np.divide(inner, total, out=np.full(len(heats), np.nan), where=total > 0)


def peak_is_inside(heats: Heats) -> NDArray[np.bool_]:
    """Return (N,) bool: whether the hottest pixel of each map lies in the inner region."""
    flat = heats.reshape(len(heats), -1).argmax(axis=1)
    return np.asarray(inner_mask(heats.shape[1]).ravel()[flat] >= 0.5, bool)


def heatmaps(classifier: EmotionClassifier, cams: NDArray[np.float32], ids: NDArray[Any]) -> Heats:
    """Return the heat maps (N, 48, 48) of one class for each face."""
    return np.stack([classifier.heatmap(cam[i]) for cam, i in zip(cams, ids, strict=True)])


def covered_where_hot(faces: NDArray[np.uint8], heats: Heats) -> NDArray[np.uint8]:
    """Return the faces with the hottest fifth of each map in the face's mean gray."""
    covered = faces.copy()
    n_pixels = round(_COVERED * heats[0].size)
    for face, heat in zip(covered, heats, strict=True):
        hottest = np.argsort(-heat, axis=None, kind="stable")[:n_pixels]
        face.flat[hottest] = round(float(face.mean()))
    return covered


def loss_by_covering(
    predict: Predict, faces: NDArray[np.uint8], heats: Heats, ids: NDArray[Any]
) -> tuple[float, float]:
    """Return by how much the named class's probability falls: own maps, another face's map."""
    rows = np.arange(len(faces))
    before = predict(faces)[rows, ids]
    own = predict(covered_where_hot(faces, heats))[rows, ids]
    other = predict(covered_where_hot(faces, np.roll(heats, 1, axis=0)))[rows, ids]
    return float((before - own).mean()), float((before - other).mean())


def rank_correlation(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float64]:
    """Return (N,): Spearman's rank correlation of maps (N, h, w) without ties; 0 for a flat map."""
    ranks = []
    for maps in (a, b):
        flat = maps.reshape(len(maps), -1)
        rank = flat.argsort(axis=1, kind="stable").argsort(axis=1).astype(float)
        rank -= rank.mean(axis=1, keepdims=True)
        ranks.append(np.where(np.ptp(flat, axis=1)[:, None] > 0, rank, 0))
    norm = np.sqrt((ranks[0] ** 2).sum(axis=1) * (ranks[1] ** 2).sum(axis=1))
    return np.asarray((ranks[0] * ranks[1]).sum(axis=1) / np.maximum(norm, 1e-9), np.float64)


def ssim(a: Heats, b: Heats) -> NDArray[np.float64]:
    """Return (N,): the structural similarity of maps (N, S, S) of 0–1.

    Wang et al. 2004, equation 13, https://doi.org/10.1109/TIP.2003.819861
    """

    def mean(image: NDArray[Any]) -> NDArray[Any]:
        return cv2.GaussianBlur(image.astype(np.float64), (11, 11), _SSIM_SIGMA_PX)

    values = []
    for x, y in zip(a, b, strict=True):
        mx, my = mean(x), mean(y)
        vx, vy, cov = mean(x * x) - mx * mx, mean(y * y) - my * my, mean(x * y) - mx * my
        top = (2 * mx * my + _SSIM_C1) * (2 * cov + _SSIM_C2)
        values.append((top / ((mx**2 + my**2 + _SSIM_C1) * (vx + vy + _SSIM_C2))).mean())
    return np.array(values)


def randomised(
    checkpoint: Path, faces: NDArray[np.uint8], classifier: EmotionClassifier, seeds: int
) -> list[dict[str, Any]]:
    """Compare the maps with those of networks whose weights are random from the top down.

    The weights of the last layer, then of the head, then of each stage are drawn anew, and stay so
    (Adebayo et al. 2018, https://arxiv.org/abs/1810.03292). The class is the one first named. The
    last row compares each map with that of another face in the untouched network.
    """
    import torch
    from torch import nn

    from livefer.train.cam import closed_form_cams
    from livefer.train.checkpoint import load_model

    model, meta = load_model(checkpoint)
    x = ((torch.from_numpy(faces)[:, None].float() / 255) - meta["mean"]) / meta["std"]

    @torch.inference_mode()
    def maps() -> tuple[NDArray[Any], NDArray[Any]]:
        parts = [closed_form_cams(model.head, model.features(part)) for part in x.split(64)]
        logits, cams = (torch.cat(part).numpy() for part in zip(*parts, strict=True))
        return logits, cams

    logits, cams = maps()
    rows, ids = np.arange(len(faces)), logits.argmax(axis=1)
    raw, heats = cams[rows, ids], heatmaps(classifier, cams, ids)

    def compare(other_raw: NDArray[Any], other_heats: Heats) -> tuple[float, float, float]:
        return (
            float(rank_correlation(raw, other_raw).mean()),
            float(ssim(heats, other_heats).mean()),
            float(np.nanmean(inner_share(other_heats))),
        )

    head = model.head
    steps: list[tuple[str, list[nn.Module]]] = [
        ("last layer", [head[5]]),
        ("and the rest of the head", [head[1], head[2]]),
        ("and stage 4", [model.layer4]),
        ("and stage 3", [model.layer3]),
        ("and stage 2", [model.layer2]),
        ("and stage 1", [model.layer1]),
        ("and the stem: all", [model.conv1, model.bn1]),
    ]
    trained = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    found: dict[str, list[tuple[float, float, float]]] = {}
    for seed in range(seeds):
        torch.manual_seed(seed)
        model.load_state_dict(trained)
        for name, modules in steps:
            for module in (leaf for part in modules for leaf in part.modules()):
                if hasattr(module, "reset_parameters"):
                    module.reset_parameters()
            other = maps()[1]
            other_heats = heatmaps(classifier, other, ids)
            found.setdefault(name, []).append(compare(other[rows, ids], other_heats))
    found["none, but another face"] = [compare(np.roll(raw, 1, axis=0), np.roll(heats, 1, axis=0))]
    return [
        {
            "randomised": name,
            "rank_correlation": float(np.mean([v[0] for v in values])),
            "ssim": float(np.mean([v[1] for v in values])),
            "heat_inside": float(np.mean([v[2] for v in values])),
        }
        for name, values in found.items()
    ]


def measure(
    classifier: EmotionClassifier, split: Split, classes: tuple[str, ...]
) -> tuple[dict[str, Any], NDArray[np.float32], Heats]:
    """Return the figures, the probabilities (N, C) and the heat maps of the named classes."""
    probabilities, cams = classifier.predict_with_cams(split.faces)
    ids = probabilities.argmax(axis=1)
    heats = heatmaps(classifier, cams, ids)
    share, inside = inner_share(heats), peak_is_inside(heats)
    own, other = loss_by_covering(classifier.predict, split.faces, heats, ids)
    right = np.array(classifier.classes)[ids] == np.array(classes)[split.targets]

    def mean(chosen: NDArray[np.bool_]) -> dict[str, Any]:
        seen = chosen & ~np.isnan(share)
        if not seen.any():
            return {"n_images": 0, "heat_inside": None, "peak_inside": None}
        return {
            "n_images": int(seen.sum()),
            "heat_inside": float(share[seen].mean()),
            "peak_inside": float(inside[seen].mean()),
        }

    figures = {
        "split": split.name,
        "n_images": len(split),
        "n_without_heat": int(np.isnan(share).sum()),
        "inner_region": list(INNER),
        "area_of_inner_region": float(inner_mask().mean()),
        "all": mean(np.ones(len(split), bool)),
        "right_answers": mean(right),
        "wrong_answers": mean(~right),
        "by_named_class": {name: mean(ids == i) for i, name in enumerate(classifier.classes)},
        "covering": {"share": _COVERED, "own_map": own, "another_faces_map": other},
    }
    return figures, probabilities, heats


def average_picture(
    classes: tuple[str, ...], ids: NDArray[Any], chosen: NDArray[np.bool_], heats: Heats
) -> NDArray[np.uint8]:
    """Draw the mean heat map of each class, without any face; marks show eyes and mouth."""
    side, gap = 192, 8
    means = [
        heats[chosen & (ids == i)].mean(axis=0)
        if (chosen & (ids == i)).any()
        else np.zeros((48, 48))
        for i in range(len(classes))
    ]
    peak = max(max(float(mean.max()) for mean in means), 1e-9)  # one scale for all
    head = 30
    canvas = np.empty((side + head, len(classes) * (side + gap) - gap, 3), np.uint8)
    canvas[:] = PLATE
    for i, (name, mean) in enumerate(zip(classes, means, strict=True)):
        level = cv2.resize((255 * mean / peak).astype(np.uint8), (side, side))
        tile = cv2.applyColorMap(level, cv2.COLORMAP_INFERNO)
        left, top, right, bottom = (round(side * v) for v in INNER)
        cv2.rectangle(tile, (left, top), (right, bottom), (200, 200, 200), 1, cv2.LINE_AA)
        for x, y in _LANDMARKS:
            at = (round(side * x), round(side * y))
            cv2.drawMarker(tile, at, WHITE, cv2.MARKER_CROSS, 12, 2)
        x = i * (side + gap)
        canvas[head:, x : x + side] = tile
        n = int((chosen & (ids == i)).sum())
        text, size = fit_text(f"{name}, {n}", 15, side)
        paint_text(canvas, text, (x + 4, (head - text_wh(text, size)[1]) // 2), size, WHITE)
    return canvas


def sheet(
    classes: tuple[str, ...],
    split: Split,
    probabilities: NDArray[np.float32],
    right: NDArray[np.bool_],
    heats: Heats,
    columns: int = 8,
) -> NDArray[np.uint8]:
    """Draw a row for each class: the surest right answers, each beside itself with its map."""
    side, name_w, gap = 96, 100, 6
    step = 2 * side + gap
    canvas = np.empty((len(classes) * (side + gap), name_w + columns * step, 3), np.uint8)
    canvas[:] = PLATE
    ids, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    for row, name in enumerate(classes):
        y = row * (side + gap)
        paint_text(canvas, name, (8, y + side // 2 - 8), 16, WHITE)
        members = np.flatnonzero(right & (ids == row))
        for column, i in enumerate(members[np.argsort(-confidence[members])][:columns]):
            face = cv2.resize(split.faces[i], (side, side), interpolation=cv2.INTER_CUBIC)
            face = np.asarray(cv2.cvtColor(face, cv2.COLOR_GRAY2BGR), np.uint8)
            x = name_w + column * step
            canvas[y : y + side, x : x + side] = face
            painted = draw_heatmap(face, heats[i], (0, 0, side, side))
            text = f"{confidence[i]:.0%}"
            plate = np.array([0, side - 18, text_wh(text, 11)[0] + 8, side], np.float32)
            paint_plate(painted, plate, PLATE, 0.8)
            paint_text(painted, text, (4, side - 15), 11, WHITE)
            canvas[y : y + side, x + side : x + 2 * side] = painted
    return canvas


def as_markdown(figures: dict[str, Any]) -> str:
    """Return the figures as tables."""
    area = 100 * figures["area_of_inner_region"]
    lines = [
        f"{figures['split']}, {figures['n_images']:,} images, {figures['n_without_heat']} maps "
        f"without heat; the inner region is {area:.1f} % of the crop, which is what chance gives",
        "",
        "| maps of | images | heat inside | peak inside |",
        "| --- | ---: | ---: | ---: |",
    ]
    groups = {
        "all": figures["all"],
        "right answers": figures["right_answers"],
        "wrong answers": figures["wrong_answers"],
        **figures["by_named_class"],
    }
    for name, group in groups.items():
        shares = [
            "–" if group[key] is None else f"{100 * group[key]:.1f} %"
            for key in ("heat_inside", "peak_inside")
        ]
        lines.append(f"| {name} | {group['n_images']:,} | {' | '.join(shares)} |")
    covering = figures["covering"]
    lines += [
        "",
        f"Covering the hottest {covering['share']:.0%} of each face lowers the probability of the "
        f"named class by {100 * covering['own_map']:.1f} points, covering what is hottest in "
        f"another face's map by {100 * covering['another_faces_map']:.1f}.",
    ]
    if "randomised_weights" in figures:
        lines += [
            "",
            "| random weights | rank correlation | SSIM | heat inside |",
            "| --- | ---: | ---: | ---: |",
            *(
                f"| {row['randomised']} | {row['rank_correlation']:.2f} | {row['ssim']:.2f} "
                f"| {100 * row['heat_inside']:.1f} % |"
                for row in figures["randomised_weights"]
            ),
        ]
    return "\n".join(lines)


def main() -> None:
    """Print the tables, and write JSON and pictures where asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="a shipped model's name, or an .onnx file")
    parser.add_argument("--checkpoint", type=Path, help="its .safetensors, for random weights")
    parser.add_argument("--data", type=Path, default=Path("data/fer2013"))
    parser.add_argument("--images", type=int, help="use so many val faces, drawn with the seed")
    parser.add_argument("--random-images", type=int, default=200, help="and so many of those here")
    parser.add_argument("--seeds", type=int, default=3, help="random networks")
    parser.add_argument("--threads", type=int, help="processor cores for the network")
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    parser.add_argument("--average", type=Path, help="write the classes' mean maps there")
    parser.add_argument(
        "--sheet", type=Path, help="write a contact sheet there; not for publishing"
    )
    args = parser.parse_args()

    [(name, classifier)] = load_models([args.model], args.threads).items()
    dataset = read_dataset(args.data)
    split = sample(dataset.split("val"), args.images)
    figures, probabilities, heats = measure(classifier, split, dataset.classes)
    figures = {"model": name} | figures
    if args.checkpoint:
        few = sample(split, args.random_images)
        figures["randomised_weights"] = randomised(
            args.checkpoint, few.faces, classifier, args.seeds
        )
        figures["randomised_on"] = {"n_images": len(few), "seeds": args.seeds}
    print(heading("What the Grad-CAM maps are worth"))
    print(as_markdown(figures))
    if args.json:
        write_json(args.json, figures)
    ids = probabilities.argmax(axis=1)
    right = np.array(classifier.classes)[ids] == np.array(dataset.classes)[split.targets]
    pictures = (
        (args.average, lambda: average_picture(classifier.classes, ids, right, heats)),
        (args.sheet, lambda: sheet(classifier.classes, split, probabilities, right, heats)),
    )
    for path, draw in pictures:
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not cv2.imwrite(str(path), draw()):
                raise LiveferError(f"{path} cannot be written: is it a .png in a folder of yours?")


if __name__ == "__main__":
    try:
        main()
    except LiveferError as error:
        sys.exit(f"error: {error}")
