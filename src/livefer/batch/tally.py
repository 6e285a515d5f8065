"""What a large run has done so far, and how fast."""

from __future__ import annotations

import time
from collections.abc import Sequence

from livefer.batch.batches import Batch, PartProgress
from livefer.formatting import count, length


class Tally:
    """Counts of a run over batches, and its speed."""

    def __init__(self, batches: Sequence[Batch], n_before: int = 0) -> None:
        """n_before: inputs that an earlier run has done."""
        self._batches = {batch.number: batch for batch in batches}
        self._unfinished: dict[int, PartProgress] = {}
        self._began_s = time.monotonic()
        self.n_before = n_before
        self.n_all = sum(len(batch.inputs) for batch in batches)
        self.work_of_all = sum(batch.work for batch in batches)
        self.n_inputs = self.n_frames = self.n_faces = self.n_errors = self.n_bystanders = 0
        self.work = self._work_before = 0.0
        self.errors: list[str] = []

    def add(self, progress: PartProgress) -> None:
        """Count a batch's progress, in place of what was counted of that batch before."""
        before = self._unfinished.pop(progress.number, None)
        if before is not None:
            self._count(before, -1)
        self._count(progress, 1)
        if progress.is_done:
            self.errors += progress.errors
        else:
            self._unfinished[progress.number] = progress

    def _count(self, progress: PartProgress, sign: int) -> None:
        batch = self._batches[progress.number]
        self._work_before += sign * progress.share_before / len(batch.inputs) * batch.work
        share = (progress.n_inputs + progress.share) / len(batch.inputs)
        self.n_inputs += sign * progress.n_inputs
        self.n_frames += sign * progress.n_frames
        self.n_faces += sign * progress.n_faces
        self.n_bystanders += sign * progress.n_bystanders
        self.n_errors += sign * len(progress.errors)
        self.work += sign * share * batch.work

    def add_earlier(self, errors: Sequence[str]) -> None:
        """Count the errors of inputs that an earlier run has done."""
        self.errors += errors
        self.n_errors += len(errors)

    @property
    def took_s(self) -> float:
        """Seconds since the beginning."""
        return max(time.monotonic() - self._began_s, 1e-3)

    @property
    def done(self) -> str:
        """How many of the inputs are done."""
        return f"{self.n_inputs:,} of {self.n_all:,} files"

    @property
    def speed(self) -> str:
        """Frames per second, pictures included, and the number of errors."""
        return f"{self.n_frames / self.took_s:.1f} frames/s, {count(self.n_errors, 'error')}"

    @property
    def left(self) -> str:
        """The time left."""
        done = self.work - self._work_before
        if done <= 0:
            return "time left unknown"
        left_s = self.took_s * max(self.work_of_all - self.work, 0.0) / done
        return f"{length(left_s)} left"

    def __str__(self) -> str:
        if not self.n_all:
            return (
                f"nothing to do: {count(self.n_before, 'file')} done before, "
                f"{count(self.n_errors, 'error')}"
            )
        before = f" ({self.n_before:,} done before)" if self.n_before else ""
        bystanders = f"; {count(self.n_bystanders, 'short track')} left out"
        return (
            f"{count(self.n_inputs, 'file')}{before}, {count(self.n_frames, 'frame')}, "
            f"{count(self.n_faces, 'face')} in {length(self.took_s)}: {self.speed}"
            f"{bystanders if self.n_bystanders else ''}"
        )
