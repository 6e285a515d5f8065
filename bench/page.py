"""The page without a server in a browser: speed, latency, memory, bytes, and its peers.

    npm pack @vladmandic/human @vladmandic/face-api @tensorflow/tfjs-backend-wasm@4.22.0
    python bench/page.py --peers FOLDER_OF_THE_ARCHIVES --data data/fer2013 --out bench/results/page
    python bench/page.py --minutes 20 --out bench/results/page_memory

Chromium plays a made film as its camera, 640×480 at 30 frames a second, with heads that sway. What
`livefer page` writes is served as `python -m http.server` does, and so are pages for the peers:
their packages, their models, their documented calls (bench/peers/pages). A browser of its own each
time. Latency is from the camera's frame, by the browser's own clock, until the picture with its
result has been painted. Processor time is that of all threads of the browser. Needs
`livefer download browser-runtime`.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
from lib.browsing import (
    PATIENCE_S,
    BrowserError,
    Place,
    chromium,
    host,
    middle,
    renderer_mib,
    threads_s,
    unpack,
    until,
    write_camera,
)
from lib.common import arguments, heading, load_line, machine_line, run, write_both

from livefer.classifier import EmotionClassifier
from livefer.data.dataset import read_dataset
from livefer.system.machine import describe
from livefer.web.site import write_site

SIZE_WH = (640, 480)
FACES = (1, 4)
WARM_S = 2.0
_MOST_AGAIN_MB = 0.5  # of a page that the browser has kept
SIDE_PX, CANVAS_PX, GRAY = 160, 320, 128  # of a val face, and of the canvas that it is pasted on
PAGES = Path(__file__).parent / "peers" / "pages"
PACKAGES = {
    "human": "vladmandic-human",
    "face-api": "vladmandic-face-api",
    "wasm": "tensorflow-tfjs-backend-wasm",
}
NO_GPU = ("--disable-gpu",)
SOFTWARE_GL = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist")


@dataclass(frozen=True)
class Entrant:
    """One page.

    address: of it, below the host's; what: in words
    """

    name: str
    address: str
    what: str

    @property
    def is_slow(self) -> bool:
        """Whether it is measured once only, with one face."""
        return "webgl" in self.address or "ssd" in self.address

    def flags(self) -> tuple[str, ...]:
        """Return the browser's: there is no GPU, so that WebGL is computed on the processor."""
        return SOFTWARE_GL if "webgl" in self.address else NO_GPU


OURS = Entrant("livefer", "livefer/", "`livefer page`; in a worker; WASM")


def peer(name: str, module: str, backend: str, variant: str, what: str) -> Entrant:
    """Return a page of peers/pages."""
    address = f"pages/peer.html?peer={module}&backend={backend}&variant={variant}"
    return Entrant(name, address, what)


PEERS = (
    peer("Human, cached", "human", "wasm", "cached", "as it comes: mesh on every frame; WASM"),
    peer("Human, cached, WebGL", "human", "webgl", "cached", "the same; WebGL in software"),
    peer("Human, every frame", "human", "wasm", "each", "detector and emotion each time; WASM"),
    peer("face-api, tiny", "face_api", "wasm", "tiny", "Tiny Face Detector; WASM"),
    peer("face-api, tiny, WebGL", "face_api", "webgl", "tiny", "the same; WebGL in software"),
    peer("face-api, SSD", "face_api", "wasm", "ssd", "SSD MobileNet v1; WASM"),
)
# Of single pictures. Human's memory of the picture before would answer for the next one.
READERS = (
    peer("livefer, human", "livefer", "wasm", "human", "the model human"),
    peer("livefer, fer2013", "livefer", "wasm", "fer2013", "the model fer2013"),
    peer("Human", "human", "wasm", "still", "with the mesh"),
    *(one for one in PEERS if "face_api&backend=wasm" in one.address),
)


@contextmanager
def place(archives: Path | None) -> Iterator[Place]:
    """Write all pages and serve them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_site(folder / "livefer", [EmotionClassifier("human"), EmotionClassifier("fer2013")])
        shutil.copytree(PAGES, folder / "pages")
        if archives:
            unpack(archives, PACKAGES, folder)
            for wasm in (folder / "wasm" / "dist").glob("*.wasm"):
                wasm.rename(folder / "wasm" / wasm.name)
        with host(folder) as (url, asked):
            yield Place(url, folder, asked)


def versions(where: Place) -> str:
    """Return the versions of the peers' packages in words."""
    found = []
    for package in PACKAGES:
        file = where.folder / package / "package.json"
        if file.is_file():
            about = json.loads(file.read_text(encoding="utf-8"))
            found.append(f"{about['name']} {about['version']}")
    return ", ".join(found)


