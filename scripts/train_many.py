"""Train several configurations in a row, export and evaluate each, and print a table.

    python scripts/train_many.py configs/teachers/*.yaml --minutes 9
    python scripts/train_many.py configs/ablation/*.yaml --seeds 0 1 2 width=16 epochs=8

Can be stopped at any moment and started again with the same command: finished runs are kept, and
an unfinished one continues. Results lie in RUNS/NAME (RUNS/NAME-seed1 for further seeds): the
checkpoint, model.onnx and report.json. Configurations that cannot be trained here (weights that
cannot be downloaded, teachers that are missing) are named at the end, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import json
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

LIVEFER = [sys.executable, "-m", "livefer"]
SAVE_S = 20  # of the time, kept for saving the state of a run


class OutOfTime(Exception):
    """The minutes are over; the run has saved its state."""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("words", nargs="+", metavar="CONFIG|KEY=VALUE")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the runs")
    parser.add_argument("--seeds", type=int, nargs="+", help="instead of each configuration's own")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after this many")
    args = parser.parse_intermixed_args()
    configs = [Path(word) for word in args.words if "=" not in word]
    overrides = [word for word in args.words if "=" in word]
    deadline = time.monotonic() + 60 * args.minutes
    rows: dict[str, list[dict[str, Any]]] = {}
    failed = []
    for config in configs:
        for number, seed in enumerate(args.seeds or [None]):
            name = f"{config.stem}-seed{seed}" if number else config.stem
            own = [] if seed is None else [f"seed={seed}"]
            folder = args.runs / name
            try:
                found = finish(config, folder, [*overrides, *own], deadline)
                rows.setdefault(config.stem, []).append(found)
            except OutOfTime:
                failed.append(f"{name}: out of time; the same command continues it")
            except subprocess.CalledProcessError as error:
                failed.append(f"{name}: {(error.stderr or 'failed').strip().splitlines()[-1]}")
            sys.stdout.write(table(rows) + "\n")
            sys.stdout.flush()
    sys.stderr.write("".join(f"{line}\n" for line in failed))
    return 1 if failed else 0


def finish(config: Path, folder: Path, overrides: list[str], deadline: float) -> dict[str, Any]:
    """Train, export and evaluate, unless that is done already; return the figures of the run."""
    report = folder / "report.json"
    if not report.exists():
        train(config, folder, overrides, deadline)
        settings = json.loads((folder / "summary.json").read_text())
        for labels in settings["heads"]:
            model = folder / ("model.onnx" if labels == settings["heads"][0] else f"{labels}.onnx")
            call("export", str(folder / "best.safetensors"), "-o", str(model), "--labels", labels)
            against = ["--labels", "votes", "--votes", settings["votes"]]
            call(
                "evaluate", "--data", settings["data"], "--model", str(model),
                "--json", str(folder / f"{model.stem}.json"),
                *(against if labels == "votes" else []),
            )  # fmt: skip
        (folder / "model.json").rename(report)
    epochs = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    found: dict[str, Any] = json.loads(report.read_text())
    return found | {"seconds_per_epoch": statistics.median(e["seconds"] for e in epochs)}


def train(config: Path, folder: Path, overrides: list[str], deadline: float) -> None:
    """Train or resume; at the deadline stop the run by SIGINT, which saves its state."""
    if (folder / "summary.json").exists():
        return
    words = ["--resume", str(folder)]
    if not (folder / "last.safetensors").exists():
        words = ["--config", str(config), "--out", str(folder), "--overwrite", *overrides]
    if deadline - time.monotonic() < SAVE_S:
        raise OutOfTime
    process = subprocess.Popen([*LIVEFER, "train", *words], stderr=subprocess.PIPE, text=True)
    try:
        _, errors = process.communicate(timeout=min(deadline - time.monotonic() - SAVE_S, 1e6))
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        process.communicate()
        raise OutOfTime from None
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, words, stderr=errors)
    from livefer.train.checkpoint import load_checkpoint
    from livefer.train.config import parse_config

    settings = parse_config(load_checkpoint(folder / "best.safetensors")[1]["config"], str(folder))
    summary = {"heads": settings.heads, "data": settings.data, "votes": settings.votes}
    (folder / "summary.json").write_text(json.dumps(summary))


def call(*words: str) -> None:
    """Run a livefer command; CalledProcessError holds its output if it fails."""
    subprocess.run([*LIVEFER, *words], check=True, capture_output=True, text=True)


def table(rows: dict[str, list[dict[str, Any]]]) -> str:
    """Return a Markdown table: a row for each configuration, mean ± sd over its seeds."""
    names = ("accuracy", "without twins", "macro-F1", "disgust F1", "ECE", "s/epoch")
    lines = ["", f"| configuration | {' | '.join(names)} |", f"| --- |{' ---: |' * len(names)}"]
    for name, found in rows.items():
        twins = [r["without_twins"] for r in found]
        cells = [
            spread([100 * r["accuracy"] for r in found], 1),
            spread([100 * t["accuracy"] for t in twins if t], 1),
            spread([r["macro_f1"] for r in found], 3),
            spread([r["per_class"].get("disgust", {}).get("f1") or 0.0 for r in found], 3),
            spread([r["ece"] for r in found], 3),
            spread([r["seconds_per_epoch"] for r in found], 1),
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def spread(values: list[float], digits: int) -> str:
    """Return the mean, and the standard deviation of several values."""
    if not values:
        return ""
    mean = f"{statistics.mean(values):.{digits}f}"
    return mean if len(values) == 1 else f"{mean} ± {statistics.stdev(values):.{digits}f}"


if __name__ == "__main__":
    sys.exit(main())
