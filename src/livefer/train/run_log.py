"""The log of a run: a progress bar and a line for each epoch, metrics.jsonl, TensorBoard."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from lightning_fabric import Fabric
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from livefer.drawing.text import BLACK, WHITE, fit_text, paint_text
from livefer.errors import ConfigError
from livefer.evaluation import metrics
from livefer.formatting import clock
from livefer.train.config import Config


class RunLog:
    """A run's console lines and log files; silent on every device but the first."""

    def __init__(
        self, fabric: Fabric, config: Config, folder: Path, n_steps: int, first_epoch: int
    ) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._is_first = fabric.is_global_zero
        self._config = config
        self._n_steps = n_steps
        self._console = Console(stderr=True, quiet=not self._is_first)
        self._jsonl = folder / "metrics.jsonl"
        self._board: Any = None
        if self._is_first:
            _keep_lines_before(self._jsonl, first_epoch)
            self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=first_epoch)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._is_first or not self._console.is_terminal,
        )
        self._task = self._bar.add_task("", total=n_steps, speed="")

    def __enter__(self) -> RunLog:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()
        if self._board is not None:
            self._board.close()

    def begin_table(self) -> None:
        """Print the heads of the columns, below all that is to be said before."""
        self.print(
            f"{'epoch':>7} {'px':>3} {'lr':>8} {'loss':>7} {'val loss':>8} "
            f"{'val acc':>8} {'macro-F1':>8} {'images/s':>8} {'left':>7}"
        )

    def print(self, line: str) -> None:
        """Print a line above the bar."""
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def start_epoch(self, epoch: int, step: int) -> None:
        """Begin an epoch; its first step is not 0 where a run is resumed inside it."""
        self._epoch_began, self._n_images = time.perf_counter(), 0
        self._bar.reset(
            self._task, total=self._n_steps, completed=step, speed="",
            description=f"epoch {epoch + 1}/{self._config.epochs}",
        )  # fmt: skip

    def step(self, n_images: int) -> None:
        """Count a step."""
        self._n_images += n_images
        self._bar.advance(self._task)
        speed = self._n_images / (time.perf_counter() - self._epoch_began)
        self._bar.update(self._task, speed=f"{speed:,.0f} images/s")

    def samples(self, faces: Tensor) -> None:
        """Give TensorBoard augmented faces, (N, 1, H, W) float, 0–1."""
        if self._board is not None:
            grid = faces[:64].cpu()
            self._board.add_images("augmented", grid, 0)

    def end_epoch(
        self,
        record: dict[str, float],
        matrix: metrics.Matrix,
        classes: tuple[str, ...],
        is_best: bool,
    ) -> None:
        """Write the figures of an epoch to the console, metrics.jsonl and TensorBoard.

        record: epoch, loss, lr and the figures of val
        matrix: (C, C) int64, confusion matrix on val
        """
        if not self._is_first:
            return
        epoch, n_epochs = int(record["epoch"]), self._config.epochs
        seconds = time.perf_counter() - self._epoch_began
        speed = self._n_images / seconds
        record = record | {
            "images_per_s": round(speed, 1),
            "seconds": round(seconds, 2),
            "resolution": self._config.resolution_at(epoch),
        }
        picture = _confusion_picture(matrix, classes)
        try:
            with self._jsonl.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
            for name in ("loss", "lr", "val_loss", "val_accuracy", "val_macro_f1", "images_per_s"):
                self._board.add_scalar(name, record[name], epoch)
            self._board.add_image("confusion", picture, epoch, dataformats="HW")
            self._board.flush()
        except OSError as error:
            raise ConfigError(
                f"{self._jsonl.parent} cannot be written ({error}): free some space on the disk, "
                "then continue with --resume"
            ) from None
        left = clock((n_epochs - epoch - 1) * seconds)
        self.print(
            f"{epoch + 1:>3}/{n_epochs:<3} {record['resolution']:>3} {record['lr']:>8.2g} "
            f"{record['loss']:>7.4f} {record['val_loss']:>8.4f} {record['val_accuracy']:>8.2%} "
            f"{record['val_macro_f1']:>8.4f} {speed:>8,.0f} {left:>7}{' *' if is_best else ''}"
        )


def _keep_lines_before(path: Path, epoch: int) -> None:
    """Drop the lines of epochs that are trained again because the run stopped inside them."""
    if path.exists():
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        path.write_text("".join(lines[:epoch]), encoding="utf-8")


def _confusion_picture(matrix: metrics.Matrix, classes: tuple[str, ...]) -> NDArray[np.uint8]:
    """Draw the confusion matrix, rows are the truth, as (H, W) uint8 with shares in per cent."""
    shares = 100 * matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    cell, left = 56, 110
    picture = np.full((cell * len(classes), left + cell * len(classes), 3), 255, np.uint8)
    for row, name in enumerate(classes):
        shown, size = fit_text(name, 16, left - 8)
        paint_text(picture, shown, (4, row * cell + 20), size, BLACK)
        for column in range(len(classes)):
            x, y, share = left + column * cell, row * cell, shares[row, column]
            picture[y : y + cell, x : x + cell] = round(255 - 2.2 * share)
            ink = WHITE if share > 50 else BLACK
            paint_text(picture, f"{share:.0f}", (x + 16, y + 20), 16, ink)
    gray: NDArray[np.uint8] = picture.mean(axis=2).astype(np.uint8)
    return gray
