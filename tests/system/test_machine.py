"""The cores that this process may use: affinity, cpusets, and the quota of a container."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from livefer.assets.files import PICTURE
from livefer.system import machine
from livefer.system.machine import n_cores, thread_limit
from livefer.system.onnx_session import open_session

GROUP = "/kubepods/pod1/abc"


@pytest.fixture(autouse=True)
def _large_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(48)), raising=False)


def write(root: Path, **files: str) -> Path:
    """Write files below a root, whose names have "__" for "/" and "_dot_" for "."."""
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    return root


def group(root: Path, path: str, **files: str) -> Path:
    """Write files of a control group."""
    for name, text in files.items():
        file = root / "sys/fs/cgroup" / path.strip("/") / name.replace("_dot_", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n")
    return root


def test_without_groups_affinity_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert n_cores(tmp_path) == 48
    monkeypatch.delattr(os, "sched_getaffinity")
    assert n_cores(tmp_path) == 64
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert n_cores(tmp_path) == 1


@pytest.mark.parametrize(
    ("quota", "expected"),
    [("200000 100000", 2), ("150000 100000", 2), ("5000 100000", 1), ("max 100000", 48),
     ("9900000 100000", 48), ("damaged", 48), ("1 0 0", 48)],
)  # fmt: skip
def test_a_quota_of_version_2(tmp_path: Path, quota: str, expected: int) -> None:
    write(tmp_path, proc__self__cgroup=f"0::{GROUP}")
    group(tmp_path, GROUP, cpu_dot_max=quota)
    assert n_cores(tmp_path) == expected


@pytest.mark.parametrize("folder", ["/kubepods/pod1", "/kubepods", "/"])
def test_a_quota_of_a_group_above_counts(tmp_path: Path, folder: str) -> None:
    write(tmp_path, proc__self__cgroup=f"0::{GROUP}")
    group(tmp_path, GROUP, cpu_dot_max="max 100000")
    group(tmp_path, folder, cpu_dot_max="300000 100000")
    assert n_cores(tmp_path) == 3


@pytest.mark.parametrize("path", ["/", GROUP, "/../../other"])
def test_a_container_that_sees_its_group_as_the_root(tmp_path: Path, path: str) -> None:
    write(tmp_path, proc__self__cgroup=f"0::{path}")
    group(tmp_path, "/", cpu_dot_max="400000 100000")
    assert n_cores(tmp_path) == 4


@pytest.mark.parametrize("mount", ["cpu,cpuacct", "cpu"])
@pytest.mark.parametrize("inside", [GROUP, ""])
def test_a_quota_of_version_1(tmp_path: Path, mount: str, inside: str) -> None:
    lines = f"12:memory:{GROUP}\n4:cpu,cpuacct:{GROUP}\n3:cpuset:/\n1:name=systemd:{GROUP}\n0::/"
    write(tmp_path, proc__self__cgroup=lines)
    group(tmp_path, mount + inside, cpu_dot_cfs_quota_us="200000", cpu_dot_cfs_period_us="100000")
    assert n_cores(tmp_path) == 2


def test_no_quota_of_version_1_is_minus_one(tmp_path: Path) -> None:
    write(tmp_path, proc__self__cgroup="4:cpu,cpuacct:/")
    group(tmp_path, "cpu", cpu_dot_cfs_quota_us="-1", cpu_dot_cfs_period_us="100000")
    assert n_cores(tmp_path) == 48


def test_a_cpuset(tmp_path: Path) -> None:
    write(tmp_path / "2", proc__self__cgroup=f"0::{GROUP}")
    group(tmp_path / "2", GROUP, cpuset_dot_cpus_dot_effective="0-2,7,9-10")
    assert n_cores(tmp_path / "2") == 6
    write(tmp_path / "1", proc__self__cgroup=f"3:cpuset:{GROUP}")
    group(tmp_path / "1", f"cpuset{GROUP}", cpuset_dot_cpus="4-5")
    assert n_cores(tmp_path / "1") == 2
    group(tmp_path / "1", f"cpuset{GROUP}", cpuset_dot_cpus="")
    assert n_cores(tmp_path / "1") == 48


def test_the_least_of_all_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, proc__self__cgroup="0::/a")
    group(tmp_path, "a", cpu_dot_max="800000 100000", cpuset_dot_cpus_dot_effective="0-15")
    assert n_cores(tmp_path) == 8
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3, 5})
    assert n_cores(tmp_path) == 2


def test_sessions_take_no_more_threads_than_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    model = PICTURE.with_name("human.onnx")

    def threads(asked: int | None = None) -> int:
        return int(open_session(model, asked).get_session_options().intra_op_num_threads)

    monkeypatch.setattr(machine, "n_cores", lambda: 2)
    assert thread_limit() == 2
    assert (threads(), threads(1)) == (2, 1)
    monkeypatch.setattr(machine, "n_cores", lambda: 64)
    assert thread_limit() is None
    assert threads() == 0  # ONNX Runtime chooses
