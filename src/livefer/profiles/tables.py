"""A finished table, judged anew by each video's own resting face: no film is needed.

    who = MainFaces(rows)                     # once through the table
    profiles = {source: ...}                  # by profile_of
    for row in who.judged(rows, profiles)     # and once more

A video's person is the face that is in view for the longest time; of several faces in a frame, the
one whose track has the most rows counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livefer.errors import ConfigError
from livefer.formatting import seconds_of
from livefer.labels import steady_class
from livefer.profiles.profile import LEAST_REST, NEUTRAL, Expression, Profile
from livefer.profiles.resting import resting_rows

Row = dict[str, Any]
_EVERY_S = 0.2  # between two frames among which the resting face is looked for
_LIMIT = 0.6  # of the confidence: less is uncertain, as for the shipped models


def seconds_in(baseline: str) -> tuple[float, float]:
    """Return the two times of a baseline such as 0-10 or 1:05-1:15; ConfigError for others."""
    try:
        start_s, end_s = map(seconds_of, baseline.split("-"))
    except ValueError:
        start_s, end_s = 0.0, 0.0
    if end_s <= start_s:
        raise ConfigError(
            f"{baseline} is no baseline: expected auto, or two times, the second one later, as in "
            "0-10 or 1:05-1:15"
        )
    return start_s, end_s


class MainFaces:
    """Which faces of a table are those of the videos' persons, and what they look like.

    answers: by source, the times (n,) and probabilities (n, C) of the main face
    """

    def __init__(self, rows: Iterable[Row], classes: Sequence[str]) -> None:
        """Read a table once. ConfigError where a profile has judged it already."""
        self.classes = tuple(classes)
        if NEUTRAL not in self.classes:
            raise ConfigError(f'the table has no class "{NEUTRAL}": it has {", ".join(classes)}')
        self._sizes: Counter[tuple[str, int]] = Counter()
        seen: dict[str, list[tuple[float, int, NDArray[np.float64]]]] = {}
        for row in rows:
            if row["track_id"] is None or row["label"] is None:
                continue
            if row.get("profile"):
                raise ConfigError(
                    f"a profile has judged this table already ({row['profile']}): leave --baseline "
                    "out"
                )
            self._sizes[row["source"], row["track_id"]] += 1
            answer = np.array([row[name] for name in self.classes], np.float64)
            seen.setdefault(row["source"], []).append((row["time_s"], row["track_id"], answer))
        self.answers = {source: self._main(source, faces) for source, faces in seen.items()}

    def _main(
        self, source: str, faces: list[tuple[float, int, NDArray[np.float64]]]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        times, answers = [], []
        for time_s, group in groupby(faces, key=lambda face: face[0]):
            _, _, answer = max(group, key=lambda face: self._sizes[source, face[1]])
            times.append(time_s)
            answers.append(answer)
        return np.array(times), np.stack(answers)

    def profile_of(self, source: str, span_s: tuple[float, float] | None) -> Profile | None:
        """Return the profile of a video's person; None where the face is hardly ever at rest.

        span_s: from and to, in which the face is at rest; None looks for it in the whole video

        Raises ConfigError where no face is seen then, or the face is not at rest.
        """
        times, answers = self.answers[source]
        if span_s is None:
            slots = np.floor(times / _EVERY_S)  # as many frames a second as in a film
            answers = answers[np.flatnonzero(np.diff(slots, prepend=-1))]
            resting = resting_rows(answers, self._profile)
            return None if resting is None else self._profile(resting)
        rows = answers[(times >= span_s[0]) & (times < span_s[1])]
        if not len(rows):
            raise ConfigError(f"no face is seen from {span_s[0]:g} to {span_s[1]:g} s")
        made = self._profile(rows)
        share, looks = made.rest(rows)
        if share < LEAST_REST:
            raise ConfigError(
                f"from {span_s[0]:g} to {span_s[1]:g} s the face is at rest for {share:.0%} of the "
                f"time only, and looks {looks} for the rest"
            )
        return made

    def _profile(self, answers: NDArray[Any]) -> Profile:
        known = {NEUTRAL: Expression.of(answers)}
        return Profile("baseline", "", "", 0.0, self.classes, known)

    def judged(self, rows: Iterable[Row], profiles: Mapping[str, Profile]) -> Iterator[Row]:
        """Yield the rows of the table, the main face's judged by its source's profile."""
        labels: dict[tuple[str, int], str] = {}
        for (source, _), group in groupby(rows, key=lambda row: (row["source"], row["index"])):
            frame = list(group)
            faces = [row for row in frame if row["track_id"] is not None and row["label"]]
            if source in profiles and faces:
                main = max(faces, key=lambda row: self._sizes[source, row["track_id"]])
                key = source, main["track_id"]
                self._judge(main, profiles[source], labels.get(key))
                labels[key] = main["label"]
            yield from frame

    def _judge(self, row: Row, profile: Profile, before: str | None) -> None:
        answer = np.array([[row[name] for name in self.classes]])
        judged = profile.judge(answer)[0]
        best = steady_class(judged, None if before is None else self.classes.index(before))
        is_hard_to_read = row["uncertain"] and row["confidence"] >= _LIMIT
        row.update(zip(self.classes, judged.tolist(), strict=True))
        row["label"], row["confidence"] = self.classes[best], float(judged[best])
        row["uncertain"] = bool(is_hard_to_read or judged[best] < _LIMIT)
