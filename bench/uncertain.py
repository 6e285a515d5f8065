"""Which score tells right answers from wrong ones best: confidence, margin, entropy or energy.

    python bench/uncertain.py runs/cpu/best.safetensors

Needs a checkpoint (and the train extra), since the energy needs logits. For each score the area
under the risk–coverage curve on val (AURC, smaller is better), with the 95 % bootstrap interval of
its difference to the confidence's, and the share of faces answered when 85 % of the answers are to
be right, also when that limit is chosen on the other half of val. The second table is calibration:
a temperature alone, and after undoing the label smoothing that the network was trained with.

Energy: Liu et al. 2020, https://arxiv.org/abs/2010.03759
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from lib.common import arguments, run
from numpy.typing import NDArray

from livefer.data.dataset import read_dataset
from livefer.evaluation import calibration, metrics
from livefer.evaluation.predict import predict_split

Array = NDArray[np.float64]
_N_DRAWS = 500
_N_SPLITS = 20


def logits_of(path: Path, data: Path) -> tuple[Array, NDArray[np.int64], float]:
    """Return a checkpoint's logits on val (N, C), the targets, and its label smoothing."""
    import torch

    from livefer.train.checkpoint import load_model, normalise

    dataset = read_dataset(data)
    val = dataset.split("val")
    model, meta = load_model(path)

    @torch.inference_mode()
    def predict(faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        x = normalise(torch.from_numpy(faces), meta["mean"], meta["std"])
        return np.asarray(model(x).numpy(), np.float32)

    logits = predict_split(predict, val, dataset.classes).astype(np.float64)
    return logits, val.targets, float(meta["config"].get("label_smoothing", 0))


def scores_of(logits: Array, temperature: float) -> dict[str, Array]:
    """Return what could decide whether to answer, (N,) each, larger is surer."""
    peak = logits.max(axis=1)
    p = calibration.tempered(_softmax(logits), temperature).astype(np.float64)
    top = np.sort(p, axis=1)
    return {
        "confidence": top[:, -1],
        "margin": top[:, -1] - top[:, -2],
        "entropy (negative)": (p * np.log(np.maximum(p, 1e-12))).sum(axis=1),
        "largest logit": peak,
        "energy (negative)": peak + np.log(np.exp(logits - peak[:, None]).sum(axis=1)),
    }


def unsmoothed(probabilities: NDArray[np.float32], smoothing: float) -> NDArray[np.float32]:
    """Return what a network says that learned targets of 1 − s + s/C and s/C, without the s."""
    n_classes = probabilities.shape[1]
    found = np.maximum(probabilities - smoothing / n_classes, 0.05 * probabilities)
    return np.asarray(found / found.sum(axis=1, keepdims=True), np.float32)


def coverage_held_out(score: Array, right: NDArray[np.bool_]) -> tuple[float, float]:
    """Choose the limit on one half for 85 % right; return coverage and share right on the other."""
    generator, found = np.random.default_rng(0), []
    for _ in range(_N_SPLITS):
        order = generator.permutation(len(score))
        halves = order[: len(order) // 2], order[len(order) // 2 :]
        for fit, test in (halves, halves[::-1]):
            curve = metrics.risk_coverage(score[fit], right[fit])
            good = curve.threshold[curve.risk <= 1 - calibration.MIN_RIGHT]
            answered = score[test] >= good.min(initial=np.inf)
            found.append((answered.mean(), right[test][answered].mean()))
    coverage, share = np.mean(found, axis=0)
    return float(coverage), float(share)


def print_scores(logits: Array, targets: NDArray[np.int64], temperature: float) -> None:
    right = logits.argmax(axis=1) == targets
    scores = scores_of(logits, temperature)
    generator = np.random.default_rng(0)
    draws = generator.integers(0, len(right), (_N_DRAWS, len(right)))
    drawn = {
        name: np.array([metrics.risk_coverage(s[d], right[d]).aurc for d in draws])
        for name, s in scores.items()
    }
    print(
        "| score | AURC | more than confidence | answered, 85 % right | held out: answered, right |"
    )
    print("| --- | ---: | ---: | ---: | ---: |")
    for name, score in scores.items():
        curve = metrics.risk_coverage(score, right)
        low, high = np.percentile(drawn[name] - drawn["confidence"], [2.5, 97.5])
        coverage, share = coverage_held_out(score, right)
        print(
            f"| {name} | {curve.aurc:.4f} | {low:+.4f} to {high:+.4f} "
            f"| {curve.coverage_at(calibration.MIN_RIGHT):.1%} | {coverage:.1%}, {share:.1%} |"
        )


def print_calibration(
    probabilities: NDArray[np.float32], targets: NDArray[np.int64], smoothing: float
) -> None:
    print("| probabilities | ECE | by chance | NLL | ECE held out |")
    print("| --- | ---: | ---: | ---: | ---: |")
    rows = {"as trained": probabilities}
    for name, start in (
        ("temperature", probabilities),
        (
            f"label smoothing of {smoothing:g} undone, temperature",
            unsmoothed(probabilities, smoothing),
        ),
    ):
        found = calibration.fit_temperature(calibration.logits_of(start), targets)
        rows[f"{name} {found:.3f}"] = calibration.tempered(start, found)
    for name, p in rows.items():
        halves = calibration.held_out(p, targets) if name != "as trained" else None
        print(
            f"| {name} | {metrics.ece(p, targets):.4f} | {metrics.ece_by_chance(p):.4f} "
            f"| {metrics.nll(p, targets):.4f} | {f'{halves.ece:.4f}' if halves else ''} |"
        )


def _softmax(logits: Array) -> NDArray[np.float32]:
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True), np.float32)


def main() -> None:
    """Print both tables."""
    parser = arguments(__doc__, "--data")
    parser.add_argument("checkpoint", type=Path)
    args = parser.parse_args()
    logits, targets, smoothing = logits_of(args.checkpoint, args.data)
    probabilities = _softmax(logits)
    temperature = calibration.fit_temperature(logits.astype(np.float32), targets)
    print(f"{args.checkpoint} on val, {len(targets):,} images, temperature {temperature:.3f}\n")
    print_scores(logits, targets, temperature)
    print()
    print_calibration(probabilities, targets, smoothing)


if __name__ == "__main__":
    run(main)
