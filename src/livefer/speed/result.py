"""Results of speed measurements, and advice for the machine. Knows nothing about measuring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from livefer.system.machine import ColdStart, Machine
from livefer.version import __version__

SCHEMA = 1
"""Version of `Benchmark.to_dict`, docs/bench.md."""
STAGES = ("capture", "detect", "crop", "classify", "track", "other", "draw", "sum")
"""`other` is the rest of `process`; `sum` is a frame's whole time without its capture."""

_FASTER = 1.15  # smaller differences are noise
_LARGE_SHARE = 0.5
_BUSY_SHARE = 0.3
_SKIPPED, _MISSED = 0.01, 0.05
_FEW_SKIPPED = 2  # frames: chance, not the machine


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds, over n frames: median, 95th percentile and mean."""

    n: int
    p50: float
    p95: float
    mean: float

    @staticmethod
    def of(times_ms: Sequence[float]) -> Timing:
        """Sum up times; percentiles are interpolated linearly."""
        p50, p95 = np.percentile(times_ms, (50, 95))
        return Timing(len(times_ms), float(p50), float(p95), float(np.mean(times_ms)))

    def to_dict(self) -> dict[str, float]:
        """Return plain data that json can write, without n."""
        return {name: round(getattr(self, name), 3) for name in ("p50", "p95", "mean")}


@dataclass(frozen=True, slots=True)
class Stages:
    """The time of a frame by stage; ms: a Timing for each of STAGES."""

    source: str
    size_wh: tuple[int, int]
    n_frames: int
    n_faces: float
    ms: dict[str, Timing]

    def share(self, stage: str) -> float:
        """Return a stage's share of the frame's time."""
        return self.ms[stage].mean / self.ms["sum"].mean if self.ms["sum"].mean else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that json can write."""
        return {
            "source": self.source,
            **_size(self.size_wh),
            "n_frames": self.n_frames,
            "n_faces": round(self.n_faces, 2),
            "detector_share": round(self.share("detect"), 3),
            "ms": {name: timing.to_dict() for name, timing in self.ms.items()},
        }


