"""Means over participants of the share of each expression, by condition, as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from livefer.drawing.figures import INK, new_figure, plain_text, write_head
from livefer.errors import DatasetError
from livefer.formatting import count

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# The 97.5 % quantile of Student's t for 1 to 30 degrees of freedom.
_T = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)
_COLOURS = ("#2f6db5", "#c8553d", "#3c8d5a", "#8a5fb0", "#b58a1f", "#4a4f57")
_MOST_GROUPS = len(_COLOURS)


def mean_interval(values: Sequence[float]) -> tuple[float, float | None]:
    """Return the mean of values, and half of its 95 % interval by Student's t; None for one."""
    n, mean = len(values), float(np.mean(values))
    if n < 2:
        return mean, None
    t = _T[n - 2] if n - 1 <= len(_T) else 1.96 + 2.42 / (n - 1)
    return mean, float(t * np.std(values, ddof=1) / np.sqrt(n))


def group_of(columns: Sequence[str]) -> str | None:
    """Return the column that groups participants: condition, group, or the only other one."""
    others = [name for name in columns if name != participant_of(columns)]
    named = [name for name in ("condition", "group") if name in others]
    return (named or others)[0] if named or len(others) == 1 else None


def participant_of(columns: Sequence[str]) -> str:
    """Return the column of the participant's name."""
    return "participant" if "participant" in columns else columns[0]


def group_means_picture(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], classes: Sequence[str]
) -> Figure:
    """Draw means with intervals, and each participant as a dot.

    rows: as `livefer.video_rows` with participants makes them
    columns: those of the participants

    DatasetError where no participant was seen, or there are too many groups.
    """
    group, who = group_of(columns), participant_of(columns)
    shares: dict[str, dict[str, list[list[float]]]] = {}
    for row in rows:
        if row["seen"]:
            name = "all" if group is None else str(row[group] or "–")
            of_row = [row[f"share_{c}"] for c in (*classes, "uncertain")]
            shares.setdefault(name, {}).setdefault(str(row[who]), []).append(of_row)
    if not shares:
        raise DatasetError("no participant was seen: there is nothing to draw")
    if len(shares) > _MOST_GROUPS:
        raise DatasetError(
            f"{group} has {len(shares)} values, and the picture has room for {_MOST_GROUPS}: give "
            "a table with a column condition of fewer"
        )
    names = (*classes, "uncertain")
    figure = new_figure(max(7.0, 1.3 + len(names) * (0.45 + 0.3 * len(shares))), 4.4)
    axes = figure.add_subplot()
    jitter = np.random.default_rng(0)
    for number, (name, of_group) in enumerate(sorted(shares.items())):
        colour = _COLOURS[number]
        shift = (number - (len(shares) - 1) / 2) * 0.72 / len(shares)
        values = np.array([np.mean(found, axis=0) for found in of_group.values()])
        x = np.arange(len(names)) + shift
        spread = jitter.uniform(-0.06, 0.06, values.shape) / len(shares)
        axes.plot((x + spread).ravel(), values.ravel(), "o", color=colour, alpha=0.3,
                  markersize=3.5, markeredgewidth=0)  # fmt: skip
        found = [mean_interval(values[:, i].tolist()) for i in range(len(names))]
        means, halves = [mean for mean, _ in found], [half or 0.0 for _, half in found]
        label = f"{plain_text(name)}: {count(len(values), 'participant')}"
        axes.errorbar(x, means, yerr=halves, fmt="o", color=colour, markersize=6.5, capsize=3,
                      elinewidth=1.6, label=label)  # fmt: skip
    axes.set_xticks(range(len(names)), [plain_text(name) for name in names])
    axes.set(xlim=(-0.6, len(names) - 0.4), ylim=(-0.02, 1.02))
    axes.set_ylabel("share of the time seen", color=INK)
    axes.yaxis.set_major_formatter(lambda value, position: f"{100 * value:.0f} %")
    axes.grid(axis="y", color="#d0d7de", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(axis="x", length=0)
    if group is not None:
        axes.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1), labelcolor=INK,
                    title=plain_text(group), title_fontproperties={"size": 9},
                    fontsize=9)  # fmt: skip
    n = len({who for of_group in shares.values() for who in of_group})
    kind = f"means over {count(n, 'participant')}, with 95 % intervals by Student's t"
    line = f"{kind} · pale: each participant"
    write_head(axes, "Expressions by participant", line)
    return figure
