"""Class names in their one order, their colours, and the names and orders of other data sets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CLASSES: tuple[str, ...] = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
"""FER2013's seven classes, in the same order everywhere: the class_id is the index here."""

_LEAD = 0.1  # a label changes once another class is more probable by so much

FER2013_CSV_ORDER: tuple[str, ...] = (
    "angry", "disgust", "fear", "happy", "sad", "surprise", "neutral",
)  # fmt: skip
"""The classes of the numbers 0–6 in the `emotion` column of the original fer2013.csv."""

VOTE_NAMES: dict[str, str] = {
    "neutral": "neutral", "happiness": "happy", "surprise": "surprise", "sadness": "sad",
    "anger": "angry", "disgust": "disgust", "fear": "fear",
}  # fmt: skip
"""FER+'s names of our classes; its contempt, unknown and NF (no face) have no class here."""

_OTHER_NAMES: dict[str, str] = VOTE_NAMES | {
    "smile": "happy", "smiling": "happy", "joy": "happy", "surprised": "surprise",
    "disgusted": "disgust", "afraid": "fear", "fearful": "fear",
}  # fmt: skip

# BGR, as OpenCV wants them. Any two stay apart (CIELAB distance of 25 or more) for normal,
# deuteranopic, protanopic and tritanopic eyes (Machado et al. 2009, severity 1,
# https://doi.org/10.1109/TVCG.2009.113), and each can be seen in a dark room;
# tests/test_labels.py measures it.
_COLOURS_BGR: dict[str, tuple[int, int, int]] = {
    "angry": (22, 46, 220),
    "disgust": (91, 175, 50),
    "fear": (215, 101, 220),
    "happy": (42, 226, 249),
    "neutral": (160, 160, 160),
    "sad": (246, 98, 34),
    "surprise": (250, 250, 78),
}


def class_named(name: str, classes: Sequence[str]) -> str | None:
    """Return the one of `classes` that a folder's name means, in any case; None for another name.

    Common names of FER2013's classes count: happiness, anger, smiling.
    """
    known, lower = {c.casefold(): c for c in classes}, name.casefold()
    return known.get(lower) or known.get(_OTHER_NAMES.get(lower, lower))


def colour_bgr(label: str, classes: Sequence[str]) -> tuple[int, int, int]:
    """Return the colour of one of `classes`: (blue, green, red), each 0–255.

    FER2013's classes have fixed colours. Other classes take, in their order, the fixed colours that
    `classes` leave free, then all of them again, darker each time.
    """
    if label in _COLOURS_BGR:
        return _COLOURS_BGR[label]
    free = [_COLOURS_BGR[name] for name in CLASSES if name not in classes]
    place = [name for name in classes if name not in _COLOURS_BGR].index(label)
    if place < len(free):
        return free[place]
    round_, i = divmod(place - len(free), len(CLASSES))
    blue, green, red = (round(value * 0.6 ** (round_ + 1)) for value in _COLOURS_BGR[CLASSES[i]])
    return blue, green, red


def colour_hex(label: str, classes: Sequence[str]) -> str:
    """Return the colour of one of `classes` as "#rrggbb", for CSS, matplotlib and rich."""
    blue, green, red = colour_bgr(label, classes)
    return f"#{red:02x}{green:02x}{blue:02x}"


def steady_class(probabilities: NDArray[np.floating[Any]], before: int | None) -> int:
    """Return the label of a face that had the label `before` a moment ago, None for a new face.

    The most probable class; but the one before stays until another leads by a tenth, so that a
    face between two classes does not change its label all the time. More than 0.55 always leads.

    probabilities: (C,), smoothed
    """
    best = int(probabilities.argmax())
    if before is not None and probabilities[best] - probabilities[before] < _LEAD:
        return before
    return best
