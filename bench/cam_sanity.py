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

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from lib.cam_maps import (
    COVERED,
    INNER,
    Heats,
    inner_mask,
    inner_share,
    loss_by_covering,
    peak_is_inside,
    rank_correlation,
    ssim,
)
from lib.cam_pictures import average_picture, sheet
from lib.common import arguments, publish, run
from lib.loading import load_models, sample
from numpy.typing import NDArray

from livefer.classifier import EmotionClassifier
from livefer.data.dataset import Split, read_dataset
from livefer.errors import LiveferError


def heatmaps(classifier: EmotionClassifier, cams: NDArray[np.float32], ids: NDArray[Any]) -> Heats:
    """Return the heat maps (N, 48, 48) of one class for each face."""
    return np.stack([classifier.heatmap(cam[i]) for cam, i in zip(cams, ids, strict=True)])


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
                if reset := getattr(module, "reset_parameters", None):
                    reset()
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
        "covering": {"share": COVERED, "own_map": own, "another_faces_map": other},
    }
    return figures, probabilities, heats


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
    parser = arguments(__doc__, "model", "--data", "--images", "--threads", "--json")
    parser.add_argument("--checkpoint", type=Path, help="its .safetensors, for random weights")
    parser.add_argument("--random-images", type=int, default=200, help="and so many of those here")
    parser.add_argument("--seeds", type=int, default=3, help="random networks")
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
    publish("What the Grad-CAM maps are worth", as_markdown(figures), figures, args.json)
    ids = probabilities.argmax(axis=1)
    right = np.array(classifier.classes)[ids] == np.array(dataset.classes)[split.targets]
    pictures: tuple[tuple[Path | None, Callable[[], NDArray[np.uint8]]], ...] = (
        (args.average, lambda: average_picture(classifier.classes, ids, right, heats)),
        (args.sheet, lambda: sheet(classifier.classes, split, probabilities, right, heats)),
    )
    for path, draw in pictures:
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not cv2.imwrite(str(path), draw()):
                raise LiveferError(f"{path} cannot be written: is it a .png in a folder of yours?")


if __name__ == "__main__":
    run(main)
