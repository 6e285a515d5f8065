"""A source's people over time as one picture, drawn by matplotlib (the `analysis` extra).

For each person: the probabilities of all classes as bands that fill the row; hatched where the
answer is uncertain; empty where the face was not found. It is as sharp as a person can see: at most
MOST_COLUMNS columns, whatever the length.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from livefer.drawing.figures import any_letters, require_matplotlib, rgb, save_picture
from livefer.drawing.text import Image, readable_on
from livefer.formatting import length, short_name
from livefer.labels import colour_bgr
from livefer.summary.bands import Columns, column_s, columns_of, label_places, runs
from livefer.summary.records import Person, SourceSummary

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_PERSONS = 12
INK, FAINT, GROUND, PAPER, ALARM = "#22272e", "#6e7781", "#f0f2f5", "#ffffff", "#c8382e"
_WIDTH_IN, _RIGHT_IN, _GAP_IN = 10.0, 0.78, 0.13
_MARGIN_IN, _FACE_IN = 0.12, 0.85
_STEPS_S = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 36000)
_MOST_CUTS = 120
_LETTER_IN, _LABEL_IN = 0.066, 0.15  # width of a letter and height of a line at 8 points
_LABELS_APART_IN = 2.0
_MOST_LETTERS = 80


def timeline_picture(
    source: SourceSummary,
    classes: Sequence[str],
    portraits: Mapping[int | None, Image] | None = None,
    title: str | None = None,
) -> Figure:
    """Draw those who were seen longest, a row each, in the order of their coming.

    portraits: a face for each track_id, (H, W, 3) uint8 BGR; drawn beside the names
    """
    require_matplotlib()
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    portraits = portraits or {}
    title = _short(short_name(source.source)) if title is None else title
    persons = shown_persons(source)
    row_in = float(np.clip(5.4 / max(len(persons), 1), 0.5, 1.25))
    face_in = min(row_in, _FACE_IN)
    left_in = 1.0 + (face_in + 0.06 if any(p.track_id in portraits for p in persons) else 0.0)
    head_in, foot_in = (0.98 if title else 0.66), 0.52
    n_rows = max(len(persons), 1)
    height_in = head_in + foot_in + n_rows * (row_in + _GAP_IN) - _GAP_IN
    figure = Figure(figsize=(_WIDTH_IN, height_in), facecolor=PAPER)
    width_in = _WIDTH_IN - left_in - _RIGHT_IN

    def place(x: float, top: float, width: float, height: float) -> Any:
        """Make axes at inches from the upper left corner."""
        y = height_in - top - height
        box = (x / _WIDTH_IN, y / height_in, width / _WIDTH_IN, height / height_in)
        return figure.add_axes(box)

    with rc_context({"hatch.linewidth": 0.7, "font.family": "sans-serif", "font.size": 9}):
        figure.text(_MARGIN_IN / _WIDTH_IN, 1 - 0.3 / height_in, _plain(title), fontsize=13,
                    weight="bold", color=INK, va="center")  # fmt: skip
        figure.text(_MARGIN_IN / _WIDTH_IN, 1 - (head_in - 0.45) / height_in,
                    _subtitle(source, persons), fontsize=8.5, color=FAINT, va="center")  # fmt: skip
        _legend(
            figure,
            classes,
            bool(source.gaps),
            _MARGIN_IN / _WIDTH_IN,
            1 - (head_in - 0.19) / height_in,
        )
        axes = None
        for number in range(n_rows):
            top = head_in + number * (row_in + _GAP_IN)
            axes = place(left_in, top, width_in, row_in)
            _prepare(axes, source)
            if number >= len(persons):
                axes.text(0.5, 0.5, "no face was found", transform=axes.transAxes, color=FAINT,
                          ha="center", va="center")  # fmt: skip
                continue
            person = persons[number]
            columns = columns_of(person, source)
            if columns.seen.any():  # else there were only frames that stand for no time
                _bands(axes, columns, classes)
                _band_labels(axes, columns, classes, width_in, row_in)
            face = portraits.get(person.track_id)
            if face is not None:
                picture = place(_MARGIN_IN, top + (row_in - face_in) / 2, face_in, face_in)
                picture.imshow(_square(face)[..., ::-1], interpolation="lanczos")
                picture.set_axis_off()
            at_in = _MARGIN_IN + (0 if face is None else face_in + 0.08)
            _name(figure, person, at_in / _WIDTH_IN, 1 - (top + row_in / 2) / height_in)
            _whole(place(left_in + width_in + 0.09, top, 0.16, row_in), person)
        assert axes is not None
        _time_axis(axes, source)
        _marks(figure.axes[0], axes, source)
    return figure


def write_timeline(figure: Figure, path: Path) -> None:
    """Write the picture as .png, .pdf, .svg or what else matplotlib knows; text stays text."""
    from matplotlib import rc_context

    with rc_context({"pdf.fonttype": 42, "ps.fonttype": 42}):
        save_picture(figure, path)


def timeline_svg(figure: Figure, name: str) -> str:
    """Return the picture as an <svg> for a page that has the variables --ink, --faint, --ground,
    --paper and --alarm, and a font of its own.

    name: another for each picture of a page, so that no two parts have the same id
    """
    from matplotlib import rc_context

    file = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": name}), any_letters():
        figure.savefig(file, format="svg", facecolor="none", metadata={"Date": None})
    svg = file.getvalue()
    svg = re.sub(
        r' id="[\w.]+_\d+"', "", svg[svg.index("<svg") :]
    )  # there may be several on a page
    names = {INK: "ink", FAINT: "faint", GROUND: "ground", PAPER: "paper", ALARM: "alarm"}
    for colour, variable in names.items():
        svg = svg.replace(colour, f"var(--{variable})")
    return svg


def shown_persons(source: SourceSummary) -> list[Person]:
    """Return those who get a row, in the order of their coming."""
    longest = sorted(source.persons, key=lambda p: -p.seen_s)[:MOST_PERSONS]
    return sorted(longest, key=lambda p: p.first_s)


def _bands(axes: Axes, columns: Columns, classes: Sequence[str]) -> None:
    middles = (columns.edges_s[1:] + columns.edges_s[:-1]) / 2
    for start, end in runs(columns.seen):
        x = np.r_[columns.edges_s[start], middles[start:end], columns.edges_s[end]]
        tops = columns.tops[np.r_[start, start:end, end - 1]]
        bottom = np.zeros(len(x))
        for class_id, name in enumerate(classes):
            top = tops[:, class_id]
            axes.fill_between(x, bottom, top, color=rgb(name, classes), linewidth=0)
            bottom = top
        for class_id in range(len(classes) - 1):  # hides the seams, too
            axes.plot(x, tops[:, class_id], color=PAPER, linewidth=0.5, solid_capstyle="butt")
    for start, end in runs(columns.uncertain & columns.seen):
        axes.fill_between(
            columns.edges_s[[start, end]], 0, 1, facecolor=(1, 1, 1, 0.5), hatch="/////",
            edgecolor=INK, linewidth=0,
        )  # fmt: skip


def _band_labels(
    axes: Axes, columns: Columns, classes: Sequence[str], width_in: float, row_in: float
) -> None:
    """Write each class's name into its band, where that is widest and certain; far apart again."""
    low, high = axes.get_xlim()
    column_in = width_in * float(np.diff(columns.edges_s).max()) / (high - low)
    n_apart = max(1, int(_LABELS_APART_IN / column_in))
    for class_id, name in enumerate(classes):
        n_wide = max(1, int(np.ceil((len(name) + 2) * _LETTER_IN / column_in)))
        ink = "#{:02x}{:02x}{:02x}".format(*readable_on(colour_bgr(name, classes))[::-1])
        for x, y in label_places(columns, class_id, n_wide, _LABEL_IN / row_in, n_apart):
            axes.text(x, y, _plain(name), fontsize=8, color=ink, ha="center",
                      va="center_baseline")  # fmt: skip


