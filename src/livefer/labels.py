"""The classes: their one order, their colours, and other orders mapped onto it."""

from __future__ import annotations

CLASSES: tuple[str, ...] = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
"""FER2013's seven classes in the one order used everywhere: the class_id is the index here."""

FER2013_CSV_ORDER: tuple[str, ...] = (
    "angry", "disgust", "fear", "happy", "sad", "surprise", "neutral",
)  # fmt: skip
"""What the numbers 0–6 in the `emotion` column of the original fer2013.csv mean."""

# After Okabe & Ito's palette for colour-blind readers (2008, https://jfly.uni-koeln.de/color/), made
# lighter where a colour has to be read on dark skin or a dark room. BGR, as OpenCV wants them.
_COLOURS_BGR: dict[str, tuple[int, int, int]] = {
    "angry": (36, 73, 227),
    "disgust": (91, 166, 60),
    "fear": (196, 110, 168),
    "happy": (46, 190, 245),
    "neutral": (190, 190, 190),
    "sad": (212, 134, 56),
    "surprise": (40, 140, 250),
}
_OTHER_BGR: tuple[tuple[int, int, int], ...] = tuple(_COLOURS_BGR.values())


def colour_bgr(label: str) -> tuple[int, int, int]:
    """Return the colour of a class, (blue, green, red) 0–255; an unknown name gets a stable one."""
    if label in _COLOURS_BGR:
        return _COLOURS_BGR[label]
    return _OTHER_BGR[sum(label.encode()) % len(_OTHER_BGR)]
