"""A source's people over time as one picture, drawn by matplotlib (the `analysis` extra).

Each person has a row that is filled by bands, the probabilities of the classes. It is hatched where
the answer is uncertain and empty where the face was not found. A person's timeline is binned into
at most MOST_COLUMNS columns, whatever its length: the eye sees no more.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from rich.cells import cell_len

from livefer.drawing.figures import any_letters, plain_text, require_matplotlib, save_picture
from livefer.drawing.text import Image, readable_on
from livefer.formatting import count, length, short_name
from livefer.labels import colour_bgr, colour_hex
from livefer.summary.records import Person, SourceSummary

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_PERSONS = 12
MOST_COLUMNS = 600
INK, FAINT, GROUND, PAPER, ALARM = "#22272e", "#6e7781", "#f0f2f5", "#ffffff", "#c8382e"
_WIDTH_IN, _RIGHT_IN, _GAP_IN = 10.0, 0.78, 0.13
_MARGIN_IN, _FACE_IN = 0.12, 0.85
_STEPS_S = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 36000)
_MOST_CUTS = 120
_LETTER_IN, _LABEL_IN = 0.066, 0.15  # width of a letter and height of a line at 8 points
_LABELS_APART_IN = 2.0
_MOST_LETTERS = 80
_ALIKE = 0.85  # of the highest room for a word: as good, and its middle looks better


def timeline_picture(
    source: SourceSummary,
    classes: Sequence[str],
    portraits: Mapping[int | None, Image] | None = None,
    title: str | None = None,
) -> Figure:
    """Draw the people of a source over time: those seen longest, a row each, first come first.

    portraits: a face for each track_id, (H, W, 3) uint8 BGR; drawn beside the names
    title: above the picture; None takes the source's name

    MissingExtraError where matplotlib is missing.
    """
    require_matplotlib()
    from matplotlib import rc_context

    portraits = portraits or {}
    title = _short(short_name(source.source)) if title is None else title
    persons = shown_persons(source)
    sheet = _Sheet(len(persons), any(p.track_id in portraits for p in persons), bool(title))
    with rc_context({"hatch.linewidth": 0.7, "font.family": "sans-serif", "font.size": 9}):
        sheet.text(_MARGIN_IN, 0.3, plain_text(title), fontsize=13, weight="bold", color=INK)
        sheet.text(_MARGIN_IN, sheet.head - 0.45, _subtitle(source, persons), fontsize=8.5,
                   color=FAINT)  # fmt: skip
        _legend(sheet, classes, bool(source.gaps))
        rows = [_row(sheet, number, source) for number in range(sheet.n_rows)]
        for number, person in enumerate(persons):
            _bands(sheet, rows[number], columns_of(person, source), classes)
            _person(sheet, number, person, portraits.get(person.track_id))
        if not persons:
            rows[0].text(0.5, 0.5, "no face was found", transform=rows[0].transAxes, color=FAINT,
                         ha="center", va="center")  # fmt: skip
        _time_axis(rows[-1], source)
        _marks(rows[0], rows[-1], source)
    return sheet.figure


def write_timeline(figure: Figure, path: Path) -> None:
    """Write the picture as .png, .pdf, .svg or another format of matplotlib; text stays text."""
    from matplotlib import rc_context

    with rc_context({"pdf.fonttype": 42, "ps.fonttype": 42}):
        save_picture(figure, path)


def timeline_svg(figure: Figure, name: str) -> str:
    """Return the picture as an <svg> element that takes the colours and the font of its page.

    The page defines the variables --ink, --faint, --ground, --paper and --alarm.

    name: another for each picture of a page, so that their ids differ
    """
    from matplotlib import rc_context

    file = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": name}), any_letters():
        figure.savefig(file, format="svg", facecolor="none", metadata={"Date": None})
    svg = file.getvalue()
    # matplotlib numbers its groups anew in each picture, and nothing refers to those ids.
    svg = re.sub(r' id="[\w.]+_\d+"', "", svg[svg.index("<svg") :])
    names = {INK: "ink", FAINT: "faint", GROUND: "ground", PAPER: "paper", ALARM: "alarm"}
    for colour, variable in names.items():
        svg = svg.replace(colour, f"var(--{variable})")
    return svg


def shown_persons(source: SourceSummary) -> list[Person]:
    """Return the persons that have a row: those seen longest, in the order of appearance."""
    longest = sorted(source.followed, key=lambda p: -p.seen_s)[:MOST_PERSONS]
    return sorted((p for p in source.followed if p in longest), key=lambda p: p.first_s)


@dataclass(frozen=True)
class Columns:
    """A person's timeline, binned for drawing.

    edges_s: (N + 1,) float64
    seen: (N,) bool
    uncertain: (N,) bool, for most of the time seen
    tops: (N, C) float64, upper edges of the bands, 0–1
    """

    edges_s: NDArray[np.float64]
    seen: NDArray[np.bool_]
    uncertain: NDArray[np.bool_]
    tops: NDArray[np.float64]


def column_s(source: SourceSummary) -> float:
    """Return the seconds that one column of the picture stands for."""
    width_s = max((p.timeline.width_s for p in source.persons), default=1 / 32)
    while (source.last_s - source.first_s) / width_s > MOST_COLUMNS:
        width_s *= 2
    return width_s


def columns_of(person: Person, source: SourceSummary) -> Columns:
    """Bin a person's timeline into the columns of the picture."""
    line, width_s = person.timeline, column_s(source)
    first, last = int(source.first_s // width_s), int(np.ceil(source.last_s / width_s))
    numbers = (line.bins * line.width_s // width_s).astype(np.int64) - first
    n = max(last - first, int(numbers.max(initial=0)) + 1)
    seen_s, uncertain_s = np.zeros(n), np.zeros(n)
    sums = np.zeros((n, line.probabilities.shape[1]))
    np.add.at(seen_s, numbers, line.seen_s)
    np.add.at(uncertain_s, numbers, line.uncertain_s)
    np.add.at(sums, numbers, line.probabilities * line.seen_s[:, None])
    shares = sums / np.maximum(sums.sum(axis=1, keepdims=True), 1e-12)
    edges_s = (first + np.arange(n + 1)) * width_s
    edges_s = np.clip(edges_s, max(person.first_s, source.first_s), person.last_s)
    return Columns(edges_s, seen_s > 0, uncertain_s > seen_s / 2, shares.cumsum(axis=1))


def runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return (start, end) of each stretch of True."""
    edges = np.flatnonzero(np.diff(np.r_[False, mask, False]))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def label_places(
    columns: Columns, class_id: int, n_wide: int, height: float, n_apart: int
) -> list[tuple[float, float]]:
    """Return the places where a word fits into a class's band: (seconds, 0–1), highest room first.

    n_wide, height: the word's size, in columns and as a share of the row
    n_apart: columns between two of the same word
    """
    if n_wide > len(columns.seen):
        return []
    bottoms = columns.tops[:, class_id - 1] if class_id else np.zeros(len(columns.seen))
    floor = sliding_window_view(bottoms, n_wide).max(axis=1)
    ceiling = sliding_window_view(columns.tops[:, class_id], n_wide).min(axis=1)
    usable = sliding_window_view(columns.seen & ~columns.uncertain, n_wide).all(axis=1)
    room = np.where(usable, ceiling - floor, 0)
    places = []
    while room[at := int(room.argmax())] >= height:
        alike = runs(room >= max(height, _ALIKE * room[at]))
        at = next((start + end - 1) // 2 for start, end in alike if start <= at < end)
        x = (columns.edges_s[at] + columns.edges_s[at + n_wide]) / 2
        places.append((float(x), float(floor[at] + ceiling[at]) / 2))
        room[max(at - n_apart, 0) : at + n_apart + 1] = 0
    return places


class _Sheet:
    """The picture and its layout: lengths in inches, places from its upper left corner.

    head: height of title, subtitle and legend
    row, face: height of a row, and the side of a portrait
    left, width: where the rows begin, and how wide they are
    """

    def __init__(self, n_persons: int, has_faces: bool, has_title: bool) -> None:
        from matplotlib.figure import Figure

        self.n_rows = max(n_persons, 1)
        self.row = float(np.clip(5.4 / self.n_rows, 0.5, 1.25))
        self.face = min(self.row, _FACE_IN)
        self.left = 1.0 + (self.face + 0.06 if has_faces else 0.0)
        self.width = _WIDTH_IN - self.left - _RIGHT_IN
        self.head = 0.98 if has_title else 0.66
        self.height = self.head + 0.52 + self.n_rows * (self.row + _GAP_IN) - _GAP_IN
        self.figure = Figure(figsize=(_WIDTH_IN, self.height), facecolor=PAPER)

    def top(self, number: int) -> float:
        """Return the upper edge of a row."""
        return self.head + number * (self.row + _GAP_IN)

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Return a place as matplotlib takes it: shares of the picture, from its lower left."""
        return x / _WIDTH_IN, 1 - y / self.height

    def axes(self, x: float, top: float, width: float, height: float) -> Axes:
        """Add axes to the picture."""
        left, bottom = self.place(x, top + height)
        size = width / _WIDTH_IN, height / self.height
        return self.figure.add_axes((left, bottom, *size))

    def text(self, x: float, y: float, text: str, **style: Any) -> None:
        """Write one line, its middle at y."""
        self.figure.text(*self.place(x, y), text, va="center", **style)


def _row(sheet: _Sheet, number: int, source: SourceSummary) -> Axes:
    axes = sheet.axes(sheet.left, sheet.top(number), sheet.width, sheet.row)
    axes.set_facecolor(GROUND)
    axes.set(xlim=(source.first_s, max(source.last_s, source.first_s + 1e-3)), ylim=(0, 1))
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    for start, end in source.gaps:
        axes.axvspan(start, end, facecolor=PAPER, edgecolor=FAINT, hatch="...", linewidth=0)
    return axes


def _bands(sheet: _Sheet, axes: Axes, columns: Columns, classes: Sequence[str]) -> None:
    middles = (columns.edges_s[1:] + columns.edges_s[:-1]) / 2
    for start, end in runs(columns.seen):
        x = np.r_[columns.edges_s[start], middles[start:end], columns.edges_s[end]]
        tops = columns.tops[np.r_[start, start:end, end - 1]]
        bottom = np.zeros(len(x))
        for class_id, name in enumerate(classes):
            top = tops[:, class_id]
            axes.fill_between(x, bottom, top, color=colour_hex(name, classes), linewidth=0)
            bottom = top
        for class_id in range(len(classes) - 1):  # hides the seams, too
            axes.plot(x, tops[:, class_id], color=PAPER, linewidth=0.5, solid_capstyle="butt")
    for start, end in runs(columns.uncertain & columns.seen):
        axes.fill_between(
            columns.edges_s[[start, end]], 0, 1, facecolor=(1, 1, 1, 0.5), hatch="/////",
            edgecolor=INK, linewidth=0,
        )  # fmt: skip
    if columns.seen.any():  # otherwise all frames stand for no time
        _band_labels(sheet, axes, columns, classes)


def _band_labels(sheet: _Sheet, axes: Axes, columns: Columns, classes: Sequence[str]) -> None:
    """Write each class's name into its band where that is highest and certain, and far apart."""
    low, high = axes.get_xlim()
    column_in = sheet.width * float(np.diff(columns.edges_s).max()) / (high - low)
    n_apart = max(1, int(_LABELS_APART_IN / column_in))
    for class_id, name in enumerate(classes):
        n_wide = max(1, int(np.ceil((cell_len(name) + 2) * _LETTER_IN / column_in)))
        ink = "#{:02x}{:02x}{:02x}".format(*readable_on(colour_bgr(name, classes))[::-1])
        for x, y in label_places(columns, class_id, n_wide, _LABEL_IN / sheet.row, n_apart):
            axes.text(x, y, plain_text(name), fontsize=8, color=ink, ha="center",
                      va="center_baseline")  # fmt: skip


def _person(sheet: _Sheet, number: int, person: Person, face: Image | None) -> None:
    """Draw a person's face and name before the row, and the shares of all the time behind it."""
    top, x = sheet.top(number), _MARGIN_IN
    middle = top + sheet.row / 2
    if face is not None:
        picture = sheet.axes(x, middle - sheet.face / 2, sheet.face, sheet.face)
        picture.imshow(_square(face)[..., ::-1], interpolation="lanczos")
        picture.set_axis_off()
        x += sheet.face + 0.08
    sheet.text(x, middle - 0.09, person.name, weight="bold", color=INK, fontsize=9)
    sheet.text(x, middle + 0.09, f"seen {length(person.seen_s)}", color=FAINT, fontsize=7.5)
    _shares_bar(sheet.axes(sheet.left + sheet.width + 0.09, top, 0.16, sheet.row), person)


def _shares_bar(axes: Axes, person: Person) -> None:
    """Draw the shares of the time seen as one bar."""
    bottom, classes = 0.0, tuple(person.shares)
    for name, share in person.shares.items():
        axes.bar(0, share, 1, bottom, color=colour_hex(name, classes), linewidth=0)
        bottom += share
    axes.bar(0, person.uncertain, 1, bottom, facecolor=PAPER, hatch="/////", edgecolor=INK,
             linewidth=0)  # fmt: skip
    axes.set(xlim=(-0.5, 0.5), ylim=(0, 1), xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    axes.patch.set_visible(False)
    name, share = max(person.shares.items(), key=lambda item: item[1])
    if share > 0:
        axes.text(1.25, 0.5, f"{share:.0%}\n{plain_text(name)}", transform=axes.transAxes,
                  fontsize=6.5, color=FAINT, va="center")  # fmt: skip


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
    """Mark cuts above the first row, and unreadable places below the last."""
    if 0 < len(source.cuts_s) <= _MOST_CUTS:
        first.plot(source.cuts_s, np.full(len(source.cuts_s), 1.05), "v", color=FAINT,
                   markersize=4, markeredgewidth=0, clip_on=False,
                   transform=first.get_xaxis_transform())  # fmt: skip
    for trouble in source.troubles:
        last.plot([trouble.time_s], [0], "x", color=ALARM, markersize=6, markeredgewidth=1.8,
                  clip_on=False, zorder=5, transform=last.get_xaxis_transform())  # fmt: skip


def _legend(sheet: _Sheet, classes: Sequence[str], has_gaps: bool) -> None:
    from matplotlib.patches import Patch

    colours = {plain_text(name): colour_hex(name, classes) for name in classes}
    handles = [Patch(facecolor=colour, label=name) for name, colour in colours.items()]
    handles.append(Patch(facecolor=PAPER, hatch="/////", edgecolor=INK, linewidth=0,
                         label="uncertain"))  # fmt: skip
    handles.append(Patch(facecolor=GROUND, label="not in view"))
    if has_gaps:
        handles.append(Patch(facecolor=PAPER, hatch="...", edgecolor=FAINT, linewidth=0,
                             label="no frames"))  # fmt: skip
    sheet.figure.legend(
        handles=handles, loc="center left", ncols=len(handles), frameon=False, fontsize=8,
        bbox_to_anchor=sheet.place(_MARGIN_IN, sheet.head - 0.19), labelcolor=INK,
        handlelength=1.1, handleheight=1.1, handletextpad=0.45, columnspacing=1.25, borderpad=0,
        borderaxespad=0,
    )  # fmt: skip


def _subtitle(source: SourceSummary, persons: Sequence[Person]) -> str:
    width_s = column_s(source)
    each = f"means of {length(width_s) if width_s >= 1 else f'{1000 * width_s:.0f} ms'}"
    if source.frames_s > width_s * source.n_frames:
        each = "of each frame"
    parts = [
        f"probabilities of the expressions, 0 to 100 %, {each}",
        "bar at the end: labels, shares of the time seen",
    ]
    if n := len(source.followed) - len(persons):
        parts.append(f"{count(n, 'track')} seen for a shorter time left out")
    if n := len(source.bystanders):
        parts.append(f"{count(n, 'bystander')} left out")
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


def _short(name: str) -> str:
    """Return a name that fits the picture's width: its end, which says most."""
    if cell_len(name) <= _MOST_LETTERS:
        return name
    while cell_len(name) >= _MOST_LETTERS:
        name = name[1:]
    return f"…{name}"


def _tick(time_s: float, unit: str) -> str:
    if unit == "seconds":
        return f"{time_s:g}"
    if unit == "hours:minutes":
        return f"{int(time_s // 3600)}:{int(time_s % 3600 // 60):02}"
    seconds = f"{time_s % 60:02.0f}" if time_s % 1 == 0 else f"{time_s % 60:04.1f}"
    return f"{int(time_s // 60)}:{seconds}"
