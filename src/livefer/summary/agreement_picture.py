"""The confusion of an Agreement as a picture, drawn by matplotlib (the `analysis` extra)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from livefer.drawing.figures import draw_shares, new_figure, plain_text, write_head
from livefer.formatting import length
from livefer.summary.agreement import Agreement

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def agreement_picture(found: Agreement, first: str, second: str) -> Figure:
    """Draw shares of each label of the first side, and seconds below them.

    first, second: what the sides are called
    """
    n, support = len(found.classes), found.matrix.sum(axis=1)
    present = np.flatnonzero(support)
    rows = found.matrix[present]
    size = max(6.0, 2.2 + 0.78 * n)
    figure = new_figure(size + 0.3, size - 0.78 * (n - len(present)))
    axes = figure.add_subplot()
    names = [plain_text(name) for name in found.classes]
    draw_shares(axes, rows / support[present, None], rows, present.tolist(), length)
    axes.set_yticks(range(len(rows)), [f"{names[i]}\n{length(support[i])}" for i in present])
    axes.set_xticks(range(n), names, rotation=0 if n <= 8 else 60)
    axes.set_xlabel(plain_text(second), labelpad=8)
    axes.set_ylabel(plain_text(first))
    compared = length(float(found.matrix.sum()))
    line = f"Cohen's kappa {found.kappa or '–'}, {found.agreed:.0%} of {compared} agree"
    write_head(axes, "Agreement", line)
    return figure
