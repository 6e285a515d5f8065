"""Profiles: what a person's neutral face, and other expressions of theirs, look like to a model.

    profile = Profile.make(classifier, {"neutral": probabilities})
    Recognizer(profile=profile)

Faces differ, and a model judges each by the average face of its data. A profile judges a face by
how far it is from the person's own neutral. With log-probabilities x of a face, b those of the
neutral face and m_c those of the person's own expression c, where that is known, class c has risen
by

    r_c = x_c - b_c + KNOWN · ((x - b) · (m_c - b) - |m_c - b|² / 2)

The last term is the logarithm of how much better x fits m_c than b, each with a normal
distribution. With R, the highest rise of a class but neutral,

    p(neutral) = 1 / (1 + exp((R - r_neutral - REST) / EDGE))

and the other classes share the rest by the softmax of (r_c + OWN · x_c) / TEMPERATURE, in which
probabilities below a thousandth count as one: a class that rises from nothing to little is not yet
what the face shows. What the numbers were chosen by:
docs/experiments/profiles.md#2026-11-30-a-face-is-judged-by-how-far-it-is-from-the-own-resting-one
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livefer.classifier import EmotionClassifier
from livefer.errors import ConfigError, ModelError
from livefer.formatting import printable
from livefer.system.atomic import replacing
from livefer.version import __version__

NEUTRAL = "neutral"
REST = 1.15
EDGE = 0.15
OWN = 0.3
KNOWN = 0.3
TEMPERATURE = 1.8
LEAST_REST = 0.7
"""Neutral frames agree where so many of them are at rest beside the others."""
MOST_LETTERS = 200
"""Of a name, which stands in every row of a table and in every answer of a server."""
_LEAST = 1e-4  # smaller probabilities count as this
_LEAST_SHARED = 1e-3  # the same where classes share what is not neutral
_FORMAT = 1


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """How one expression of a person looks to a model.

    mean, spread: (C,) float64, of the log-probabilities over n pictures or frames
    """

    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    n: int

    @classmethod
    def of(cls, probabilities: NDArray[np.floating[Any]]) -> Expression:
        """Return it from probabilities (n, C), a row for each picture or frame; n is 1 or more."""
        logs = _logs(probabilities)
        return cls(logs.mean(axis=0), logs.std(axis=0), len(logs))

    def is_possible(self) -> bool:
        """Return whether a model could have answered so; numbers of a file may be any."""
        least = math.log(_LEAST)
        mean_fits = (self.mean > least - 0.01) & (self.mean < 0.01)
        spread_fits = (self.spread >= 0) & (self.spread < -least)
        return self.n > 0 and bool(mean_fits.all() and spread_fits.all())


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """One person's expressions as one model sees them; no picture, and no identity.

    name: of the person, as it shall stand in tables
    model, sha256, prior: the model, the hash of its file, and the share of the class frequencies
        that was divided out of its answers
    classes: of the model
    expressions: by class; "neutral" is one of them
    """

    name: str
    model: str
    sha256: str
    prior: float
    classes: tuple[str, ...]
    expressions: Mapping[str, Expression]

    @classmethod
    def make(
        cls,
        classifier: EmotionClassifier,
        answers: Mapping[str, NDArray[np.floating[Any]]],
        name: str = "",
    ) -> Profile:
        """Make a profile from the classifier's answers for faces whose expression is known.

        answers: by class, probabilities (n, C); those of "neutral" are needed
        Raises ConfigError where they are missing, or the model has no such class.
        """
        for expression in (NEUTRAL, *answers):
            if expression not in classifier.classes:
                raise ConfigError(
                    f'the model "{classifier.name}" has no class "{printable(expression)}": it has '
                    f"{', '.join(classifier.classes)}"
                )
        if not len(answers.get(NEUTRAL, ())):
            raise ConfigError("a profile begins with the neutral face: none was given")
        known = {name: Expression.of(rows) for name, rows in answers.items() if len(rows)}
        return cls(
            name, classifier.name, classifier.sha256, classifier.prior, classifier.classes, known
        )

    def check(self, classifier: EmotionClassifier) -> None:
        """Raise ModelError where the profile was made with another model or prior."""
        if self.sha256 != classifier.sha256 or self.classes != classifier.classes:
            this = f'another one, "{classifier.name}"'
            if self.model == classifier.name:
                this = "another version of it"
            raise ModelError(
                f'the profile is of the model "{printable(self.model)}", and this is {this}: make '
                "the profile anew with this model"
            )
        if not abs(self.prior - classifier.prior) <= 1e-6:  # nan neither
            raise ModelError(
                f"the profile was made with a prior of {self.prior:g}, and this one is "
                f"{classifier.prior:g}: make it anew, or use --prior {self.prior:g}"
            )

    def judge(self, probabilities: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """Return what probabilities (N, C) of the person's faces mean for this person, (N, C)."""
        logs = _logs(probabilities)
        at, neutral = self.classes.index(NEUTRAL), self.expressions[NEUTRAL].mean
        known = np.zeros_like(logs)
        for name, expression in self.expressions.items():
            if name != NEUTRAL:
                way = expression.mean - neutral
                fit = (logs - neutral) @ way - way @ way / 2
                known[:, self.classes.index(name)] = KNOWN * fit
        rises = logs - neutral + known
        lead = np.delete(rises, at, axis=1).max(axis=1) - rises[:, at] - REST
        at_rest = 1 / (1 + np.exp(np.clip(lead / EDGE, -50, 50)))
        logs, neutral = (np.maximum(each, math.log(_LEAST_SHARED)) for each in (logs, neutral))
        scores = (1 + OWN) * logs - neutral + known
        scores[:, at] = -np.inf
        odds = np.exp((scores - scores.max(axis=1, keepdims=True)) / TEMPERATURE)
        judged = odds / odds.sum(axis=1, keepdims=True) * (1 - at_rest)[:, None]
        judged[:, at] = at_rest
        return np.asarray(judged, np.float32)

    def rest(self, probabilities: NDArray[np.floating[Any]]) -> tuple[float, str]:
        """Return the share of the person's faces that are at rest, and what the others look like.

        probabilities: (N, C); at least LEAST_REST of what was said to be neutral must be at rest
        """
        at, judged = self.classes.index(NEUTRAL), self.judge(probabilities)
        share = float((judged.argmax(axis=1) == at).mean())
        judged[:, at] = 0
        return share, self.classes[int(judged.mean(axis=0).argmax())]

    def judge_row(self, probabilities: NDArray[np.float32], row: int | None) -> NDArray[np.float32]:
        """Return probabilities (N, C) of several people's faces with the person's own row judged.

        row: None where the person is not among them
        """
        judged = np.array(probabilities)
        if row is not None:
            judged[row] = self.judge(judged[row : row + 1])[0]
        return judged

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that json can write, and `of` reads."""
        return {
            "livefer_profile": _FORMAT,
            "name": self.name,
            "model": self.model,
            "model_sha256": self.sha256,
            "prior": self.prior,
            "classes": self.classes,
            "expressions": {
                name: {
                    "log_probabilities": [round(v, 4) for v in one.mean.tolist()],
                    "spread": [round(v, 4) for v in one.spread.tolist()],
                    "n": one.n,
                }
                for name, one in self.expressions.items()
            },
            "livefer_version": __version__,
        }

    def save(self, path: str | Path) -> None:
        """Write the profile as JSON; LiveferError where that fails."""
        with replacing(Path(path)) as part:
            part.write_text(json.dumps(self.to_dict(), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> Profile:
        """Read a profile that `save` wrote; ConfigError where it is none."""
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            raise ConfigError(f"the profile {path} cannot be read ({reason})") from None
        try:
            return cls.of(json.loads(text))
        except ValueError as error:
            raise ConfigError(
                f"{path} is not a profile of livefer ({error}): livefer profile writes one"
            ) from None

    @classmethod
    def of(cls, plain: Any) -> Profile:
        """Return the profile of plain data, as in the file; ValueError where it is none."""
        try:
            if plain["livefer_profile"] != _FORMAT:
                raise ValueError(f"format {plain['livefer_profile']}, this version reads {_FORMAT}")
            classes = tuple(map(str, plain["classes"]))
            expressions = {}
            for name, one in plain["expressions"].items():
                mean, spread = (
                    np.array(one[k], np.float64) for k in ("log_probabilities", "spread")
                )
                if name not in classes or {mean.shape, spread.shape} != {(len(classes),)}:
                    raise ValueError(f'the expression "{printable(name)}" does not fit the classes')
                expressions[name] = Expression(mean, spread, int(one["n"]))
                if not expressions[name].is_possible():
                    raise ValueError(
                        f'the expression "{printable(name)}" has numbers that are impossible'
                    )
            if NEUTRAL not in expressions:
                raise ValueError("the neutral face is missing")
            if len(str(plain["name"])) > MOST_LETTERS:
                raise ValueError(f"its name has more than {MOST_LETTERS} letters")
            return cls(
                str(plain["name"]),
                str(plain["model"]),
                str(plain["model_sha256"]),
                float(plain["prior"]),
                classes,
                expressions,
            )
        except KeyError as error:
            raise ValueError(f"{error} is missing") from None
        except (TypeError, AttributeError, OverflowError) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from None


def _logs(probabilities: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    return np.log(np.maximum(np.asarray(probabilities, np.float64), _LEAST))
