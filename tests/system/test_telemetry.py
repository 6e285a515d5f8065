"""Nothing leaves the machine: commands open no socket and leave neither files nor processes.

The commands run with an empty HOME under a filter of the kernel (no_network.py).
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import no_network
import pytest
from builders import write_folders
from needs import missing
from videos import face_picture, write_video

import livefer
from livefer.labels import CLASSES

pytestmark = pytest.mark.slow

PICTURE = Path(livefer.__file__).parent / "assets" / "astronaut.jpg"
CONFIG = Path(__file__).parents[2] / "configs" / "smoke.yaml"
LIVEFER = (sys.executable, "-m", "livefer")
KILLED = -getattr(signal, "SIGSYS", 0)
# Variables of a user's shell, or of this process, that would change the result: where those of a
# build server are set, ONNX Runtime sends nothing, and there would be nothing to hold.
VARIABLES = ("LIVEFER_CACHE", "ORT_DISABLE_TELEMETRY", "RAY_USAGE_STATS_ENABLED", "MPLCONFIGDIR",
             "DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER",
             "CI", "TF_BUILD", "GITHUB_ACTIONS", "GITLAB_CI", "JENKINS_URL", "TRAVIS", "CIRCLECI",
             "BUILDKITE", "TEAMCITY_VERSION", "APPVEYOR", "CODEBUILD_BUILD_ID",
             "BITBUCKET_BUILD_NUMBER", "SYSTEM_TEAMFOUNDATIONCOLLECTIONURI")  # fmt: skip
# A socket opened as native libraries open it, where no hook of Python sees it.
NATIVE = "import ctypes; ctypes.CDLL(None).socket({}, {}, 0)"
RECOGNISE_AND_WAIT = """
import sys
from livefer import Recognizer
assert len(Recognizer()(sys.argv[1])) == 1
sys.stdin.read()
"""


@dataclass(frozen=True)
class Ended:
    """The end of a command.

    left: command lines of the processes it left running
    in_home: files and folders in HOME, without livefer's cache
    """

    code: int
    left: list[str]
    in_home: list[str]
    output: str


@dataclass(frozen=True)
class Offline:
    """A working folder and an empty HOME, without a network."""

    folder: Path

    @contextmanager
    def start(
        self, *command: str | Path, serves: bool = False, **variables: str
    ) -> Iterator[subprocess.Popen[str]]:
        """Start a command; it is killed at the end of the block unless it has ended."""
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in VARIABLES and not name.startswith("XDG_")
        }
        more = ["--serves"] if serves else []
        with subprocess.Popen(
            [sys.executable, no_network.__file__, "report.json", *more, *map(str, command)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            cwd=self.folder, env={**environment, "HOME": str(home), **variables},
            start_new_session=True,
        ) as process:  # fmt: skip
            try:
                yield process
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)

    def finish(self, process: subprocess.Popen[str]) -> Ended:
        """Close the command's input and wait for its end."""
        output, _ = process.communicate(timeout=600)
        if process.returncode == no_network.CANNOT:
            missing(output.strip())
        assert process.returncode == 0, output
        report = json.loads((self.folder / "report.json").read_text(encoding="utf-8"))
        home = self.folder / "home"
        cache = home / ".cache" / "livefer"
        in_home = sorted(
            str(path.relative_to(home))
            for path in home.rglob("*")
            if path != cache.parent and cache not in (path, *path.parents)
        )
        return Ended(report["code"], report["left"], in_home, output)

    def run(self, *command: str | Path, serves: bool = False) -> Ended:
        """Run a command with an empty input."""
        with self.start(*command, serves=serves) as process:
            return self.finish(process)

    def livefer(self, *words: str | Path) -> None:
        """Run livefer's command; assert that it succeeds and leaves nothing behind."""
        ended = self.run(*LIVEFER, *words)
        assert (ended.code, ended.left, ended.in_home) == (0, [], []), ended.output


