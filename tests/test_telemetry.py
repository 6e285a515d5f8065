"""Nothing leaves the machine: no command opens a socket, writes into HOME or stays behind.

The commands run with an empty HOME, under a filter of the kernel (offline.py).
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from needs import missing
from offline import CANNOT
from test_readme import make_small_fer2013
from videos import face_picture, write_video

import livefer

PICTURE = Path(livefer.__file__).parent / "assets" / "astronaut.jpg"
FILTER = Path(__file__).with_name("offline.py")
LIVEFER = (sys.executable, "-m", "livefer")
KILLED = -signal.SIGSYS if hasattr(signal, "SIGSYS") else None

# What a user's shell may have set, or this process: the commands are to do without.
SETTINGS = ("LIVEFER_CACHE", "ORT_DISABLE_TELEMETRY", "RAY_USAGE_STATS_ENABLED", "MPLCONFIGDIR",
            "DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER")  # fmt: skip
# A process that opens a socket as a native library does, past everything that Python can watch.
NATIVE = "import ctypes; ctypes.CDLL(None).socket({}, {}, 0)"
LOADED = """
import sys
from livefer import Recognizer
assert len(Recognizer()(sys.argv[1])) == 1
sys.stdin.read()
"""


@dataclass(frozen=True)
class Ended:
    """How a command ended, what it left running, and the files that it left in HOME."""

    code: int
    left: list[str]
    files: list[str]
    output: str


@dataclass
class Offline:
    """A folder to work in, and an empty HOME."""

    folder: Path

    @contextmanager
    def started(
        self, *command: str | Path, serves: bool = False, **settings: str
    ) -> Iterator[subprocess.Popen[str]]:
        (self.folder / "home").mkdir()
        environment = {
            key: value
            for key, value in os.environ.items()
            if key not in SETTINGS and not key.startswith("XDG_")
        }
        environment |= {"HOME": str(self.folder / "home"), **settings}
        given = [self.folder / "report.json", *(["--serves"] if serves else []), *command]
        with subprocess.Popen(
            [sys.executable, str(FILTER), *map(str, given)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            cwd=self.folder, env=environment, start_new_session=True,
        ) as process:  # fmt: skip
            try:
                yield process
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)

    def end(self, process: subprocess.Popen[str]) -> Ended:
        """Close the command's input, wait for its end and say how it was."""
        output, _ = process.communicate(timeout=300)
        if process.returncode == CANNOT:
            missing(output.strip())
        assert process.returncode == 0, output
        report = json.loads((self.folder / "report.json").read_text(encoding="utf-8"))
        home = self.folder / "home"
        files = sorted(str(file.relative_to(home)) for file in home.rglob("*") if file.is_file())
        return Ended(report["code"], report["left"], files, output)

    def run(self, *command: str | Path, serves: bool = False, **settings: str) -> Ended:
        with self.started(*command, serves=serves, **settings) as process:
            return self.end(process)


