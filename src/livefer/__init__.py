"""livefer: facial expression recognition, live."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from livefer.version import __version__

if TYPE_CHECKING:
    from livefer.batch.analyze import analyze as analyze
    from livefer.classifier import EmotionClassifier as EmotionClassifier
    from livefer.errors import LiveferError as LiveferError
    from livefer.labels import CLASSES as CLASSES
    from livefer.recognizer import Recognizer as Recognizer
    from livefer.results import Face as Face
    from livefer.results import FrameResult as FrameResult

# Loaded when first asked for, so that `import livefer` and `livefer --help` stay quick.
_HOMES = {
    "CLASSES": "labels",
    "EmotionClassifier": "classifier",
    "Face": "results",
    "FrameResult": "results",
    "LiveferError": "errors",
    "Recognizer": "recognizer",
    "analyze": "batch.analyze",
}
__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
