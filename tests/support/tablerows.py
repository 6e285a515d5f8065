"""Rows of result tables for tests: people with changing faces, over any duration."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from livefer.labels import CLASSES
from livefer.tables.schema import columns


def make_row(
    time_s: float,
    label: str | None = None,
    track_id: int | None = 1,
    *,
    fps: float = 10.0,
    classes: tuple[str, ...] = CLASSES,
    confidence: float = 0.8,
    **more: Any,
) -> dict[str, Any]:
    """One row of a table: a face that shows `label`, or a frame without a face."""
    row: dict[str, Any] = dict.fromkeys(columns(classes))
    row |= {"source": "clip.mp4", "index": round(time_s * fps), "time_s": time_s, "n_skipped": 0}
    if label is not None:
        rest = (1 - confidence) / (len(classes) - 1)
        shares = {name: confidence if name == label else rest for name in classes}
        row |= shares | {f"raw_{name}": share for name, share in shares.items()}
        row |= {"track_id": track_id, "label": label, "confidence": confidence}
        row |= {"second_label": next(name for name in classes if name != label)}
        row |= {"uncertain": False, "score": 0.9}
        row |= {"left": 1.0, "top": 2.0, "right": 31.0, "bottom": 42.0}
    return row | more


def make_rows(labels: Iterable[str], fps: float = 10.0, **more: Any) -> list[dict[str, Any]]:
    """One person who shows a label in each frame: "happy", "happy?" (uncertain), "" (no face)."""
    rows = []
    for index, name in enumerate(labels):
        label = name.rstrip("?") or None
        faces = {} if label is None else {"uncertain": name.endswith("?")}
        rows.append(make_row(index / fps, label, fps=fps, **(faces | more)))
    return rows


def invent_people(
    n_persons: int, seconds: float, fps: float, seed: int = 0, source: str = "talk.mp4"
) -> Iterator[dict[str, Any]]:
    """Yield rows of people who come and go and whose expressions drift, as in a real video."""
    rng = np.random.default_rng(seed)
    n_classes = len(CLASSES)
    drift = rng.normal(0, 1, (n_persons, n_classes))
    mood = drift.copy()
    usual = np.array([-0.6, -2.0, -1.2, 1.0, 1.8, 0.2, -0.4])
    habit = rng.normal(usual, 0.9, (n_persons, n_classes))
    comes = np.sort(rng.uniform(0, 0.25, n_persons)) * seconds
    goes = seconds * rng.uniform(0.75, 1.0, n_persons)
    away = [
        [(c, c + rng.uniform(0.03, 0.08) * seconds) for c in rng.uniform(0.2, 0.9, 2) * seconds]
        for _ in range(n_persons)
    ]
    slow = math.exp(-1 / (fps * max(0.8, seconds / 120)))
    for index in range(int(seconds * fps)):
        time_s = round(index / fps, 4)
        drift = slow * drift + math.sqrt(1 - slow**2) * rng.normal(0, 2.6, drift.shape)
        mood = slow * mood + (1 - slow) * drift
        logits = habit + mood
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        n_seen = 0
        for person in range(n_persons):
            is_away = any(begin <= time_s < end for begin, end in away[person])
            if is_away or not comes[person] <= time_s < goes[person]:
                continue
            n_seen += 1
            order = np.argsort(shares[person])
            best = CLASSES[order[-1]]
            row = make_row(time_s, best, person + 1, fps=fps, source=source, index=index)
            row |= {
                name: round(float(p), 4) for name, p in zip(CLASSES, shares[person], strict=True)
            }
            confidence = round(float(shares[person].max()), 4)
            row |= {"confidence": confidence, "uncertain": confidence < 0.5}
            row |= {"second_label": CLASSES[order[-2]]}
            yield row
        if not n_seen:
            yield make_row(time_s, source=source, index=index)


def write_csv(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns(CLASSES), extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path