@dataclass(frozen=True, slots=True)
class Rate:
    """Frames a second through `process` alone.

    n_found: mean number of faces found in a frame
    all_found: share of frames in which every face was found
    """

    size_wh: tuple[int, int]
    n_faces: int
    n_frames: int
    fps: float
    n_found: float
    all_found: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that json can write."""
        return {
            **_size(self.size_wh),
            "n_faces": self.n_faces,
            "n_frames": self.n_frames,
            "fps": round(self.fps, 1),
            "n_found": round(self.n_found, 2),
            "all_found": round(self.all_found, 3),
        }


@dataclass(frozen=True, slots=True)
class Live:
    """A stream at its own speed: from a frame's arrival to its painted faces.

    fps: frames a second that arrived
    cores_used: processor time of this process over time, reading the camera included
    """

    source: str
    size_wh: tuple[int, int]
    fps: float
    n_frames: int
    n_skipped: int
    latency_ms: Timing
    cores_used: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that json can write."""
        return {
            "source": self.source,
            **_size(self.size_wh),
            "fps": round(self.fps, 1),
            "n_frames": self.n_frames,
            "n_skipped": self.n_skipped,
            "latency_ms": self.latency_ms.to_dict(),
            "cores_used": round(self.cores_used, 3),
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """The chosen model or detector and its alternative, measured in turn; what: model, detector.

    ours_ms, other_ms: a face for models, a frame with one face for detectors
    """

    what: str
    ours: str
    other: str
    ours_ms: float
    other_ms: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that json can write."""
        return {
            "what": self.what,
            "ours": self.ours,
            "other": self.other,
            "ours_ms": round(self.ours_ms, 3),
            "other_ms": round(self.other_ms, 3),
        }


@dataclass(frozen=True, slots=True)
class Benchmark:
    """All measurements of `livefer bench`, and the advice drawn from them."""

    machine: Machine
    model: str
    detector: str
    prior: float
    seconds: float
    stages: Stages
    rates: tuple[Rate, ...]
    live: Live
    cold: ColdStart | None
    comparisons: tuple[Comparison, ...]
    advice: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that json can write; docs/bench.md describes it."""
        return {
            "schema": SCHEMA,
            "version": __version__,
            "machine": self.machine.to_dict(),
            "model": self.model,
            "detector": self.detector,
            "prior": self.prior,
            "seconds": self.seconds,
            "stages": self.stages.to_dict(),
            "rates": [rate.to_dict() for rate in self.rates],
            "live": self.live.to_dict(),
            "cold_start": self.cold and self.cold.to_dict(),
            "comparisons": [comparison.to_dict() for comparison in self.comparisons],
            "advice": list(self.advice),
        }


def advise(
    machine: Machine,
    stages: Stages,
    rates: Sequence[Rate],
    live: Live,
    comparisons: Sequence[Comparison],
) -> tuple[str, ...]:
    """Return a line for each measured thing that would help or has to be known."""
    lines = []
    if machine.load is not None and machine.load > _BUSY_SHARE * machine.n_cores:
        lines.append(
            f"the load in the minute before was {machine.load:.1f} on {machine.n_cores} cores: "
            "measure again when nothing else runs"
        )
    if machine.n_cores == 1:
        lines.append("the machine has one core, which capture, recognition and display share")
    n_came = live.n_frames + live.n_skipped
    if live.n_skipped > max(_SKIPPED * n_came, _FEW_SKIPPED):
        lines.append(
            f"{live.n_skipped / n_came:.0%} of the frames at {live.fps:.0f} fps were skipped: "
            "this machine does not keep up"
        )
    lines += [_instead(c) for c in comparisons if c.ours_ms > _FASTER * c.other_ms]
    lines += _shares(stages) + _sizes(rates)
    for rate in rates:
        if rate.all_found < 1 - _MISSED:
            lines.append(
                f"at {_by(rate.size_wh)}, {rate.n_found:.1f} of {rate.n_faces} faces were found: "
                "read its frames a second with that in mind"
            )
    return tuple(lines)


def _instead(comparison: Comparison) -> str:
    """Return a line: the alternative is faster, and the option that selects it."""
    ours, other = comparison.ours, comparison.other
    times = f"{comparison.ours_ms:.2f} against {comparison.other_ms:.2f} ms"
    if comparison.what == "detector":
        times = f"{comparison.other_ms:.2f} against {comparison.ours_ms:.2f} ms"
        less = ", but finds fewer faces" if other == "haar" else ""
        return f"{other} is faster than {ours} here ({times} a frame){less}: --detector {other}"
    slow, fast = ("int8", "float") if other.endswith("-float") else ("float", "int8")
    return f"{slow} is slower than {fast} on this processor ({times} a face): --model {other}"


def _shares(stages: Stages) -> list[str]:
    """Return a line about the stage that takes most of a frame, if one does."""
    detector, network = stages.share("detect"), stages.share("classify")
    words = f"the detector takes {detector:.0%} of a frame's time, the network {network:.0%}"
    if detector >= _LARGE_SHARE:
        return [f"{words}: a smaller model would change little"]
    if network >= _LARGE_SHARE:
        return [f"{words}: a smaller model would change most"]
    return []


def _sizes(rates: Sequence[Rate]) -> list[str]:
    """Return a line about the cost of larger frames, if it is high."""
    alone = [rate for rate in rates if rate.n_faces == 1]
    if len(alone) < 2:
        return []
    cost = alone[0].fps / alone[-1].fps
    if cost < 1.5:
        return []
    return [
        f"a {_by(alone[-1].size_wh)} frame takes {cost:.1f} times as long as "
        f"{_by(alone[0].size_wh)}: let the camera give smaller ones"
    ]


def _by(size_wh: tuple[int, int]) -> str:
    return f"{size_wh[0]}x{size_wh[1]}"


def _size(size_wh: tuple[int, int]) -> dict[str, int]:
    return {"width": size_wh[0], "height": size_wh[1]}
