"""`livefer analyze` with the fakes of fakes.py in every process; as a script, its command line.

A spawned process imports the main module again, under another name, and so gets the fakes, too.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from builders import write_picture
from fakes import LevelClassifier, SquareDetector, make_scene
from numpy.typing import NDArray

from livefer.batch.analyze import Input, Settings
from livefer.batch.batches import Batch, Job, PartProgress, write_part
from livefer.batch.output import Output
from livefer.recognizer import Recognizer
from livefer.tables.reading import read_table

DEADLY = 200
"""The gray level of a square that kills the process that reads it."""


class Detector(SquareDetector):
    name = "squares"


class Classifier(LevelClassifier):
    """Takes its time, so that a test can kill it meanwhile."""

    def predict(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        time.sleep(0.02)
        if len(faces) and faces.mean() > DEADLY - 10:
            os.kill(os.getpid(), signal.SIGSEGV)
        return super().predict(faces)


def fake_recognizer(settings: Settings) -> Recognizer:
    """Replaces Settings.recognizer."""
    classifier: Any = Classifier()
    return Recognizer(classifier, Detector(), settings.smoothing_s)


def run_here(
    batches: Sequence[Batch], job: Job, output: Output, n_workers: int
) -> Iterator[PartProgress]:
    """Do what run_local does in this process."""
    recognizer = job.settings.recognizer()
    for batch in batches:
        path = output.hidden(batch)
        progress = PartProgress(batch.number)
        for progress in write_part(recognizer, batch, path, job, None, output.state(batch)):
            yield progress
        output.commit(batch, path)
        yield replace(progress, is_done=True)


def names(inputs: Sequence[Input]) -> list[str]:
    """Return the names of inputs."""
    return [item.name for item in inputs]


def sources(path: Path) -> list[str]:
    """Return the source of each row of a table."""
    return [row["source"] for row in read_table(path).rows]


def start(*arguments: str, cwd: Path) -> subprocess.Popen[str]:
    """Start `livefer analyze`, with fakes, in processes of its own."""
    command = [sys.executable, __file__, "analyze", *arguments]
    return subprocess.Popen(command, cwd=cwd, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Wait for the end of a process; return its exit code and stderr."""
    err = process.communicate(timeout=120)[1]
    return process.returncode, err


def write_pictures(folder: Path, n: int) -> list[Path]:
    """Write pictures with one, two and no squares in turn, each a little different."""
    paths = []
    for i in range(n):
        squares = [(20 + i % 50, 60, 50 + 25 * (i % 5)), (200, 100 + i % 30, 125)][: i % 3]
        image = make_scene(*squares)
        paths.append(write_picture(folder / f"{i:03}.png", image))
    return paths


def write_deadly(path: Path) -> Path:
    """Write a picture that kills the process that reads it."""
    return write_picture(path, make_scene((40, 60, DEADLY)))


if __name__ in ("__main__", "__mp_main__"):
    Settings.recognizer = fake_recognizer  # type: ignore[method-assign,assignment]

if __name__ == "__main__":
    from livefer.cli import main

    cv2.setNumThreads(1)
    main()