@pytest.fixture
def offline(tmp_path: Path) -> Callable[[str], Offline]:
    """Return a folder of that name, to work in without a network."""
    if sys.platform != "linux":
        pytest.skip("the filter is one of Linux")

    def make(name: str) -> Offline:
        (tmp_path / name).mkdir()
        return Offline(tmp_path / name)

    return make


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pictures, a video, the table of it, and a small data set."""
    folder = tmp_path_factory.mktemp("inputs")
    for name in ("a.jpg", "b.jpg"):
        (folder / name).write_bytes(PICTURE.read_bytes())
    clip = write_video(folder / "clip.mp4", [face_picture()] * 6)
    table = folder / "clip.csv"
    subprocess.run(
        [*LIVEFER, "video", str(clip), "--csv", str(table)], check=True, capture_output=True
    )
    make_small_fer2013(folder / "fer2013")
    return folder


COMMANDS = {
    "image": ["image", "a.jpg", "b.jpg", "--out", "out", "--cam"],
    "demo": ["demo"],
    "explain": ["explain", "a.jpg", "-o", "out.png"],
    "video": ["video", "clip.mp4", "--csv", "o.csv", "--parquet", "o.parquet", "--out", "o.mp4",
              "--plot", "o.png", "--report", "o.html"],
    "analyze": ["analyze", "a.jpg", "b.jpg", "clip.mp4", "-o", "o.csv", "--workers", "2"],
    "webcam": ["webcam", "--source", "clip.mp4", "--record", "o.mp4"],
    "summarize": ["summarize", "clip.csv", "--plot", "o.pdf", "--report", "o.html"],
    "bench": ["bench", "--seconds", "0.2"],
    "doctor": ["doctor"],
    "data": ["data", "fer2013"],
    "evaluate": ["evaluate", "--data", "fer2013", "--plots", "plots"],
}  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_reaches_no_network_and_leaves_nothing_behind(
    name: str, offline: Callable[[str], Offline], inputs: Path
) -> None:
    given = [str(inputs / word) if (inputs / word).exists() else word for word in COMMANDS[name]]
    ended = offline("work").run(*LIVEFER, *given)
    assert ended.code == 0, ended.output
    assert ended.left == []
    assert [file for file in ended.files if not file.startswith(".cache/livefer/")] == []


def test_the_server_listens_and_connects_to_nobody(offline: Callable[[str], Offline]) -> None:
    work = offline("work")
    with work.started(*LIVEFER, "serve", "--port", "0", serves=True) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("livefer is at "):
                break
        else:
            work.end(process)
        url = lines[-1].split()[3]
        request = urllib.request.Request(
            f"{url}v1/faces", PICTURE.read_bytes(), {"Content-Type": "image/jpeg"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert len(json.load(answer)["faces"]) == 1
        os.killpg(process.pid, signal.SIGINT)
        ended = work.end(process)
    assert (ended.code, ended.left, ended.files) == (0, [], []), ended.output


def test_a_users_own_setting_is_kept_and_without_ours_onnx_runtime_reports(
    offline: Callable[[str], Offline],
) -> None:
    """The same process lives as long with our setting as it takes to be killed without it."""
    ours, theirs = offline("ours"), offline("theirs")
    command = [sys.executable, "-c", LOADED, PICTURE]
    with ours.started(*command) as quiet:
        with theirs.started(*command, ORT_DISABLE_TELEMETRY="0") as loud:
            if has_uploader():
                loud.wait(120)  # its standard input is open: it ends only when it is killed
            ended = theirs.end(loud)
            if has_uploader():
                assert ended.code == KILLED
                assert any("onnxruntime" in file for file in ended.files)
        ended = ours.end(quiet)
    assert (ended.code, ended.left, ended.files) == (0, [], []), ended.output


def has_uploader() -> bool:
    """Say whether the ONNX Runtime that is installed can upload anything."""
    found = importlib.util.find_spec("onnxruntime")
    assert found is not None
    assert found.origin is not None
    libraries = [*Path(found.origin).parent.glob("capi/onnxruntime_pybind11_state*")]
    assert libraries
    return any(b"ORT_DISABLE_TELEMETRY" in library.read_bytes() for library in libraries)


@pytest.mark.parametrize(
    ("serves", "family", "kind", "is_killed"),
    [
        (False, "AF_INET", "SOCK_STREAM", True),
        (False, "AF_INET6", "SOCK_DGRAM", True),
        (False, "AF_NETLINK", "SOCK_RAW", True),
        (False, "AF_UNIX", "SOCK_STREAM", False),
        (True, "AF_INET", "SOCK_STREAM", False),
        (True, "AF_INET", "SOCK_DGRAM", True),
    ],
)
def test_the_filter_catches_what_native_code_opens(
    serves: bool, family: str, kind: str, is_killed: bool, offline: Callable[[str], Offline]
) -> None:
    import socket

    code = NATIVE.format(int(getattr(socket, family)), int(getattr(socket, kind)))
    ended = offline("work").run(sys.executable, "-c", code, serves=serves)
    assert ended.code == (KILLED if is_killed else 0), ended.output


def test_the_filter_catches_a_child_and_a_server_that_connects(
    offline: Callable[[str], Offline],
) -> None:
    child = f"import subprocess, sys; print(subprocess.call([sys.executable, '-c', {NATIVE!r}]))"
    ended = offline("child").run(sys.executable, "-c", child.format(2, 1))
    assert ended.output == f"{KILLED}\n"
    connects = "import socket; socket.socket().connect(('127.0.0.1', 9))"
    assert offline("server").run(sys.executable, "-c", connects, serves=True).code == KILLED


def test_a_process_that_stays_is_seen(
    offline: Callable[[str], Offline], monkeypatch: pytest.MonkeyPatch
) -> None:
    import offline as module

    monkeypatch.setattr(module, "_WAIT_S", 0.2)
    sleeping = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        assert sleeping.pid in module.children()
    finally:
        sleeping.kill()
        sleeping.wait()
