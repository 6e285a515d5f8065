"""The same frames through livefer and through what else can be installed, side by side.

    python bench/peers/install.py
    python bench/live.py --yunet face_detection_yunet_2023mar.onnx --out bench/results/live
    python bench/live.py --draw bench/results/live.json docs/peers.png

Every peer is a process of its own, in an environment of its own.
They take turns, a second of the stream each, and another one begins each time, so that all see the
same machine, each as fast as it sustains.
A frame's time is from the array of its pixels to labelled faces; the first frames are not counted.
The frames are those of `livefer bench`: heads that sway before a still picture with a camera's
grain, at 30 frames a second of stream time, which is the time that smoothing and caches are told.
Fresh processes are timed one after the other, their files read before.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from lib.common import arguments, run, write_both
from peers.child import Child, PeerError, disk_mib
from peers.entrants import Peer, entrants
from peers.install import NOTE_FILE, OPTIONAL, REPOSITORY
from peers.report import draw, markdown, short_table

from livefer.errors import ConfigError
from livefer.speed.benchmark import shipped_portrait
from livefer.speed.made_frames import FPS, Scene
from livefer.system.machine import describe

SCENES = {
    "640×480, 1 face": ((640, 480), 1),
    "640×480, 4 faces": ((640, 480), 4),
    "1280×720, 1 face": ((1280, 720), 1),
}
RATIO_TO = "fer"
N_WARM = 15  # frames: half a second, in which caches fill and a first whole search is done
N_FOR_PEAK = 10  # frames before the peak of memory is read
N_TURN = round(FPS)  # frames in a row before it is another one's turn
_PAUSE_S = 0.05  # so that a pool of threads that still spins does so at nobody's expense
_NOT_COUNTED = ("pip", "setuptools", "pkg_resources", "_distutils_hack")


def in_turn(round_number: int, names: Sequence[str]) -> list[str]:
    """Return the names in their order, begun at another one each round."""
    first = round_number % len(names) if names else 0
    return [*names[first:], *names[:first]]


def write_frames(scene: Scene, n_frames: int, file: Path) -> None:
    """Write a scene's frames as raw BGR pixels, one after the other."""
    with file.open("wb") as out:
        for index in range(n_frames):
            image = scene.frame(index).image
            assert image is not None
            out.write(np.ascontiguousarray(image).tobytes())


