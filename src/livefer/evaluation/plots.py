"""Figures of a data set and of a Report, drawn by matplotlib (the `analysis` extra)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from livefer.data.dataset import Dataset, Split
from livefer.drawing.figures import (
    FAINT,
    INK,
    draw_shares,
    new_figure,
    save_picture,
    write_head,
)
from livefer.evaluation import metrics
from livefer.evaluation.calibration import MIN_RIGHT
from livefer.evaluation.report import Answers, Report
from livefer.labels import colour_hex
from livefer.system.atomic import each_file, noting

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BLUE, _PALE, _RED = "#2f6db5", "#c6d8ec", "#c8553d"
_N_SAMPLES = 12
_STEADY_FROM = 30  # answers: with fewer the curve of risk and coverage jumps
_FEW = 10  # images: bins with fewer are drawn pale


def write_plots(
    report: Report, title: str, folder: Path, errors: list[str] | None = None
) -> list[Path]:
    """Write all pictures of a report as PNG into a folder, and return their paths.

    errors: gets a line for each picture that cannot be written, instead of an OutputError at last
    """
    drawings = {
        "confusion": confusion_picture,
        "reliability": reliability_picture,
        "risk-coverage": risk_coverage_picture,
    }
    paths = []
    with each_file(errors) as errors:
        for name, draw in drawings.items():
            with noting(errors):
                save_picture(draw(report, title), path := folder / f"{name}.png")
                paths.append(path)
    return paths


def confusion_picture(report: Report, title: str) -> Figure:
    """Draw the confusion matrix: shares of each true class, and counts below them.

    A class without an image has no row.
    """
    n, support = len(report.classes), report.matrix.sum(axis=1)
    present = np.flatnonzero(support)
    shares = report.matrix[present] / support[present, None]
    size = max(6.0, 2.2 + 0.78 * n)
    figure = new_figure(size + 0.3, size - 0.78 * (n - len(present)))
    axes = figure.add_subplot()
    draw_shares(axes, shares, report.matrix[present], present.tolist(), "{:,}".format)
    rows = [f"{report.classes[true]}\n{support[true]:,}" for true in present]
    axes.set_yticks(range(len(rows)), rows)
    axes.set_xticks(range(n), report.classes, rotation=0 if n <= 8 else 60)
    axes.set_xlabel("predicted", labelpad=8)
    axes.set_ylabel("true")
    a = report.accuracy
    interval = f"{100 * a.low:.1f}–{100 * a.high:.1f}"
    figures = (
        f"{_against(report)}: accuracy {100 * a.value:.1f} % ({interval}), "
        f"macro-F1 {100 * report.macro_f1:.1f} %, {a.n_images:,} images"
    )
    write_head(axes, title, figures)
    return figure


def reliability_picture(report: Report, title: str) -> Figure:
    """Draw accuracy over confidence, and the histogram of confidence below it."""
    bins = report.reliability
    n_bins = len(bins.count)
    left = np.arange(n_bins) / n_bins
    there = bins.count > 0
    figure = new_figure(6.2, 6.6)
    top, below = figure.subplots(2, 1, sharex=True, height_ratios=[3.6, 1])
    style: dict[str, Any] = {"width": 1 / n_bins, "align": "edge", "edgecolor": "white"}

    many = bins.count >= _FEW
    for chosen, color, label in (
        (many, _BLUE, "accuracy"),
        (there & ~many, _PALE, f"… of fewer than {_FEW} images"),
    ):
        if chosen.any():
            top.bar(left[chosen], bins.accuracy[chosen], color=color, label=label, **style)
    top.hlines(bins.confidence[there], left[there], left[there] + 1 / n_bins, color=_RED,
               linewidth=2.5, label="mean confidence")  # fmt: skip
    n_right = np.round(bins.accuracy * bins.count)[there]
    bounds = [metrics.wilson_interval(int(k), int(n))
              for k, n in zip(n_right, bins.count[there], strict=True)]  # fmt: skip
    top.vlines(left[there] + 0.5 / n_bins, *np.transpose(bounds), color=INK, linewidth=1.2,
               label="95 % interval")  # fmt: skip
    top.plot([0, 1], [0, 1], color=INK, linewidth=1, linestyle=(0, (4, 3)), label="ideal")
    top.set(xlim=(0, 1), ylim=(0, 1), ylabel="accuracy")
    top.legend(loc="upper left", edgecolor="none", framealpha=0.9)  # bars of few images reach there
    figures = (
        f"{_against(report)}: calibration error (ECE) {100 * report.ece:.1f} %, "
        f"{100 * report.ece_by_chance:.1f} % by chance alone"
    )
    write_head(top, title, figures)

    below.bar(left, bins.count / bins.count.sum(), color=FAINT, **style)
    below.set(xlabel="confidence", ylabel="images")
    _style(top, "y")
    _style(below, "y")
    return figure


def risk_coverage_picture(report: Report, title: str) -> Figure:
    """Draw the share of right answers over the share of faces with one, the most certain first."""
    risk, n = report.risk, report.accuracy.n_images
    right = 1 - risk.risk
    steady = risk.coverage * n >= _STEADY_FROM
    if not steady.any():
        steady[:] = True
    x, y = risk.coverage[steady], right[steady]
    bounds = np.array([metrics.wilson_interval(round(a * b * n), round(b * n))
                       for a, b in zip(y, x, strict=True)])  # fmt: skip
    figure = new_figure(6.8, 5.4)
    axes = figure.add_subplot()
    axes.fill_between(x, *bounds.T, color=_BLUE, alpha=0.16, linewidth=0, label="95 % interval")
    axes.plot(x, y, color=_BLUE, linewidth=2, label="right when it answers")
    every = np.linspace(0.01, 1, 200)
    axes.plot(every, np.minimum(1, report.accuracy.value / every), color=INK, linewidth=1,
              linestyle=(0, (4, 3)), label="if it knew its mistakes")  # fmt: skip
    floor = np.floor(10 * min(bounds.min(), report.accuracy.value, 0.9)) / 10
    axes.set(xlim=(0, 1), ylim=(floor, 1.005), xlabel="faces that get an answer",
             ylabel="answers that are right")  # fmt: skip
    if answers := report.answers:
        _mark_answers(axes, answers)
    axes.legend(loc="lower left", frameon=False)
    _style(axes, "both")
    figures = (
        f"{_against(report)}: AURC {risk.aurc:.3f}, "
        f"{100 * risk.coverage_at(MIN_RIGHT):.0f} % answered with {100 * MIN_RIGHT:.0f} % right"
    )
    write_head(axes, title, figures)
    return figure


def _mark_answers(axes: Any, answers: Answers) -> None:
    """Mark the model's own limit on a risk–coverage curve."""
    if not answers.right.n_images:
        return
    x, y = answers.coverage, answers.right.value
    axes.vlines(x, 0, y, color=_RED, linewidth=1)
    axes.hlines(y, 0, x, color=_RED, linewidth=1)
    axes.plot([x], [y], "o", color=_RED, markersize=8, markeredgecolor="white", clip_on=False)
    words = (
        f"its own limit, {answers.uncertain_below:.2f}:\n"
        f"{100 * x:.0f} % answered, {100 * y:.0f} % right"
    )
    place: dict[str, Any] = {"xytext": (-12, -10), "ha": "right", "va": "top"}
    if x < 0.35:  # the text does not fit between the point and the left edge
        place = {"xytext": (12, 8), "ha": "left", "va": "bottom"}
    axes.annotate(words, (x, y), textcoords="offset points", color=_RED, fontsize=9, **place)