def new_page(browser: Any, where: Place) -> Any:
    """Return a page that may use the camera, and notes what is shown."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.grant_permissions(["camera"], origin=where.url.rstrip("/"))
    page = context.new_page()
    page.set_default_timeout(1000 * PATIENCE_S)
    page.add_init_script(path=PAGES / "watch.js")
    return page


def begin(page: Any, where: Place, entrant: Entrant) -> float:
    """Open a page, and return the milliseconds until its first result was on the screen."""
    page.goto(where.url + entrant.address + ("&camera" if "?" in entrant.address else ""))
    return float(until(page, "window.bench.shown.length && window.bench.shown[0][1]"))


def watch(page: Any, seconds: float) -> dict[str, float]:
    """Return what a page shows in so many seconds, and what that takes."""
    page.wait_for_timeout(1000 * WARM_S)
    start = "window.bench.shown.length = 0; [performance.now(), window.bench.seen]"
    (began_ms, first), before = page.evaluate(start), threads_s()
    page.wait_for_timeout(1000 * seconds)
    end = "[performance.now(), window.bench.seen, window.bench.shown.slice()]"
    (ended_ms, last, results), after = page.evaluate(end), threads_s()
    n, took_s = len(results), (ended_ms - began_ms) / 1000
    used = {key: value - before.get(key, 0.0) for key, value in after.items()}
    latencies = [drawn - captured for captured, drawn, _ in results if captured is not None]
    p50, p95 = np.percentile(latencies, [50, 95]) if latencies else (np.nan, np.nan)
    busiest = max(used, key=lambda key: used[key])
    return {
        "per_s": round(n / took_s, 1),
        "p50_ms": round(float(p50), 1),
        "p95_ms": round(float(p95), 1),
        "faces": round(float(np.mean([one[2] for one in results])), 2) if n else np.nan,
        "camera_fps": round((last - first) / took_s, 1),
        "cpu_ms": round(1000 * sum(used.values()) / n, 1) if n else np.nan,
        "busiest_ms": round(1000 * used[busiest] / n, 1) if n else np.nan,
        "cores": round(sum(used.values()) / took_s, 2),
        **renderer_mib(),
    }


def memory(where: Place, camera: Path, minutes: int) -> list[dict[str, float]]:
    """Return the memory of livefer's page after each minute; a last row without its recording."""
    with chromium(
        camera, [*NO_GPU, "--js-flags=--expose-gc", "--enable-precise-memory-info"]
    ) as browser:
        page = new_page(browser, where)
        begin(page, where, OURS)
        page.wait_for_timeout(1000 * WARM_S)
        worker = WorkerHeap(page)
        rows = [heaps(page, worker, 0)]
        began_s = time.monotonic()
        for minute in range(1, minutes + 1):
            page.wait_for_timeout(1000 * max(0.0, began_s + 60 * minute - time.monotonic()))
            rows.append(heaps(page, worker, minute))
            say(str(rows[-1]))
        page.click("#reset")  # forgets the recording
        rows.append(heaps(page, worker, minutes))
    return rows


class WorkerHeap:
    """The heap of a page's worker, by the debugging protocol: scripts cannot ask for it."""

    def __init__(self, page: Any) -> None:
        self._session = page.context.new_cdp_session(page)
        self._ids: list[str] = []
        self._answers: dict[int, Any] = {}
        self._page, self._number = page, 0
        self._session.on("Target.attachedToTarget", self._attached)
        self._session.on("Target.receivedMessageFromTarget", self._received)
        attach = {"autoAttach": True, "waitForDebuggerOnStart": False, "flatten": False}
        self._session.send("Target.setAutoAttach", attach)
        self._ask("Runtime.enable")

    def used_mib(self) -> float:
        """Return what is in use once garbage is gone."""
        self._ask("HeapProfiler.collectGarbage")
        return float(self._ask("Runtime.getHeapUsage")["usedSize"]) / 2**20

    def _attached(self, event: dict[str, Any]) -> None:
        if event["targetInfo"]["type"] == "worker":
            self._ids.append(event["sessionId"])

    def _received(self, event: dict[str, Any]) -> None:
        answer = json.loads(event["message"])
        if "id" in answer:
            self._answers[answer["id"]] = answer["result"]

    def _ask(self, method: str) -> Any:
        self._number += 1
        message = json.dumps({"id": self._number, "method": method})
        target = {"sessionId": self._ids[0], "message": message}
        self._session.send("Target.sendMessageToTarget", target)
        ends_s = time.monotonic() + PATIENCE_S
        while self._number not in self._answers:
            if time.monotonic() > ends_s:
                raise BrowserError(f"the worker did not answer {method}")
            self._page.wait_for_timeout(20)
        return self._answers.pop(self._number)