def summary(answers: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return the figures of one peer in one scene.

    p50_ms, p95_ms: of the time a frame takes; cpu_ms: mean processor time of all its threads
    faces: mean number found; label: the most frequent one
    """
    counted = list(answers)
    p50_ms, p95_ms = np.percentile([answer["ms"] for answer in counted], [50, 95])
    labels = Counter(face[4] for answer in counted for face in answer["faces"])
    return {
        "n_frames": len(counted),
        "p50_ms": round(float(p50_ms), 2),
        "p95_ms": round(float(p95_ms), 2),
        "cpu_ms": round(float(np.mean([answer["cpu_ms"] for answer in counted])), 2),
        "faces": round(float(np.mean([len(answer["faces"]) for answer in counted])), 2),
        "label": labels.most_common(1)[0][0] if labels else None,
    }


class Bench:
    """The peers that run, what was measured of them, and why the others do not."""

    def __init__(self, chosen: Sequence[Peer], envs: Path) -> None:
        self._envs = envs
        self._peers = {peer.name: peer for peer in chosen}
        self.not_run: dict[str, str] = {}
        self.about: dict[str, dict[str, Any]] = {}
        self.cold: dict[str, list[dict[str, float]]] = {}
        self.scenes: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in self._peers}

    def names(self) -> list[str]:
        """Return the peers that have not failed."""
        return [name for name in self._peers if name not in self.not_run]

    def start_cold(self, file: Path, size_wh: tuple[int, int]) -> None:
        """Start each peer once, for its first result; the first time, for its memory too."""
        for name in self.names():
            try:
                with Child(self._peers[name].command(self._envs)) as child:
                    child.open(file, size_wh)
                    child.look(0, FPS)
                    result_s = time.perf_counter() - child.began_s
                    found = {key: child.about[key] for key in ("import_s", "load_s")}
                    found["result_s"] = result_s
                    if name not in self.cold:
                        self.about[name] = child.about
                        for frame in range(1, N_FOR_PEAK):
                            child.look(frame, FPS)
                        found["peak_mib"] = child.peak_mib()
                    self.cold.setdefault(name, []).append(found)
            except PeerError as error:
                self.not_run[name] = str(error)
            _say(f"{name}: {self.not_run.get(name, 'started')}")

    def run_scenes(self, files: dict[str, Path], n_frames: int) -> None:
        """Give every peer the frames of every scene, in turn."""
        with ExitStack() as stack:
            children = {
                name: stack.enter_context(Child(self._peers[name].command(self._envs)))
                for name in self.names()
            }
            for scene, file in files.items():
                answers = self._run_scene(children, file, SCENES[scene][0], n_frames)
                for name in self.names():
                    self.scenes[name][scene] = summary(answers[name])
                _say(f"{scene}: {n_frames} frames")

    def _run_scene(
        self, children: dict[str, Child], file: Path, size_wh: tuple[int, int], n_frames: int
    ) -> dict[str, list[dict[str, Any]]]:
        """Return what each peer said of each counted frame."""
        answers: dict[str, list[dict[str, Any]]] = {name: [] for name in self._peers}
        for turn, start in enumerate(range(0, n_frames, N_TURN)):
            for name in in_turn(turn, self.names()):
                try:
                    if start == 0:
                        children[name].open(file, size_wh)
                    for frame in range(start, min(start + N_TURN, n_frames)):
                        if frame % self._peers[name].every == 0:
                            answer = children[name].look(frame, FPS)
                            if frame >= N_WARM:
                                answers[name].append(answer)
                except PeerError as error:
                    self.not_run[name] = str(error)
                time.sleep(_PAUSE_S)
        return answers

    def results(self) -> list[dict[str, Any]]:
        """Return the figures of every peer that ran to the end."""
        found = []
        for name in self.names():
            peer, about, cold = self._peers[name], self.about[name], self.cold[name]
            seconds = {
                key: round(median(one[key] for one in cold), 3)
                for key in ("import_s", "load_s", "result_s")
            }
            without = _NOT_COUNTED if peer.script.endswith(".py") else ()
            found.append(
                {
                    "name": name,
                    "what": peer.what,
                    "versions": about["versions"],
                    "installed_mib": round(disk_mib(peer.packages(self._envs), without)),
                    "cold": {"n": len(cold), **seconds, "peak_mib": round(cold[0]["peak_mib"])},
                    "scenes": self.scenes[name],
                }
            )
        _add_ratios(found)
        return found


def _add_ratios(found: list[dict[str, Any]]) -> None:
    """Add how many times as fast as `fer` each peer is, where that ran."""
    theirs: dict[str, Any] = next((one["scenes"] for one in found if one["name"] == RATIO_TO), {})
    for one in found:
        for scene, figures in one["scenes"].items():
            if scene in theirs:
                figures["times_as_fast"] = round(theirs[scene]["p50_ms"] / figures["p50_ms"], 2)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return everything that is measured, as plain data."""
    if args.frames <= N_WARM + 5:
        raise ConfigError(
            f"--frames must be more than {N_WARM + 5}, since {N_WARM} are not counted; "
            f"got {args.frames}"
        )
    if args.yunet and not args.yunet.is_file():
        raise ConfigError(f"{args.yunet} is not a file: give YuNet's .onnx, or leave --yunet out")
    machine = describe()
    bench = Bench(entrants(args.yunet), args.envs)
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for i, (scene, (size_wh, n_faces)) in enumerate(SCENES.items()):
            files[scene] = Path(folder) / f"{i}.raw"
            write_frames(Scene(shipped_portrait(), size_wh, n_faces), args.frames, files[scene])
        first = next(iter(SCENES))
        for _ in range(args.cold):
            bench.start_cold(files[first], SCENES[first][0])
        bench.run_scenes(files, args.frames)
    not_run = dict(bench.not_run)
    if (note := args.envs / OPTIONAL / NOTE_FILE).is_file():
        not_run["face-api and Human on tfjs-node"] = note.read_text(encoding="utf-8").strip()
    return {
        "machine": machine.to_dict(),
        "n_frames": args.frames,
        "n_warm": N_WARM,
        "n_cold": args.cold,
        "peers": bench.results(),
        "not_run": not_run,
        "note": args.note,
    }


def main() -> None:
    """Measure, print the tables and write them; or draw what was measured."""
    parser = arguments(__doc__, "--yunet")
    parser.add_argument("--envs", type=Path, default=REPOSITORY / "out" / "peers")
    parser.add_argument("--frames", type=int, default=90, help="of each scene")
    parser.add_argument("--cold", type=int, default=3, help="fresh processes of each peer")
    parser.add_argument("--note", default="", help="a sentence on the machine, for the results")
    parser.add_argument("--out", type=Path, help="write OUT.json and OUT.md")
    parser.add_argument("--draw", type=Path, nargs=2, metavar=("JSON", "PICTURE"),
                        help="measure nothing: draw results, print a short table")  # fmt: skip
    args = parser.parse_args()
    if args.draw:
        data = json.loads(args.draw[0].read_text(encoding="utf-8"))
        draw(data, args.draw[1])
        print(short_table(data), end="")
        return
    data = measure(args)
    print(text := markdown(data))
    if args.out:
        write_both(args.out, text, data)


if __name__ == "__main__":
    run(main)
