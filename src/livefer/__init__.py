"""livefer: facial expression recognition, live."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from livefer.version import __version__

if TYPE_CHECKING:
    from livefer.batch.analyze import analyze as analyze
    from livefer.classifier import EmotionClassifier as EmotionClassifier
    from livefer.detection.detectors import Detector as Detector
    from livefer.drawing.faces import draw_faces as draw_faces
    from livefer.drawing.faces import overlay_cam as overlay_cam
    from livefer.errors import LiveferError as LiveferError
    from livefer.faces.crops import crop_faces as crop_faces
    from livefer.labels import CLASSES as CLASSES
    from livefer.media.mpeg4_writer import Mpeg4Writer as Mpeg4Writer
    from livefer.media.sources import Source as Source
    from livefer.profiles.profile import Profile as Profile
    from livefer.recognizer import Recognizer as Recognizer
    from livefer.results import Face as Face
    from livefer.results import Frame as Frame
    from livefer.results import FrameResult as FrameResult
    from livefer.summary.episodes import episode_rows as episode_rows
    from livefer.summary.events import Event as Event
    from livefer.summary.events import event_rows as event_rows
    from livefer.summary.events import read_events as read_events
    from livefer.summary.participants import Participants as Participants
    from livefer.summary.summarize import summarize as summarize
    from livefer.summary.timeline import timeline_picture as timeline_picture
    from livefer.summary.timeline import write_timeline as write_timeline
    from livefer.summary.units import video_rows as video_rows
    from livefer.summary.units import window_rows as window_rows
    from livefer.summary.video_digest import VideoDigest as VideoDigest
    from livefer.tables.dataframes import read_results as read_results
    from livefer.tables.reading import read_table as read_table
    from livefer.tables.schema import to_rows as to_rows
    from livefer.tables.writing import open_table as open_table

# Public names, whatever room they live in. Each is imported on first use, so that `import livefer`
# and `livefer --help` stay quick. None may be called like a room, whose import would replace it.
_HOMES = {
    "CLASSES": "labels",
    "Detector": "detection.detectors",
    "EmotionClassifier": "classifier",
    "Event": "summary.events",
    "Face": "results",
    "Frame": "results",
    "FrameResult": "results",
    "LiveferError": "errors",
    "Mpeg4Writer": "media.mpeg4_writer",
    "Participants": "summary.participants",
    "Profile": "profiles.profile",
    "Recognizer": "recognizer",
    "Source": "media.sources",
    "VideoDigest": "summary.video_digest",
    "analyze": "batch.analyze",
    "crop_faces": "faces.crops",
    "draw_faces": "drawing.faces",
    "episode_rows": "summary.episodes",
    "event_rows": "summary.events",
    "open_table": "tables.writing",
    "overlay_cam": "drawing.faces",
    "read_events": "summary.events",
    "read_results": "tables.dataframes",
    "read_table": "tables.reading",
    "summarize": "summary.summarize",
    "timeline_picture": "summary.timeline",
    "to_rows": "tables.schema",
    "video_rows": "summary.units",
    "window_rows": "summary.units",
    "write_timeline": "summary.timeline",
}
__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
