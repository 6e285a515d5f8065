"""The comparison with others: turns, figures, tables, and peers that answer, fail or are absent."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import cv2
import live
import numpy as np
import pytest
from live import Bench, in_turn, summary, write_frames
from peers import entrants
from peers.child import Child, PeerError, disk_mib
from peers.entrants import Peer
from peers.report import markdown, number, short_table

from livefer.errors import ConfigError
from livefer.media.pictures import read_image
from livefer.speed.benchmark import shipped_portrait
from livefer.speed.made_frames import Scene

pytestmark = pytest.mark.slow

PEERS = Path(live.__file__).parent / "peers"
ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "src" / "livefer" / "assets" / "astronaut.jpg"
FAKE = f"""
import sys
sys.path.insert(0, {str(PEERS)!r})
from speak import speak, take_output
write = take_output()
print("a library that prints")
streams = []
def start():
    streams.append(1)
    def look(frame, number, time_s):
        if sys.argv[1] == "fails" and number == 3:
            raise RuntimeError("no more")
        return [[0, 0, len(streams), int(frame.mean()), "happy"]] * (number % 2)
    return look
write({{"import_s": 0.1, "load_s": 0.2, "versions": {{"fake": "1"}}}})
speak(write, start)
"""


@pytest.fixture
def envs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one environment, `fake`, whose Python is the one that runs the tests."""
    if not sys.platform.startswith("linux"):
        pytest.skip("reads /proc, as the measurement does")
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "fake.py").write_text(FAKE, encoding="utf-8")
    monkeypatch.setattr(entrants, "FOLDER", tmp_path / "scripts")
    python = tmp_path / "fake" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    packages = tmp_path / "fake" / "lib" / "python3.12" / "site-packages"
    for name in ("fake", "pip"):
        (packages / name).mkdir(parents=True)
        (packages / name / "data").write_bytes(bytes(2**20))
    return tmp_path


def fake(name: str, variant: str = "works", env: str = "fake", every: int = 1) -> Peer:
    return Peer(name, env, "fake.py", (variant,), every, "a fake")


def frames(tmp_path: Path, n: int, size_wh: tuple[int, int] = (8, 4)) -> Path:
    """A file of raw frames; all pixels of the i-th are i."""
    file = tmp_path / "frames.raw"
    shape = (size_wh[1], size_wh[0], 3)
    file.write_bytes(b"".join(np.full(shape, i, np.uint8).tobytes() for i in range(n)))
    return file


def data() -> dict[str, Any]:
    def one(name: str, ms: float) -> dict[str, Any]:
        figures = {"n_frames": 60, "p50_ms": ms, "p95_ms": 2 * ms, "cpu_ms": ms, "faces": 1.0,
                   "label": "happy", "times_as_fast": 46.0 / ms}  # fmt: skip
        return {
            "name": name,
            "what": "what it does",
            "versions": {"package": "1.2"},
            "installed_mib": 7581,
            "cold": {"n": 3, "import_s": 0.1, "load_s": 0.2, "result_s": 0.3, "peak_mib": 99},
            "scenes": dict.fromkeys(live.SCENES, figures),
        }

    return {
        "machine": {"processor": "A processor", "n_cores": 2, "system": "Linux", "load": 0.1},
        "n_frames": 75,
        "n_warm": 15,
        "n_cold": 3,
        "peers": [one("fer", 46.0), one("livefer, Haar, live", 2.3)],
        "not_run": {"another": "could not be installed"},
        "note": "All was still.",
    }


def test_every_peer_begins_a_round_in_turn() -> None:
    assert [in_turn(i, "abc") for i in range(4)] == [["a", "b", "c"], ["b", "c", "a"],
                                                     ["c", "a", "b"], ["a", "b", "c"]]  # fmt: skip
    assert in_turn(3, []) == []


def test_the_figures_of_a_peer() -> None:
    face, other = [0, 0, 1, 1, "happy"], [0, 0, 1, 1, "sad"]
    found = [([face], 2.0), ([face, other], 4.0), ([], 9.0)]
    figures = summary({"ms": ms, "cpu_ms": 2 * ms, "faces": faces} for faces, ms in found)
    assert figures == {"n_frames": 3, "p50_ms": 4.0, "p95_ms": 8.5, "cpu_ms": 10.0, "faces": 1.0,
                       "label": "happy"}  # fmt: skip


def test_nobody_found_is_no_label() -> None:
    assert summary([{"ms": 1.0, "cpu_ms": 1.0, "faces": []}])["label"] is None


def test_a_peer_reads_the_frame_it_is_asked_for(tmp_path: Path, envs: Path) -> None:
    file = frames(tmp_path, 6)
    with Child(fake("a").command(envs)) as child:
        assert child.about["versions"] == {"fake": "1"}
        child.open(file, (8, 4))
        assert child.look(4, 30)["faces"] == []
        answer = child.look(5, 30)
        assert answer["faces"] == [[0, 0, 2, 5, "happy"]]
        assert answer["ms"] > 0
        child.open(file, (8, 4))
        assert child.look(1, 30)["faces"] == [[0, 0, 3, 1, "happy"]], "not a new stream"
        assert child.peak_mib() > 1


