"""Long films in runs that are interrupted: the rows so far, and the state after them.

The part of a film is written in pieces. When a minute has passed, the piece at work is closed, and
a file keeps the state that the next frames depend on: tracks, smoothing, faces that are followed. A
run that is resumed decodes the film from its beginning, because what a decoder makes of a frame
depends on those before it, but recognises only the frames that follow. Its rows are those of a run
without a break.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from livefer.batch.plain_state import from_plain, to_plain
from livefer.batch.recordings import Rest
from livefer.system.atomic import replacing
from livefer.tables.bystanders import Bystanders

PIECE_S = 60.0
"""A piece is closed when it has taken so long: as much work is lost at most."""


@dataclass(eq=False)
class Unfinished:
    """What is done of a film's part.

    file: of the state; the pieces lie beside it, and are named after it
    about: what must be the same for the run that goes on: the film, and how it is recognised
    pieces: closed files of rows
    rest: the place after their frames
    share: of the film that is done, 0 to 1
    errors: in their rows
    bystanders: with the frames that are held back, where bystanders are left out
    """

    file: Path
    about: Mapping[str, Any]
    bystanders: Bystanders | None
    pieces: list[Path] = field(default_factory=list)
    rest: Rest = field(default_factory=Rest)
    share: float = 0.0
    errors: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, file: Path, film: str, metadata: Mapping[str, str], min_seen_s: float
    ) -> Unfinished:
        """Return what an earlier run has left, or nothing if it was of another film or settings.

        OSError where there is no such film.
        """
        stat = os.stat(film)
        about = {"film": film, "bytes": stat.st_size, "changed_ns": stat.st_mtime_ns, **metadata}
        new = cls(file, about, Bystanders(min_seen_s) if min_seen_s else None)
        try:
            state = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return new
        pieces = [file.with_name(name) for name in state["pieces"]]
        if state["about"] != about or not all(piece.is_file() for piece in pieces):
            return new
        bystanders, n_frames, index, time_s, stream = map(from_plain, state["state"])
        rest = Rest(n_frames, index, time_s, stream)
        return cls(file, about, bystanders, pieces, rest, state["share"], tuple(state["errors"]))

    def next_piece(self, suffix: str) -> Path:
        """Return a name for the next piece; another one with each call."""
        return self.file.with_suffix(f".{os.urandom(4).hex()}{suffix}")

    def save(self, piece: Path, rest: Rest, share: float, errors: tuple[str, ...]) -> None:
        """Add a closed piece, with the state after it."""
        assert rest.stream is not None
        self.pieces.append(piece)
        stream = replace(rest.stream, profile=None)  # made of the film again
        state = (self.bystanders, rest.n_frames, rest.index, rest.time_s, stream)
        known = {
            "about": self.about,
            "pieces": [one.name for one in self.pieces],
            "share": share,
            "errors": errors,
            "state": [to_plain(one) for one in state],
        }
        with replacing(self.file) as part:
            part.write_text(json.dumps(known), encoding="utf-8")