def heaps(page: Any, worker: WorkerHeap, minute: int) -> dict[str, float]:
    """Return the memory in use once garbage is gone, in MiB."""
    used = "(gc(), performance.memory.usedJSHeapSize / 2 ** 20)"
    return {
        "minute": minute,
        "results": page.evaluate("window.bench.shown.splice(0).length"),
        "page_mib": round(page.evaluate(used), 1),
        "worker_mib": round(worker.used_mib(), 1),
        **renderer_mib(),
    }


def memory_text(rows: list[dict[str, float]]) -> str:
    """Return the table of a memory run."""
    lines = [
        "One face before the camera. The page records every result for download, until it is told "
        "to forget: that is the last row. Heaps are without garbage. The renderer is the page's "
        "process; pictures on their way to the screen are shared with the browser, which has no "
        "GPU here.",
        "",
        "| after | results | page's heap, MiB | worker's heap | renderer's own | shared |",
        "| ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    names = [f"{row['minute']} min" for row in rows[:-1]] + ["recording deleted"]
    lines += [
        f"| {name} | {row['results']} | {row['page_mib']} | {row['worker_mib']} "
        f"| {row['own_mib']} | {row['shared_mib']} |"
        for name, row in zip(names, rows, strict=True)
    ]
    n = sum(row["results"] for row in rows[1:])
    grown_kb = 1024 * (rows[-2]["page_mib"] - rows[0]["page_mib"])
    lines += ["", f"{n:,} results; a recorded one takes {grown_kb / max(n, 1):.2f} KiB."]
    return "\n".join(lines) + "\n"


def visits(where: Place, camera: Path, n: int) -> dict[str, Any]:
    """Return the seconds to the first result on the screen, for first and second visits."""
    first_s, second_s = [], []
    for _ in range(n):
        with chromium(camera, OURS.flags()) as browser:
            page = new_page(browser, where)
            first_s.append(begin(page, where, OURS) / 1000)
            until(page, "navigator.serviceWorker.controller !== null")  # the page is kept
            asked = len(where.asked)
            second_s.append(begin(page, where, OURS) / 1000)
            if where.loaded(asked)["mb"] > _MOST_AGAIN_MB:
                raise BrowserError("the second visit loaded the page again")
    return {"n": n, "first_s": round(median(first_s), 2), "second_s": round(median(second_s), 2)}


def speeds(
    where: Place, cameras: dict[int, Path], entrants: Sequence[Entrant], runs: int, seconds: float
) -> dict[str, dict[int, dict[str, float | None]]]:
    """Return the figures of each entrant for each number of faces; entrants take turns."""
    found: dict[str, dict[int, list[dict[str, float]]]] = {}
    for i in range(runs):
        for entrant in entrants:
            for n_faces in FACES:
                if entrant.is_slow and (i or n_faces > 1):
                    continue
                rows = found.setdefault(entrant.name, {}).setdefault(n_faces, [])
                rows.append(measure(where, cameras[n_faces], entrant, seconds))
                say(f"{entrant.name}, {n_faces}: {rows[-1]}")
    return {
        name: {n: {key: middle(rows, key) for key in rows[0]} for n, rows in by_faces.items()}
        for name, by_faces in found.items()
    }


def shown(value: float | None, digits: int = 0) -> str:
    """Return a figure as text."""
    return "–" if value is None else f"{value:.{digits}f}"


def measure(where: Place, camera: Path, entrant: Entrant, seconds: float) -> dict[str, float]:
    """Return what one page does with one camera."""
    asked = len(where.asked)
    with chromium(camera, entrant.flags()) as browser:
        page = new_page(browser, where)
        first_s = begin(page, where, entrant) / 1000
        return {"first_s": first_s, **where.loaded(asked), **watch(page, seconds)}


def write_faces(data: Path, n: int, seed: int, folder: Path) -> list[str]:
    """Write pictures of n val faces, 0.png and so on, and return their classes."""
    dataset = read_dataset(data)
    split = dataset.split("val")
    chosen = np.random.default_rng(seed).permutation(len(split))[:n]
    folder.mkdir()
    edge = (CANVAS_PX - SIDE_PX) // 2
    for k, i in enumerate(chosen):
        image = np.full((CANVAS_PX, CANVAS_PX), GRAY, np.uint8)
        face = cv2.resize(split.faces[i], (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_CUBIC)
        image[edge : edge + SIDE_PX, edge : edge + SIDE_PX] = face
        cv2.imwrite(str(folder / f"{k}.png"), image)
    return [dataset.classes[split.targets[i]] for i in chosen]


def read_pictures(where: Place, entrant: Entrant, classes: Sequence[str]) -> dict[str, Any]:
    """Return how many faces an entrant finds, and on how many it says the class of the data set."""
    with chromium(None, entrant.flags()) as browser:
        page = new_page(browser, where)
        page.goto(where.url + entrant.address)
        until(page, "window.isLoaded")
        answers = [page.evaluate(f"lookAt('../faces/{i}.png')") for i in range(len(classes))]
    right = [label == answer[0] for label, answer in zip(classes, answers, strict=True) if answer]
    labels = [answer[0] if answer else None for answer in answers]
    found = {"found": len(right), "right": sum(right), "of": len(classes), "labels": labels}
    say(f"{entrant.name}: {found}")
    return found


def say(text: str) -> None:
    """Tell the progress."""
    print(text, file=sys.stderr, flush=True)


def text_of(figures: dict[str, Any], entrants: Sequence[Entrant]) -> str:
    """Return the tables."""
    seen = figures["visits"]
    lines = [
        f"First visit: the first result is on the screen after {seen['first_s']:.1f} s, from the "
        f"disk of the same machine; second visit: after {seen['second_s']:.1f} s (the middle of "
        f"{seen['n']} visits).",
        "",
        "| page | faces | results a second | latency p50, p95, ms | faces found | processor ms a "
        "result: all, busiest thread | renderer's memory, MiB |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, by_faces in figures["speeds"].items():
        lines += [
            f"| {name} | {n} | {shown(row['per_s'], 1)} | {shown(row['p50_ms'])}, "
            f"{shown(row['p95_ms'])} | {shown(row['faces'], 1)} | {shown(row['cpu_ms'])}, "
            f"{shown(row['busiest_ms'])} | {shown(row['own_mib'])} |"
            for n, row in by_faces.items()
        ]
    lines += ["", "| page | what | loaded, MB | with gzip |", "| --- | --- | ---: | ---: |"]
    for entrant in entrants:
        row = figures["speeds"][entrant.name][1]
        lines.append(
            f"| {entrant.name} | {entrant.what} | {row['mb']:.1f} | {row['gzip_mb']:.1f} |"
        )
    if figures["pictures"]:
        lines += [
            "",
            f"Faces of FER2013's val, drawn with the seed {figures['seed']}: {SIDE_PX} px on gray "
            f"squares of {CANVAS_PX}. Right is the data set's class. face-api's fearful, disgusted "
            "and surprised are fear, disgust and surprise; all other names are the same.",
            "",
            "| page | found | right | of |",
            "| --- | ---: | ---: | ---: |",
        ]
        lines += [
            f"| {name} | {row['found']} | {row['right']} | {row['of']} |"
            for name, row in figures["pictures"].items()
        ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure the memory over minutes, or everything else."""
    parser = arguments(__doc__, "--data", "--seed")
    parser.add_argument("--peers", type=Path, help="folder of the peers' archives (npm pack)")
    parser.add_argument("--seconds", type=float, default=6.0, help="of each run")
    parser.add_argument("--runs", type=int, default=2, help="the middle counts")
    parser.add_argument("--visits", type=int, default=3)
    parser.add_argument("--images", type=int, default=50, help="val faces; 0: none")
    parser.add_argument("--minutes", type=int, help="measure the memory instead")
    parser.add_argument("--out", type=Path, help="write OUT.md and OUT.json")
    args = parser.parse_args()
    machine = describe().to_dict()
    figures: dict[str, Any] = {"machine": machine}
    with place(args.peers) as where, tempfile.TemporaryDirectory() as name:
        cameras = {n: write_camera(Path(name) / f"{n}.mjpeg", n, SIZE_WH) for n in FACES}
        if args.minutes is not None:
            figures["rows"] = memory(where, cameras[1], args.minutes)
            title, about = "The page in a browser over minutes", "one run"
            text = memory_text(figures["rows"])
        else:
            title = "The page without a server, in a browser"
            peers = PEERS if args.peers else ()
            about = f"{args.runs} runs of {args.seconds:g} s, WebGL and SSD one; {versions(where)}"
            if not peers:
                about = f"{args.runs} runs of {args.seconds:g} s; other libraries not measured"
            figures |= {
                "peers": versions(where),
                "seed": args.seed,
                "visits": visits(where, cameras[1], args.visits),
                "speeds": speeds(where, cameras, (OURS, *peers), args.runs, args.seconds),
                "pictures": {},
            }
            if args.images:
                classes = write_faces(args.data, args.images, args.seed, where.folder / "faces")
                for entrant in READERS if peers else READERS[:2]:
                    figures["pictures"][entrant.name] = read_pictures(where, entrant, classes)
            text = text_of(figures, (OURS, *peers))
    line = f"{machine_line(machine)}; {load_line(machine)}; Chromium, camera of 640×480; {about}."
    text = f"{heading(title)}\n{line}\n\n{text}"
    print(text)
    if args.out:
        write_both(args.out, text, figures)


if __name__ == "__main__":
    run(main)