@pytest.fixture
def offline(tmp_path: Path) -> Callable[[str], Offline]:
    """Return a function that makes a folder to work in without a network."""
    if sys.platform != "linux":
        pytest.skip("only Linux has this filter")

    def make(name: str) -> Offline:
        (tmp_path / name).mkdir()
        return Offline(tmp_path / name)

    return make


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of pictures, a video with its table, and a small data set."""
    folder = tmp_path_factory.mktemp("inputs")
    for name in ("a.jpg", "b.jpg"):
        (folder / name).write_bytes(PICTURE.read_bytes())
    clip = write_video(folder / "clip.mp4", [face_picture()] * 6)
    words = ["video", str(clip), "--csv", str(folder / "clip.csv")]
    subprocess.run([*LIVEFER, *words], check=True, capture_output=True)
    counts = {f"{split}/{name}": 3 for split in ("train", "val") for name in CLASSES}
    write_folders(folder / "faces", counts)
    return folder


COMMANDS = {
    "image": ["image", "a.jpg", "b.jpg", "--out", "out", "--cam"],
    "demo": ["demo"],
    "explain": ["explain", "a.jpg", "-o", "out.png"],
    "video": ["video", "clip.mp4", "--csv", "o.csv", "--parquet", "o.parquet", "--out", "o.mp4",
              "--plot", "o.png", "--report", "o.html"],
    "analyze": ["analyze", "a.jpg", "b.jpg", "clip.mp4", "-o", "o.csv", "--workers", "2"],
    "webcam": ["webcam", "--source", "clip.mp4", "--record", "o.mp4"],
    "watch": ["watch", "clip.mp4", "--csv", "o.csv"],
    "summarize": ["summarize", "clip.csv", "--plot", "o.pdf", "--report", "o.html"],
    "bench": ["bench", "--seconds", "0.2"],
    "doctor": ["doctor"],
    "data": ["data", "faces", "--plot", "o.png"],
    "evaluate": ["evaluate", "--data", "faces", "--plots", "plots"],
}  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_stay_offline_and_leave_nothing_behind(
    name: str, offline: Callable[[str], Offline], inputs: Path
) -> None:
    words = [inputs / word if (inputs / word).exists() else word for word in COMMANDS[name]]
    offline("work").livefer(*words)


def test_training_and_export_stay_offline(offline: Callable[[str], Offline], inputs: Path) -> None:
    pytest.importorskip("torch", reason="training needs the train extra")
    work, data = offline("work"), inputs / "faces"
    work.livefer("train", "--config", CONFIG, f"data={data}", "epochs=1")
    work.livefer("export", "runs/smoke/best.safetensors", "-o", "m.onnx", "--data", data)


def test_the_server_listens_and_connects_to_nothing(offline: Callable[[str], Offline]) -> None:
    work = offline("work")
    with work.start(*LIVEFER, "serve", "--port", "0", serves=True) as process:
        assert process.stdout is not None
        url = next((line.split()[3] for line in process.stdout if "livefer is at" in line), None)
        if url is None:
            pytest.fail(work.finish(process).output)
        request = urllib.request.Request(
            f"{url}v1/faces", PICTURE.read_bytes(), {"Content-Type": "image/jpeg"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert len(json.load(answer)["faces"]) == 1
        os.killpg(process.pid, signal.SIGINT)
        ended = work.finish(process)
    assert (ended.code, ended.left, ended.in_home) == (0, [], []), ended.output


def test_a_long_process_stays_offline_unless_the_user_says_otherwise(
    offline: Callable[[str], Offline],
) -> None:
    """ONNX Runtime's uploader, left on, dies of the filter; the process without it lives on."""
    default, allowed = offline("default"), offline("allowed")
    command = (sys.executable, "-c", RECOGNISE_AND_WAIT, PICTURE)
    with default.start(*command) as quiet:
        with allowed.start(*command, ORT_DISABLE_TELEMETRY="0") as uploading:
            if has_uploader():
                uploading.wait(120)  # its input stays open: only the filter ends it
            ended = allowed.finish(uploading)
        assert quiet.poll() is None
        assert (ended.code == KILLED) is has_uploader(), ended.output
        assert any("onnxruntime" in path for path in ended.in_home) is has_uploader()
        ended = default.finish(quiet)
    assert (ended.code, ended.left, ended.in_home) == (0, [], []), ended.output


def has_uploader() -> bool:
    """Whether the installed ONNX Runtime was built with one: before 1.29 none was."""
    found = importlib.util.find_spec("onnxruntime")
    assert found is not None
    assert found.origin is not None
    libraries = [*Path(found.origin).parent.glob("capi/onnxruntime_pybind11_state*")]
    assert libraries
    return any(b"ORT_DISABLE_TELEMETRY" in library.read_bytes() for library in libraries)


@pytest.mark.parametrize(
    ("family", "kind", "serves", "is_killed"),
    [
        ("AF_INET", "SOCK_STREAM", False, True),
        ("AF_INET6", "SOCK_DGRAM", False, True),
        ("AF_NETLINK", "SOCK_RAW", False, True),
        ("AF_UNIX", "SOCK_STREAM", False, False),
        ("AF_INET", "SOCK_STREAM", True, False),
        ("AF_INET", "SOCK_DGRAM", True, True),
    ],
)
def test_the_filter_catches_sockets_of_native_code(
    family: str, kind: str, serves: bool, is_killed: bool, offline: Callable[[str], Offline]
) -> None:
    code = NATIVE.format(int(getattr(socket, family)), int(getattr(socket, kind)))
    ended = offline("work").run(sys.executable, "-c", code, serves=serves)
    assert ended.code == (KILLED if is_killed else 0), ended.output


def test_the_filter_holds_for_children_and_for_a_server_that_connects(
    offline: Callable[[str], Offline],
) -> None:
    child = NATIVE.format(int(socket.AF_INET), int(socket.SOCK_STREAM))
    parent = f"import subprocess, sys; print(subprocess.call([sys.executable, '-c', {child!r}]))"
    assert offline("parent").run(sys.executable, "-c", parent).output == f"{KILLED}\n"
    connects = "import socket; socket.socket().connect(('127.0.0.1', 9))"
    assert offline("server").run(sys.executable, "-c", connects, serves=True).code == KILLED


def test_files_in_home_and_processes_that_stay_are_seen(offline: Callable[[str], Offline]) -> None:
    work = offline("work")
    writes = "from pathlib import Path; Path.home().joinpath('a').mkdir()"
    assert work.run(sys.executable, "-c", writes).in_home == ["a"]
    stays = (
        "import subprocess, sys, no_network\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(len(no_network.left_running(0.1)), no_network.left_running(9))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", stays], cwd=Path(no_network.__file__).parent,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.stdout == "1 []\n", ended.stderr
