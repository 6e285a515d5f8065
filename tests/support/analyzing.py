"""`livefer analyze` with the fakes of fakes.py in every process; run as a script, a command line.

A spawned process imports the main module anew, under another name: it gets the fakes, too.
"""

from __future__ import annotations

import os
import signal
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

from livefer.batch.analyze import Settings
from livefer.batch.batches import Batch
from livefer.batch.output import Job, News, Output, write_part
from livefer.recognizer import Recognizer

DEADLY = 200
"""The gray level of a square that kills who looks at it."""


class Detector(SquareDetector):
    name = "squares"


class Classifier(LevelClassifier):
    """Takes its time, so that there is some in which to be killed."""

    def predict(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        time.sleep(0.02)
        if len(faces) and faces.mean() > DEADLY - 10:
            os.kill(os.getpid(), signal.SIGSEGV)
        return super().predict(faces)


def fake_recognizer(settings: Settings) -> Recognizer:
    """What Settings.recognizer is replaced by."""
    classifier: Any = Classifier()
    return Recognizer(classifier, Detector(), settings.smoothing_s)


def run_here(batches: Sequence[Batch], job: Job, output: Output, n_workers: int) -> Iterator[News]:
    """What run_local does, in this process."""
    recognizer = job.settings.recognizer()
    for batch in batches:
        path = output.hidden(batch)
        news = News(batch.number)
        for news in write_part(recognizer, batch, path, job):
            yield news
        output.commit(batch, path)
        yield replace(news, is_done=True)


def write_pictures(folder: Path, n: int) -> list[Path]:
    """Write pictures with one, two and no squares in turn, each a little different."""
    paths = []
    for i in range(n):
        squares = [(20 + i % 50, 60, 50 + 25 * (i % 5)), (200, 100 + i % 30, 125)][: i % 3]
        image = make_scene(*squares)
        paths.append(write_picture(folder / f"{i:03}.png", image))
    return paths


def write_deadly(path: Path) -> Path:
    """Write a picture that kills the process that looks at it."""
    return write_picture(path, make_scene((40, 60, DEADLY)))


if __name__ in ("__main__", "__mp_main__"):
    Settings.recognizer = fake_recognizer  # type: ignore[method-assign,assignment]

if __name__ == "__main__":
    from livefer.cli import main

    cv2.setNumThreads(1)
    main()
