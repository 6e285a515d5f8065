"""Profiles of a person from pictures and parts of films."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from livefer.batch.recordings import recognise_video
from livefer.drawing.faces import main_face
from livefer.errors import ConfigError, SourceError
from livefer.formatting import count, printable, seconds_of
from livefer.media.names import is_kind
from livefer.media.pictures import read_image
from livefer.media.pyav_reader import VideoReader
from livefer.profiles.profile import LEAST_REST, NEUTRAL, Profile
from livefer.recognizer import Recognizer
from livefer.results import Frame, FrameResult

_PART = re.compile(r"(.+)@([\d:.]+)-([\d:.]+)")


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A picture or a part of a film that shows one expression of a person.

    source: as it was given
    expression: what it is said to show
    answers: (n, C) float32, the plain probabilities of the main face in each of its n frames
    n_frames: with and without a face
    """

    source: str
    expression: str
    answers: NDArray[np.float32]
    n_frames: int


def learn_profile(
    recognizer: Recognizer, sources: Mapping[str, Sequence[str]], name: str = ""
) -> tuple[Profile, list[Example]]:
    """Make a profile of the person who is the main face of each source; also return what was seen.

    sources: by class, pictures and films; "film.mp4@0:10-0:20" is a part of a film. Those of
        "neutral" are needed
    name: of the person, for tables

    Raises SourceError where a source cannot be read or shows no face, ConfigError where the neutral
    ones do not agree.
    """
    if recognizer.profile is not None:
        raise ConfigError("a profile is made from plain answers: leave the other profile out")
    examples = [
        _read(recognizer, source, expression)
        for expression, names in sources.items()
        for source in names
    ]
    profile = profile_from(recognizer, examples, name)
    check_neutral(recognizer, [one for one in examples if one.expression == NEUTRAL])
    return profile, examples


def profile_from(recognizer: Recognizer, examples: Sequence[Example], name: str = "") -> Profile:
    """Return the profile of examples; each counts the same, a picture as much as a film."""
    answers: dict[str, list[NDArray[np.float32]]] = {}
    for one in examples:
        typical = np.exp(np.log(np.maximum(one.answers, 1e-6)).mean(axis=0, keepdims=True))
        is_alone = sum(other.expression == one.expression for other in examples) == 1
        answers.setdefault(one.expression, []).append(one.answers if is_alone else typical)
    known = {expression: np.concatenate(rows) for expression, rows in answers.items()}
    return Profile.make(recognizer.classifier, known, name)


def check_neutral(recognizer: Recognizer, examples: Sequence[Example]) -> None:
    """Raise ConfigError where neutral examples disagree with each other, or a film with itself."""
    for i, one in enumerate(examples):
        others = [other for k, other in enumerate(examples) if k != i] or [one]
        share, what = profile_from(recognizer, others).rest(one.answers)
        if share >= LEAST_REST:
            continue
        source = printable(one.source)
        if len(examples) == 1:
            raise ConfigError(
                f"in {source} the face is at rest for {share:.0%} of the time only, and looks "
                f"{what} for the rest: name a part with a resting face, as in FILM@0-10"
            )
        raise ConfigError(
            f"{source} looks {what} beside the other neutral pictures: leave it out, or the others"
        )


def _read(recognizer: Recognizer, source: str, expression: str) -> Example:
    """Return the main face's answers in all frames of a source."""
    n_frames, rows = 0, list[NDArray[np.float32]]()
    for result in _results(recognizer, source):
        if result.error is not None:
            raise SourceError(result.error)
        face = main_face(result.faces)
        n_frames += 1
        if face is not None:
            rows.append(face.raw_probabilities)
    if not rows:
        within = f" in {count(n_frames, 'frame')}" if n_frames != 1 else ""
        raise SourceError(
            f"{printable(source)} shows no face{within}: give another picture for {expression}"
        )
    return Example(source, expression, np.stack(rows), n_frames)


def _results(recognizer: Recognizer, source: str) -> Iterator[FrameResult]:
    film, start_s, end_s = _part_of(source)
    if end_s is None and not is_kind(film, "video"):
        yield recognizer.process(Frame(film, 0, 0.0, read_image(film), still=True))
        return
    with VideoReader(film, start_s, end_s) as video:
        yield from recognise_video(recognizer, video)


def _part_of(source: str) -> tuple[str, float, float | None]:
    """Return the file of a source, and the seconds of it that are meant."""
    match = _PART.fullmatch(source)
    if match is None:
        return source, 0.0, None
    try:
        start_s, end_s = (seconds_of(text) for text in match.groups()[1:])
    except ValueError:
        raise ConfigError(
            f"{printable(source)}: expected two times behind the @, as in film.mp4@0-10 or "
            "film.mp4@1:05-1:15"
        ) from None
    return match[1], start_s, end_s