def dataset_picture(dataset: Dataset, title: str) -> Figure:
    """Draw the counts of each class and split beside samples, a row for each class."""
    n = len(dataset.classes)
    first = next(iter(dataset.splits.values()))
    figure = new_figure(12.4, max(3.4, 1.1 + 0.62 * n))
    bars, grid = figure.subplots(1, 2, width_ratios=[3, 8.4])
    shades = dict(zip(dataset.splits, (1.0, 0.6, 0.35), strict=False))
    height = 0.8 / len(dataset.splits)
    for number, (name, split) in enumerate(dataset.splits.items()):
        counts = np.bincount(split.targets, minlength=n)
        y = np.arange(n) + (number - (len(dataset.splits) - 1) / 2) * height
        colours = [colour_hex(c, dataset.classes) for c in dataset.classes]
        bars.barh(y, counts, height * 0.92, color=colours, alpha=shades[name])
        for at, count in zip(y, counts, strict=True):
            bars.text(count, at, f" {count:,} {name}", va="center", fontsize=7.5, color=INK)
    bars.set_ylim(n - 0.5, -0.5)
    bars.set_yticks(range(n), dataset.classes, fontsize=11)
    bars.tick_params(length=0)
    bars.set_xticks([])
    bars.margins(x=0.32)
    bars.spines[["top", "right", "bottom"]].set_visible(False)
    total = ", ".join(f"{len(split):,} {name}" for name, split in dataset.splits.items())
    write_head(bars, title, f"images: {total}")

    grid.imshow(_samples(first, n), cmap="gray", vmin=0, vmax=255, interpolation="lanczos",
                aspect="auto")  # fmt: skip
    grid.set_axis_off()
    grid.set_title(f"{_N_SAMPLES} of each class, from {first.name}", loc="left", fontsize=9,
                   color=FAINT, pad=9)  # fmt: skip
    return figure


def _samples(split: Split, n_classes: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return a sheet (H, W) uint8 with a row of samples, evenly picked, for each class."""
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


def _style(axes: Any, lines: str) -> None:
    """Draw grid lines ("y" or "both") behind the data, and shares on both axes in per cent."""
    axes.grid(axis=lines, color="#d0d7de", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.xaxis.set_major_formatter(_percent)
    axes.yaxis.set_major_formatter(_percent)


def _against(report: Report) -> str:
    """Return the split and the ground truth of a report, for a line of figures."""
    return report.split if report.labels == "dataset" else f"{report.split} (votes)"


def _percent(value: float, position: float) -> str:
    return f"{100 * value:.0f} %"
