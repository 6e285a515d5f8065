"""Pictures of a data set and of a model's figures, drawn by matplotlib (the `analysis` extra)."""

from __future__ import annotations

import importlib.util
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from livefer.dataset import Dataset, Split
from livefer.errors import LiveferError, MissingExtraError
from livefer.evaluate import Report
from livefer.labels import colour_bgr

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_INK, _FAINT, _BLUE, _RED = "#22272e", "#8b949e", "#2f6db5", "#c8553d"
_DPI = 160
_N_SAMPLES = 12


def require_matplotlib() -> None:
    """Raise MissingExtraError where matplotlib is not installed: before the work, not after."""
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingExtraError("drawing plots", "analysis")


def confusion_picture(report: Report, title: str) -> Figure:
    """Draw the confusion matrix: shares of each true class, with counts below them."""
    n = len(report.classes)
    support = report.matrix.sum(axis=1)
    shares = report.matrix / np.maximum(support, 1)[:, None]
    size = max(6.0, 2.2 + 0.78 * n)
    figure = _figure(size + 0.3, size)
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row in range(n):
        for column in range(n):
            share, count = shares[row, column], report.matrix[row, column]
            if not count:
                continue
            ink = "white" if share > 0.5 else _INK
            weight = "bold" if row == column else "normal"
            axes.text(column, row - 0.08, f"{100 * share:.0f} %", color=ink, weight=weight,
                      ha="center", va="center", fontsize=11)  # fmt: skip
            axes.text(column, row + 0.22, f"{count:,}", color=ink, alpha=0.75,
                      ha="center", va="center", fontsize=7)  # fmt: skip
    rows = [f"{name}\n{count:,}" for name, count in zip(report.classes, support, strict=True)]
    axes.set_yticks(range(n), rows)
    axes.set_xticks(range(n), report.classes, rotation=0 if n <= 8 else 60)
    axes.set_xlabel("predicted", labelpad=8)
    axes.set_ylabel("true")
    axes.set_xticks(np.arange(n + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(n + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=2)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)
    a = report.accuracy
    figures = (
        f"{report.split}: accuracy {100 * a.value:.1f} % ({100 * a.low:.1f}–{100 * a.high:.1f}), "
        f"macro-F1 {100 * report.macro_f1:.1f} %, {a.n_images:,} images"
    )
    _head(axes, title, figures)
    return figure


def reliability_picture(report: Report, title: str) -> Figure:
    """Draw accuracy over confidence, and how many images have which confidence."""
    bins = report.reliability
    n_bins = len(bins.count)
    left = np.arange(n_bins) / n_bins
    there = bins.count > 0
    figure = _figure(6.2, 6.6)
    top, below = figure.subplots(2, 1, sharex=True, height_ratios=[3.6, 1])
    style: dict[str, Any] = {"width": 1 / n_bins, "align": "edge", "edgecolor": "white"}

    top.bar(left, np.nan_to_num(bins.accuracy), color=_BLUE, label="accuracy", **style)
    top.hlines(bins.confidence[there], left[there], left[there] + 1 / n_bins, color=_RED,
               linewidth=2.5, label="mean confidence")  # fmt: skip
    top.plot([0, 1], [0, 1], color=_INK, linewidth=1, linestyle=(0, (4, 3)), label="ideal")
    top.set(xlim=(0, 1), ylim=(0, 1), ylabel="accuracy")
    top.legend(loc="upper left", frameon=False)
    figures = (
        f"{report.split}: expected calibration error {100 * report.ece:.1f} % ({n_bins} bins), "
        f"NLL {report.nll:.3f}"
    )
    _head(top, title, figures)

    below.bar(left, 100 * bins.count / bins.count.sum(), color=_FAINT, **style)
    below.set(xlabel="confidence", ylabel="images, %")
    for axes in (top, below):
        axes.grid(axis="y", color="#d0d7de", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    top.xaxis.set_major_formatter(_percent)
    top.yaxis.set_major_formatter(_percent)
    return figure


def dataset_picture(dataset: Dataset, title: str) -> Figure:
    """Draw the class histogram of each split beside a grid of samples, a row for each class."""
    n = len(dataset.classes)
    first = next(iter(dataset.splits.values()))
    figure = _figure(12.4, max(3.4, 1.1 + 0.62 * n))
    bars, grid = figure.subplots(1, 2, width_ratios=[3, 8.4])
    shades = dict(zip(dataset.splits, (1.0, 0.6, 0.35), strict=False))
    height = 0.8 / len(dataset.splits)
    for number, (name, split) in enumerate(dataset.splits.items()):
        counts = np.bincount(split.targets, minlength=n)
        y = np.arange(n) + (number - (len(dataset.splits) - 1) / 2) * height
        colours = [(*_rgb(c), shades[name]) for c in dataset.classes]
        bars.barh(y, counts, height * 0.92, color=colours)
        for at, count in zip(y, counts, strict=True):
            bars.text(count, at, f" {count:,} {name}", va="center", fontsize=7.5, color=_INK)
    bars.set_ylim(n - 0.5, -0.5)
    bars.set_yticks(range(n), dataset.classes, fontsize=11)
    bars.tick_params(length=0)
    bars.set_xticks([])
    bars.margins(x=0.32)
    bars.spines[["top", "right", "bottom"]].set_visible(False)
    total = ", ".join(f"{len(split):,} {name}" for name, split in dataset.splits.items())
    _head(bars, title, f"images: {total}")

    grid.imshow(_samples(first, n), cmap="gray", vmin=0, vmax=255, interpolation="lanczos",
                aspect="auto")  # fmt: skip
    grid.set_axis_off()
    grid.set_title(f"{_N_SAMPLES} of each class, from {first.name}", loc="left", fontsize=9,
                   color=_FAINT, pad=9)  # fmt: skip
    return figure


def save_picture(figure: Figure, path: Path) -> None:
    """Write a figure under a temporary name and rename it; missing folders are made."""
    suffix = path.suffix or ".png"
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(temporary, dpi=_DPI)
        temporary.replace(path)
    except (OSError, ValueError) as error:  # ValueError: a suffix that matplotlib does not know
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise LiveferError(f"{path} cannot be written: {error}") from None


def _samples(split: Split, n_classes: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return a sheet (H, W) uint8 of samples, evenly picked from each class."""
    pad, side = 3, split.faces.shape[1]
    cell = side + pad
    sheet = np.full((n_classes * cell, _N_SAMPLES * cell), 255, np.uint8)
    for class_id in range(n_classes):
        rows = np.flatnonzero(split.targets == class_id)
        picked = rows[np.linspace(0, len(rows) - 1, min(len(rows), _N_SAMPLES)).astype(int)]
        for column, face in enumerate(split.faces[picked]):
            y, x = class_id * cell, column * cell
            sheet[y : y + side, x : x + side] = face
    return sheet


def _figure(width_in: float, height_in: float) -> Figure:
    require_matplotlib()
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.12)
    return Figure(figsize=(width_in, height_in), layout=layout)


def _head(axes: Any, title: str, figures: str) -> None:
    place: dict[str, Any] = {"xy": (0, 1), "xycoords": "axes fraction",
                             "textcoords": "offset points"}  # fmt: skip
    axes.annotate(title, xytext=(0, 25), fontsize=14, weight="bold", color=_INK, **place)
    axes.annotate(figures, xytext=(0, 9), fontsize=9, color=_FAINT, **place)


def _percent(value: float, position: int) -> str:
    return f"{100 * value:.0f} %"


def _rgb(name: str) -> tuple[float, float, float]:
    blue, green, red = colour_bgr(name)
    return red / 255, green / 255, blue / 255
