"""Measure the shipped models for the model card, and draw its pictures.

    python bench/card.py --votes data/ferplus.csv --plots docs/card \\
        --json bench/results/models.json

For each model what `livefer evaluate --json` writes, of one view, of a face and its mirror image
and of ten views, against the data set's labels and against the votes; the training prior by τ;
time, size and what the file says of itself; and what is wrong with the data. The card is made of it
by `scripts/model_card.py`. What a model answered is kept in livefer's cache, so that a second run
is quick.
"""

from __future__ import annotations

import hashlib
import json
import statistics
import sys
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from lib.common import arguments, run, write_json
from lib.loading import files_of
from numpy.typing import NDArray
from prior import frequencies, sweep

from livefer import __version__
from livefer.classifier import EmotionClassifier, shipped_models, without_prior
from livefer.data import hygiene
from livefer.data.dataset import Dataset, Split, read_dataset
from livefer.data.votes import Votes, read_votes
from livefer.drawing.figures import save_picture
from livefer.evaluation import plots
from livefer.evaluation.predict import TTA_SHIFTS_PX, match_classes, predict_split, with_tta
from livefer.evaluation.report import Report, measure
from livefer.system.cache import load_arrays, save_arrays
from livefer.system.machine import describe

NAMES = ("fer2013", "human")
Answers = NDArray[np.float32]


def describe_data(dataset: Dataset, votes: dict[str, Votes]) -> dict[str, Any]:
    """Return the counts of images, what is wrong with them, and how far labels and votes agree."""
    found = {}
    for name, seen in votes.items():
        known = seen.majority >= 0
        targets = dataset.splits[name].targets
        found[name] = {
            "n_without_votes": int((seen.weight == 0).sum()),
            "n_with_majority": int(known.sum()),
            "agree": float((seen.majority == targets)[known].mean()),
            "agree_of_all": float((seen.majority == targets).mean()),
            "shares": seen.shares[seen.weight > 0].mean(axis=0).tolist(),
        }
    return {
        "path": str(dataset.root),
        "classes": list(dataset.classes),
        "counts": dataset.counts(),
        "hygiene": {name: part.to_dict() for name, part in hygiene.inspect(dataset).items()},
        "votes": found,
    }


def kept(key: str, make: Callable[[], Answers]) -> Answers:
    """Return answers from the cache, or make and keep them."""
    name = f"card-{hashlib.sha256(key.encode()).hexdigest()[:32]}"
    if (arrays := load_arrays(name)) is not None:
        return np.asarray(arrays["probabilities"], np.float32)
    made = make()
    save_arrays(name, {"probabilities": made})
    return made


def time_ms(path: Path, faces: NDArray[np.uint8], threads: int) -> float:
    """Return the median time of a call with these faces."""
    model, times = EmotionClassifier(path, threads), []
    for _ in range(25):
        start = time.perf_counter()
        model.predict_with_cams(faces)
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times[5:])


def count_parameters(path: Path) -> int:
    """Return how many numbers the file's weights are."""
    import onnx

    return sum(int(np.prod(t.dims)) for t in onnx.load(str(path)).graph.initializer if len(t.dims))


def measure_model(
    path: Path,
    dataset: Dataset,
    split: Split,
    twins: NDArray[np.bool_],
    votes: Votes | None,
    tta: bool,
) -> tuple[dict[str, Any], dict[str, Report]]:
    """Return everything the card says of one model, and its reports with one view."""
    model, raw_model = EmotionClassifier(path), EmotionClassifier(path, prior=0)
    files = {file.name: file.read_bytes() for file in files_of(path)}
    sha256 = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    key = f"{' '.join(sha256.values())} {hashlib.sha256(split.faces.tobytes()).hexdigest()}"
    classes = dataset.classes
    predict = match_classes(model.predict, model.classes, classes)
    predict_raw = match_classes(raw_model.predict, raw_model.classes, classes)
    raw = kept(f"{key} raw", lambda: predict_split(predict_raw, split, classes))
    prior = frequencies(model, dataset)
    views = {"": without_prior(raw, prior, model.prior) if model.prior else raw}
    if tta:
        for suffix, shifts in {"_mirror": ((0, 0),), "_tta": TTA_SHIFTS_PX}.items():
            run = with_tta(predict, shifts)
            views[suffix] = kept(f"{key} {shifts}", partial(predict_split, run, split, classes))
    truths = {"dataset": None} if votes is None else {"dataset": None, "votes": votes}
    reports = {
        truth + suffix: measure(answers, split, classes, twins, seen, model.uncertain_below)
        for suffix, answers in views.items()
        for truth, seen in truths.items()
    }
    described: dict[str, Any] = {
        "metadata": model.metadata,
        "sha256": sha256,
        "size_mb": sum(map(len, files.values())) / 1e6,
        "n_parameters": count_parameters(path),
        "ms_per_call": {
            f"{_plural(n, 'face')}, {_plural(threads, 'core')}": time_ms(
                path, split.faces[:n], threads
            )
            for threads in (1, 2)
            for n in (1, 8)
        },
        "training": training_log(model.metadata),
        "priors": sweep(raw, prior, split, votes),
        "reports": {name: report.to_dict() for name, report in reports.items()},
    }
    return described, {truth: reports[truth] for truth in truths}


def _plural(n: int, word: str) -> str:
    return f"{n} {word}{'s' * (n > 1)}"


def training_log(metadata: dict[str, str]) -> dict[str, Any] | None:
    """Return the epochs and minutes of the run that the model came from, where its log is here."""
    log = Path("runs") / str(json.loads(metadata["config"]).get("name")) / "metrics.jsonl"
    if not log.is_file():
        return None
    records = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    minutes = sum(record["seconds"] for record in records) / 60
    return {"n_epochs": len(records), "minutes": minutes}


def draw(report: Report, title: str, folder: Path) -> None:
    """Draw what a report says into a folder."""
    for stem, picture in (
        ("confusion", plots.confusion_picture),
        ("reliability", plots.reliability_picture),
        ("risk-coverage", plots.risk_coverage_picture),
    ):
        save_picture(picture(report, title), folder / f"{stem}.png")


def main() -> None:
    """Write the JSON and the pictures."""
    parser = arguments(__doc__, "--data")
    parser.add_argument("--votes", type=Path, help="FER+'s votes, by file name")
    parser.add_argument("--no-tta", action="store_true", help="leave out what takes several views")
    parser.add_argument("--plots", type=Path, help="folder of the pictures")
    parser.add_argument("--json", type=Path, required=True)
    args = parser.parse_args()
    dataset = read_dataset(args.data)
    val = dataset.split("val")
    votes = {
        name: read_votes(args.votes, dataset.split(name), dataset.classes)
        for name in (("train", "val") if args.votes else ())
    }
    twins = hygiene.twins(val.faces, dataset.split("train").faces)
    machine = describe()
    figures: dict[str, Any] = {
        "made": {
            "livefer": __version__,
            "date": date.today().isoformat(),
            "machine": f"{machine.processor}, {machine.n_cores} cores",
            "load": machine.load,
        },
        "data": describe_data(dataset, votes),
        "models": {},
    }
    for name, path in shipped_models().items():
        if name not in NAMES:
            continue
        print(name, file=sys.stderr)
        found, reports = measure_model(path, dataset, val, twins, votes.get("val"), not args.no_tta)
        figures["models"][name] = found
        learned = found["metadata"].get("labels", "labels")
        if args.plots:
            own = reports.get("votes" if learned == "votes" else "dataset", reports["dataset"])
            draw(own, name, args.plots / name)
    write_json(args.json, figures)


if __name__ == "__main__":
    run(main)
