"""Profiles of a person from pictures and parts of films."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from livefer.batch.recordings import recognise_video
from livefer.errors import ConfigError, SourceError
from livefer.formatting import count, printable
from livefer.labels import class_named
from livefer.media.names import is_kind
from livefer.media.pictures import read_image
from livefer.media.pyav_reader import VideoReader
from livefer.profiles.profile import LEAST_REST, NEUTRAL, Profile
from livefer.profiles.resting import resting_profile
from livefer.profiles.running import AUTO
from livefer.profiles.tables import seconds_in
from livefer.recognizer import Recognizer
from livefer.results import Frame, FrameResult, main_face
from livefer.system.pipes import is_pipe, stem_of
from livefer.tables.plain import key_of, keys_of, read_plain

_PART = re.compile(r"(.+)@([\d:.]+)-([\d:.]+)")
_FPS_OF_AUTO = 5.0  # frames a second of a film in which the resting face is looked for
_SURE = 0.7  # of another expression, from which it is doubtful that the face is at rest


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

    sources: by class, or a common name of one (smiling), pictures and films;
        "film.mp4@0:10-0:20" is a part of a film. Those of "neutral" are needed
    name: of the person, for tables

    Raises SourceError where a source cannot be read or shows no face, ConfigError where the neutral
    ones do not agree.
    """
    if recognizer.profile is not None:
        raise ConfigError("a profile is made from plain answers: leave the other profile out")
    examples = [
        _read(recognizer, source, class_named(expression, recognizer.classes) or expression)
        for expression, names in sources.items()
        for source in names
    ]
    profile = profile_from(recognizer, examples, name)
    check_neutral(recognizer, [one for one in examples if one.expression == NEUTRAL])
    return profile, examples


def film_profile(recognizer: Recognizer, film: str, baseline: str) -> tuple[Profile | None, str]:
    """Return the profile of the person in a film, and words on how it was made.

    baseline: "0-10", the seconds in which the person is at rest; "auto", which looks for them in
        the whole film, and finds none where the face is hardly ever at rest; or a profile's file

    Raises SourceError where no face is seen then, ConfigError where the face is not at rest.
    """
    if baseline.lower().endswith(".json"):
        made = Profile.load(baseline)
        made.check(recognizer.classifier)
        return made, f"{film}: profile of {made.name}"
    if is_pipe(film):
        raise ConfigError("a pipe can be read once only, and a baseline is read before the film")
    name = stem_of(film)
    if baseline == AUTO:
        seen = _read(recognizer, film, NEUTRAL, fps=_FPS_OF_AUTO)
        found = resting_profile(recognizer.classifier, seen.answers, name)
        if found is None:
            return None, f"{film} was judged without a profile: the face is hardly ever at rest"
        at_rest = found.judge(seen.answers).argmax(axis=1) == recognizer.classes.index(NEUTRAL)
        return found, f"{film}: the face is at rest for {at_rest.mean():.0%} of the time, by itself"
    part = f"{film}@{baseline.replace(' ', '')}"
    made, (example,) = learn_profile(recognizer, {NEUTRAL: [part]}, name)
    share, _ = made.rest(example.answers)
    doubt = "".join(f"; {line}" for line in doubts(made, [example]))
    return made, (
        f"{film}: profile from {baseline} s: {len(example.answers)} of "
        f"{count(example.n_frames, 'frame')} with a face, at rest in {share:.0%}{doubt}"
    )


def doubts(profile: Profile, examples: Sequence[Example]) -> list[str]:
    """Return a line for each example that hardly shows what it is said to show."""
    lines = []
    for one in examples:
        plain, judged = one.answers.mean(axis=0), profile.judge(one.answers).mean(axis=0)
        looks = profile.classes[int(plain.argmax())]
        source = printable(one.source)
        if one.expression == NEUTRAL and looks != NEUTRAL and plain.max() > _SURE:
            line = f"{source} looks {looks} ({plain.max():.0%}): check that the face is at rest"
            lines.append(line)
        if one.expression != NEUTRAL and profile.classes[int(judged.argmax())] == NEUTRAL:
            lines.append(f"{source} hardly differs from the neutral face: is it {one.expression}?")
    return lines


def read_baselines(path: str) -> dict[str, str]:
    """Return the baselines in a CSV file by what it calls the films: a path, or the end of one.

    Its columns are file and start and end (seconds, or m:ss), or file and baseline ("0-10", "auto"
    or a profile's .json file); others are left alone. Films whose fields are empty have none.

    DatasetError or ConfigError where it is no such file.
    """
    rows = list(read_plain(Path(path)))
    columns = {name for _, row in rows for name in row}
    if "file" not in columns or not ("baseline" in columns or {"start", "end"} <= columns):
        raise ConfigError(
            f"{path}: expected the columns file, start and end, or file and baseline; it has "
            f"{', '.join(sorted(columns)) or 'no rows'}"
        )
    baselines: dict[str, str] = {}
    for line, row in rows:
        given = [row[name] for name in ("start", "end") if name in row]
        baseline = row.get("baseline", "-".join(given))
        where, film = f"{path}, line {line}", key_of(row.get("file", ""))
        if not baseline:
            continue
        if not film or film in baselines or ("baseline" in row and given):
            why = "two baselines" if film else "no file"
            raise ConfigError(f"{where}: {why}: {film or baseline}")
        try:
            check_baseline(baseline)
        except ConfigError as error:
            raise ConfigError(f"{where}: {error}") from None
        baselines[film] = baseline
    return baselines


def baseline_of(film: str, baselines: Mapping[str, str]) -> str | None:
    """Return the baseline of a film, by its path or the end of it."""
    key = key_among(film, baselines)
    return None if key is None else baselines[key]


def key_among(film: str, baselines: Mapping[str, str]) -> str | None:
    """Return what baselines call a film: the longest of its names; None without one."""
    return next((key for key in keys_of(film) if key in baselines), None)


def check_baseline(baseline: str) -> None:
    """Raise ConfigError for words that are no baseline."""
    if baseline == AUTO or baseline.lower().endswith(".json"):
        return
    try:
        seconds_in(baseline)
    except ConfigError as error:
        raise ConfigError(f"{error}; or a profile's .json file") from None


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


def _read(
    recognizer: Recognizer, source: str, expression: str, fps: float | None = None
) -> Example:
    """Return the main face's answers in all frames of a source, or in so many a second."""
    n_frames, rows = 0, list[NDArray[np.float32]]()
    for result in _results(recognizer, source, fps):
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


def _results(
    recognizer: Recognizer, source: str, fps: float | None = None
) -> Iterator[FrameResult]:
    film, start_s, end_s = _part_of(source)
    if end_s is None and not is_kind(film, "video"):
        yield recognizer.process(Frame(film, 0, 0.0, read_image(film), still=True))
        return
    with VideoReader(film, start_s, end_s, fps=fps) as video:
        yield from recognise_video(recognizer, video)


def _part_of(source: str) -> tuple[str, float, float | None]:
    """Return the file of a source such as film.mp4@0-10, and the seconds of it that are meant.

    ConfigError for other words behind an @ that ends in two numbers.
    """
    match = _PART.fullmatch(source)
    if match is None:
        return source, 0.0, None
    film, start, end = match.groups()
    check_baseline(f"{start}-{end}")
    return film, *seconds_in(f"{start}-{end}")
