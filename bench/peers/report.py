"""What bench/live.py measured, as tables and as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lib.common import heading, load_line, machine_line

from livefer.drawing.figures import require_matplotlib, save_picture

_INK, _FAINT, _BLUE, _GRID = "#22272e", "#8b949e", "#2f6db5", "#d0d7de"
_MARKERS = ("o", "s", "D")
_FRAME_MS = 1000 / 30


def markdown(data: dict[str, Any]) -> str:
    """Return the results as Markdown: frames, fresh processes, what was compared, what failed."""
    machine, peers = data["machine"], data["peers"]
    parts = [
        heading("livefer and others, side by side"),
        f"{machine_line(machine)}; {load_line(machine)}. {_sentence(data['note'])}"
        f"{data['n_frames']} frames of each scene in one run, in turn a second of the stream "
        f"each, the first {data['n_warm']} frames not counted; ms are medians, 95th percentiles "
        "in brackets; × is how many times as fast as `fer`. All have the settings they come "
        "with, but that what expressions do not need is off in Human and its limit of faces is "
        "10. All may use every core. Only livefer smooths over time: that is part of its "
        "figures.\n",
        frames_table(data),
        "`cpu` is the mean processor time of all threads for a frame, in ms; `faces` the mean "
        "number found.\n",
        cold_table(data),
        f"Medians of {data['n_cold']} fresh processes each, their files read before. Import is "
        "that alone (livefer's loads nothing else until it is used); ready is with networks and "
        "detectors loaded; first result is from the process's start to the first frame's faces. "
        "Memory is the peak after the first frames. Installed is what the packages take on the "
        "disk, without Python, Node and pip; peers of the same package share it.\n",
        "## What is compared\n",
        "".join(
            f"- **{one['name']}**: {one['what']}; {_first(one)['n_frames']} frames of each scene "
            f"counted. {_versions(one)}\n"
            for one in peers
        ),
    ]
    if data["not_run"]:
        parts.append("## What did not run\n")
        parts.append("".join(f"- **{name}**: {why}\n" for name, why in data["not_run"].items()))
    return "\n".join(parts)


def frames_table(data: dict[str, Any]) -> str:
    """Return the table of milliseconds a frame."""
    scenes = list(data["peers"][0]["scenes"])
    head = " | ".join(f"{scene}, ms | × | cpu | faces" for scene in scenes)
    rows = [f"| | {head} |", "| --- |" + " ---: |" * 4 * len(scenes)]
    for one in data["peers"]:
        cells = [one["name"]]
        for scene in scenes:
            f = one["scenes"][scene]
            ratio = f.get("times_as_fast")
            cells += [
                f"{number(f['p50_ms'])} ({number(f['p95_ms'])})",
                "" if ratio is None else number(ratio),
                number(f["cpu_ms"]),
                f"{f['faces']:.1f}",
            ]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def cold_table(data: dict[str, Any]) -> str:
    """Return the table of fresh processes, memory and sizes."""
    rows = [
        "| | import, s | ready, s | first result, s | memory, MiB | installed, MiB |",
        "| --- |" + " ---: |" * 5,
    ]
    for one in data["peers"]:
        c = one["cold"]
        rows.append(
            f"| {one['name']} | {c['import_s']:.2f} | {c['load_s']:.2f} | {c['result_s']:.2f} "
            f"| {c['peak_mib']:,} | {one['installed_mib']:,} |"
        )
    return "\n".join(rows) + "\n"


def short_table(data: dict[str, Any]) -> str:
    """Return the table of docs/speed.md: medians, memory and size, the fastest first."""
    scenes = list(data["peers"][0]["scenes"])
    head = " | ".join(f"{scene}, ms" for scene in scenes)
    rows = [
        f"| | {head} | first result, s | memory, MiB | installed, MiB |",
        "| --- |" + " ---: |" * (len(scenes) + 3),
    ]
    for one in sorted(data["peers"], key=lambda one: _first(one)["p50_ms"]):
        times = " | ".join(number(one["scenes"][scene]["p50_ms"]) for scene in scenes)
        cold = one["cold"]
        rows.append(
            f"| {one['name']} | {times} | {cold['result_s']:.2f} | {cold['peak_mib']:,} "
            f"| {one['installed_mib']:,} |"
        )
    return "\n".join(rows) + "\n"


def number(value: float) -> str:
    """Return a number with the digits that its size deserves: 2.41, 46.3, 385."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def draw(data: dict[str, Any], path: Path) -> None:
    """Draw the milliseconds a frame and the seconds to a first result, and write the picture."""
    require_matplotlib()
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    peers = sorted(data["peers"], key=lambda one: -_first(one)["p50_ms"])
    names = [one["name"] for one in peers]
    colours = [_BLUE if name.startswith("livefer") else _FAINT for name in names]
    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.12)
    figure = Figure(figsize=(10.4, 1.5 + 0.36 * len(names)), layout=layout)
    frames, cold, size = figure.subplots(1, 3, sharey=True, width_ratios=[3.2, 1.1, 1.1])
    y = range(len(names))

    scenes = list(peers[0]["scenes"])
    for marker, scene in zip(_MARKERS, scenes, strict=True):
        values = [one["scenes"][scene]["p50_ms"] for one in peers]
        is_first = scene == scenes[0]
        frames.scatter(values, y, marker=marker, s=46 if is_first else 26, zorder=3,
                       color=colours if is_first else "white", edgecolors=colours,
                       linewidths=1.3)  # fmt: skip
        frames.plot([], [], marker=marker, color=_INK, linestyle="",
                    label=f"{scene} (figures)" if is_first else scene,
                    markerfacecolor=_INK if is_first else "white")  # fmt: skip
    for at, one in zip(y, peers, strict=True):
        values = [figures["p50_ms"] for figures in one["scenes"].values()]
        frames.plot([min(values), max(values)], [at, at], color=colours[at], linewidth=1)
        frames.annotate(number(values[0]), (min(values), at), xytext=(-7, 0), ha="right",
                        va="center", textcoords="offset points", color=_INK, fontsize=9,
                        bbox={"color": "white", "pad": 0.8})  # fmt: skip
    frames.axvline(_FRAME_MS, color=_INK, linewidth=1, linestyle=(0, (4, 3)))
    frames.annotate("30 frames a second", (_FRAME_MS, 0), xytext=(4, 5), color=_INK, fontsize=8,
                    xycoords=("data", "axes fraction"), textcoords="offset points")  # fmt: skip
    frames.set_xscale("log")
    low, high = frames.get_xlim()
    frames.set_xlim(low / 1.9, high)
    ticks = [t for t in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000) if low / 1.9 <= t <= high]
    frames.set_xticks(ticks, [str(t) for t in ticks])
    frames.set_xticks([], minor=True)
    frames.set_yticks(y, names)
    frames.set_ylim(-0.6, len(names) - 0.2)
    frames.set_xlabel("ms a frame (median, logarithmic)")
    # Where nothing is: the fast ones are at the top and at the left.
    frames.legend(loc="upper right", frameon=False, fontsize=8)
    machine = f"{data['machine']['processor']}, {data['machine']['n_cores']} cores, no GPU"
    _head(frames, "Pixels to labelled faces", machine)

    for axes, title, unit, values in (
        (cold, "First result", "s from a new process", [p["cold"]["result_s"] for p in peers]),
        (size, "Installed", "MiB of packages", [p["installed_mib"] for p in peers]),
    ):
        axes.barh(y, values, 0.62, color=colours)
        for at, value in zip(y, values, strict=True):
            text = f"{value:.1f}" if axes is cold else f"{value:,}"
            axes.annotate(text, (value, at), xytext=(3, 0), textcoords="offset points",
                          va="center", fontsize=8, color=_INK)  # fmt: skip
        axes.set_xticks([])
        axes.margins(x=0.45)
        axes.tick_params(left=False)
        _head(axes, title, unit)
    for axes in (frames, cold, size):
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_axisbelow(True)
    for axes in (cold, size):
        axes.spines["bottom"].set_visible(False)
    frames.grid(axis="x", color=_GRID, linewidth=0.6)
    save_picture(figure, path)


def _head(axes: Any, title: str, below: str) -> None:
    place: dict[str, Any] = {"xy": (0, 1), "xycoords": "axes fraction",
                             "textcoords": "offset points"}  # fmt: skip
    axes.annotate(title, xytext=(0, 22), fontsize=12, weight="bold", color=_INK, **place)
    axes.annotate(below, xytext=(0, 8), fontsize=8, color=_FAINT, **place)


def _first(one: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of a peer's first scene."""
    figures: dict[str, Any] = next(iter(one["scenes"].values()))
    return figures


def _sentence(note: str) -> str:
    return f"{note} " if note else ""


def _versions(one: dict[str, Any]) -> str:
    return ", ".join(f"{name} {version}" for name, version in one["versions"].items())