def test_a_peer_that_fails_says_why(tmp_path: Path, envs: Path) -> None:
    with Child(fake("a", "fails").command(envs)) as child:
        child.open(frames(tmp_path, 4), (8, 4))
        with pytest.raises(PeerError, match="RuntimeError: no more"):
            child.look(3, 30)


def test_a_bench_goes_on_without_those_that_fail(
    tmp_path: Path, envs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "SCENES", {"small": ((8, 4), 1)})
    monkeypatch.setattr(live, "N_WARM", 2)
    monkeypatch.setattr(live, "N_FOR_PEAK", 2)
    chosen = [fake("fer"), fake("rare", every=4), fake("bad", "fails"), fake("absent", env="none")]
    bench = Bench(chosen, envs)
    file = frames(tmp_path, 8)
    for _ in range(2):
        bench.start_cold(file, (8, 4))
    bench.run_scenes({"small": file}, 8)
    assert bench.not_run == {
        "bad": "RuntimeError: no more",
        "absent": "not installed: python bench/peers/install.py none",
    }
    every, rare = bench.results()
    assert (every["name"], rare["name"]) == ("fer", "rare")
    assert every["scenes"]["small"]["n_frames"] == 6
    assert every["scenes"]["small"]["faces"] == 0.5
    assert every["scenes"]["small"]["times_as_fast"] == 1
    assert rare["scenes"]["small"]["n_frames"] == 1
    assert every["cold"]["n"] == 2
    assert every["installed_mib"] == 1, "pip counts"


def test_livefer_answers_as_a_peer(tmp_path: Path, envs: Path) -> None:
    image = cv2.resize(read_image(PICTURE), (256, 256), interpolation=cv2.INTER_AREA)
    (tmp_path / "frames.raw").write_bytes(image.tobytes() * 2)
    command = [envs / "fake" / "bin" / "python", PEERS / "livefer_peer.py", "haar", "live"]
    with Child(command) as child:
        child.open(tmp_path / "frames.raw", (256, 256))
        for frame in range(2):
            (face,) = child.look(frame, 30)["faces"]
            assert face[4] == "happy"
            assert 80 < (face[0] + face[2]) / 2 < 140


def test_frames_are_written_one_after_the_other(tmp_path: Path) -> None:
    scene = Scene(shipped_portrait(), (64, 48), 1)
    write_frames(scene, 3, tmp_path / "a.raw")
    pixels = np.fromfile(tmp_path / "a.raw", np.uint8).reshape(3, 48, 64, 3)
    assert np.array_equal(pixels[2], scene.frame(2).image)


def test_links_count_once_and_names_can_be_left_out(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "data").write_bytes(bytes(2**20))
    (tmp_path / "a" / "again").hardlink_to(tmp_path / "a" / "data")
    (tmp_path / "pip").mkdir()
    (tmp_path / "pip" / "data").write_bytes(bytes(2**20))
    assert disk_mib(tmp_path) == pytest.approx(2, abs=0.1)
    assert disk_mib(tmp_path, ("pip",)) == pytest.approx(1, abs=0.1)


def test_the_tables_have_every_peer_and_what_did_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["bench/live.py"])
    text = markdown(data())
    assert "| livefer, Haar, live | 2.30 (4.60) | 20.0 | 2.30 | 1.0 |" in text
    assert "| fer | 0.10 | 0.20 | 0.30 | 99 | 7,581 |" in text
    assert "- **another**: could not be installed" in text
    assert "load before the start 0.1. All was still. 75 frames" in text
    for line in text.splitlines():
        if line.startswith("| fer"):
            assert line.count("|") in (14, 7)


def test_numbers_have_the_digits_they_deserve() -> None:
    assert [number(v) for v in (2.414, 46.34, 385.4)] == ["2.41", "46.3", "385"]


def test_the_picture_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    (tmp_path / "live.json").write_text(json.dumps(data()), encoding="utf-8")
    picture = tmp_path / "peers.png"
    monkeypatch.setattr(
        sys, "argv", ["live.py", "--draw", str(tmp_path / "live.json"), str(picture)]
    )
    live.main()
    assert read_image(picture).shape[1] > 1000
    lines = capsys.readouterr().out.splitlines()
    assert lines[2] == "| livefer, Haar, live | 2.30 | 2.30 | 2.30 | 0.30 | 99 | 7,581 |"
    assert len(lines) == 4


def test_the_page_about_speed_has_what_was_measured() -> None:
    measured = json.loads((ROOT / "bench/results/live.json").read_text(encoding="utf-8"))
    assert short_table(measured) in (ROOT / "docs/speed.md").read_text(encoding="utf-8")


def test_too_few_frames_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["live.py", "--frames", "15"])
    with pytest.raises(ConfigError, match="--frames must be more than 20"):
        live.main()
