"""Counters, gauges and histograms in Prometheus' text format; for the event loop only.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence

_MS = (5, 10, 20, 30, 50, 75, 100, 150, 200, 300, 500, 1000, 2000, 5000)
_BATCHES = (1, 2, 3, 4, 6, 8)


class Histogram:
    """Counts of the values up to each bound, and their sum."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def add(self, value: float) -> None:
        """Count a value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def lines(self, name: str, label: str = "", unit: float = 1.0) -> list[str]:
        """Return the lines of one series; bounds and sum are divided by `unit`."""
        total, lines = 0, []
        comma, labels = (f"{label},", f"{{{label}}}") if label else ("", "")
        for bound, count in zip([*self._bounds, None], self._counts, strict=True):
            total += count
            upto = "+Inf" if bound is None else f"{bound / unit:g}"
            lines.append(f'{name}_bucket{{{comma}le="{upto}"}} {total}')
        return [
            *lines,
            f"{name}_sum{labels} {self._sum / unit:.6f}",
            f"{name}_count{labels} {total}",
        ]


class Metrics:
    """The counts of a server since its start.

    frames: frames of streams, by outcome: result, skipped or error
    images: single pictures, by outcome: result or refused
    refusals: closed streams by close code, refused requests and frames by error code
    """

    def __init__(self) -> None:
        self.frames = dict.fromkeys(("result", "skipped", "error"), 0)
        self.images = dict.fromkeys(("result", "refused"), 0)
        self.refusals: dict[str, int] = defaultdict(int)
        self.n_faces = 0
        self.n_streams = 0
        self._batches = Histogram(_BATCHES)
        self._stages: dict[str, Histogram] = defaultdict(lambda: Histogram(_MS))

    def count_result(self, n_faces: int, timings_ms: dict[str, float], n_batch: int) -> None:
        """Count one recognised picture."""
        self.n_faces += n_faces
        self._batches.add(n_batch)
        for stage, value in timings_ms.items():
            self._stages[stage].add(value)

    def text(self, n_clients: int, n_waiting: int) -> str:
        """Return the body of GET /metrics."""
        lines: list[str] = []

        def add(name: str, kind: str, about: str, series: Sequence[str]) -> None:
            lines.extend([f"# HELP livefer_{name} {about}", f"# TYPE livefer_{name} {kind}"])
            lines.extend(f"livefer_{one}" for one in series)

        def by(name: str, label: str, counts: dict[str, int]) -> list[str]:
            return [f'{name}{{{label}="{key}"}} {n}' for key, n in sorted(counts.items())]

        add("clients", "gauge", "Open streams.", [f"clients {n_clients}"])
        add("waiting", "gauge", "Pictures that wait for a thread.", [f"waiting {n_waiting}"])
        add("streams_total", "counter", "Streams opened.", [f"streams_total {self.n_streams}"])
        add("frames_total", "counter", "Frames of streams answered.",
            by("frames_total", "outcome", self.frames))  # fmt: skip
        add("images_total", "counter", "Single pictures answered.",
            by("images_total", "outcome", self.images))  # fmt: skip
        add("faces_total", "counter", "Faces found.", [f"faces_total {self.n_faces}"])
        add("refusals_total", "counter", "Refusals by close code or error code.",
            by("refusals_total", "code", self.refusals))  # fmt: skip
        add("batch_size", "histogram", "Pictures recognised in one batch.",
            self._batches.lines("batch_size"))  # fmt: skip
        stages = [
            line
            for stage, histogram in self._stages.items()
            for line in histogram.lines("latency_seconds", f'stage="{stage}"', 1000)
        ]
        add("latency_seconds", "histogram", "Time of a picture in the server, by stage.", stages)
        return "\n".join(lines) + "\n"