def _whole(axes: Axes, person: Person) -> None:
    """Draw the shares of the time seen as one bar."""
    bottom = 0.0
    for name, share in person.shares.items():
        axes.bar(0, share, 1, bottom, color=rgb(name, tuple(person.shares)), linewidth=0)
        bottom += share
    axes.bar(0, person.uncertain, 1, bottom, facecolor=PAPER, hatch="/////", edgecolor=INK,
             linewidth=0)  # fmt: skip
    axes.set(xlim=(-0.5, 0.5), ylim=(0, 1), xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    axes.patch.set_visible(False)
    name, share = max(person.shares.items(), key=lambda item: item[1])
    if share > 0:
        axes.text(1.25, 0.5, f"{share:.0%}\n{_plain(name)}", transform=axes.transAxes,
                  fontsize=6.5, color=FAINT, va="center")  # fmt: skip


def _name(figure: Figure, person: Person, x: float, y: float) -> None:
    line = 0.09 / figure.get_figheight()
    figure.text(x, y + line, person.name, weight="bold", color=INK, va="center", fontsize=9)
    figure.text(x, y - line, f"seen {length(person.seen_s)}", color=FAINT, va="center",
                fontsize=7.5)  # fmt: skip


def _prepare(axes: Axes, source: SourceSummary) -> None:
    axes.set_facecolor(GROUND)
    axes.set(xlim=(source.first_s, max(source.last_s, source.first_s + 1e-3)), ylim=(0, 1))
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    for start, end in source.gaps:
        axes.axvspan(start, end, facecolor=PAPER, edgecolor=FAINT, hatch="...", linewidth=0)


def _time_axis(axes: Axes, source: SourceSummary) -> None:
    length_s = source.last_s - source.first_s
    step = next((s for s in _STEPS_S if length_s / s <= 12), _STEPS_S[-1])
    ticks = np.arange(np.ceil(source.first_s / step), source.last_s / step + 1e-9) * step
    unit = "seconds" if source.last_s < 60 else "minutes:seconds"
    if source.last_s >= 3600 and step >= 60:
        unit = "hours:minutes"
    axes.set_xticks(ticks, [_tick(t, unit) for t in ticks], color=FAINT, fontsize=8)
    axes.tick_params(axis="x", length=3, color=FAINT)
    axes.set_xlabel(unit, color=FAINT, fontsize=8, labelpad=2)


def _marks(first: Axes, last: Axes, source: SourceSummary) -> None:
    """Mark cuts above the first row, and what could not be read below the last."""
    if 0 < len(source.cuts_s) <= _MOST_CUTS:
        first.plot(source.cuts_s, np.full(len(source.cuts_s), 1.05), "v", color=FAINT,
                   markersize=4, markeredgewidth=0, clip_on=False,
                   transform=first.get_xaxis_transform())  # fmt: skip
    for trouble in source.troubles:
        last.plot([trouble.time_s], [0], "x", color=ALARM, markersize=6, markeredgewidth=1.8,
                  clip_on=False, zorder=5, transform=last.get_xaxis_transform())  # fmt: skip


def _legend(figure: Figure, classes: Sequence[str], gaps: bool, x: float, y: float) -> None:
    from matplotlib.patches import Patch

    handles = [Patch(facecolor=rgb(name, classes), label=_plain(name)) for name in classes]
    handles.append(Patch(facecolor=PAPER, hatch="/////", edgecolor=INK, linewidth=0,
                         label="uncertain"))  # fmt: skip
    handles.append(Patch(facecolor=GROUND, label="not in view"))
    if gaps:
        handles.append(Patch(facecolor=PAPER, hatch="...", edgecolor=FAINT, linewidth=0,
                             label="no frames"))  # fmt: skip
    figure.legend(handles=handles, loc="center left", bbox_to_anchor=(x, y), ncols=len(handles),
                  frameon=False, fontsize=8, labelcolor=INK, handlelength=1.1, handleheight=1.1,
                  handletextpad=0.45, columnspacing=1.25, borderpad=0, borderaxespad=0)  # fmt: skip


def _subtitle(source: SourceSummary, persons: Sequence[Person]) -> str:
    width_s = column_s(source)
    each = f"means of {length(width_s) if width_s >= 1 else f'{1000 * width_s:.0f} ms'}"
    if source.frames_s > width_s * source.n_frames:
        each = "of each frame"
    parts = [
        f"probabilities of the expressions, 0 to 100 %, {each}",
        "bar at the end: labels, shares of the time seen",
    ]
    if more := len(source.persons) - len(persons):
        parts.append(f"{more} more {'person was' if more == 1 else 'people were'} seen for less")
    if 0 < len(source.cuts_s) <= _MOST_CUTS:
        parts.append("▾ cut")
    if source.troubles:
        parts.append("× not readable")
    return " · ".join(parts)


def _square(face: Image) -> Image:
    """Return the middle square of a picture."""
    height, width = face.shape[:2]
    side = min(height, width)
    y, x = (height - side) // 2, (width - side) // 2
    return face[y : y + side, x : x + side]


def _plain(text: str) -> str:
    """Return text that matplotlib does not take for a formula."""
    return text.replace("$", r"\$")


def _short(name: str) -> str:
    """Return a name that fits the picture's width: its end, which tells most."""
    return name if len(name) <= _MOST_LETTERS else f"…{name[1 - _MOST_LETTERS :]}"


def _tick(time_s: float, unit: str) -> str:
    if unit == "seconds":
        return f"{time_s:g}"
    if unit == "hours:minutes":
        return f"{int(time_s // 3600)}:{int(time_s % 3600 // 60):02}"
    seconds = f"{time_s % 60:02.0f}" if time_s % 1 == 0 else f"{time_s % 60:04.1f}"
    return f"{int(time_s // 60)}:{seconds}"
