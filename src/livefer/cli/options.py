"""Options that several commands share."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from livefer.cli.console import be_quiet
from livefer.errors import ConfigError


def a_number(value: float | None) -> float | None:
    """Refuse nan, which lies within any limits."""
    if value is not None and math.isnan(value):
        raise typer.BadParameter("expected a number, got nan")
    return value


QuietOption = Annotated[
    bool,
    typer.Option(
        "--quiet",
        "-q",
        help="Print nothing but errors and warnings, and what belongs on standard output.",
        callback=be_quiet,
    ),
]
MODEL_HELP = "human or fer2013 (append -float for 32 bits), or an .onnx file that livefer exported."
ModelOption = Annotated[
    str | None, typer.Option(help=MODEL_HELP, show_default="human", metavar="MODEL")
]
DETECTOR_HELP = (
    "auto or native: livefer's own. haar: the classic one. yunet: once it is downloaded. Or an "
    ".onnx file of YuNet or livefer train-detector. none: the whole picture is a face, or the "
    "square in its middle."
)
DetectorOption = Annotated[str, typer.Option(help=DETECTOR_HELP, metavar="DETECTOR")]
MinScoreOption = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=1,
        help="Leave out faces of which the detector is less certain than this. Less than its own "
        "limit brings more faces, and false ones.",
        show_default="the detector's own",
        callback=a_number,
        metavar="0-1",
    ),
]
LandmarksOption = Annotated[
    bool,
    typer.Option(
        "--landmarks", help="Add columns for the places of eyes, nose and corners of the mouth."
    ),
]
_FACES = "Which faces count"
OnePersonOption = Annotated[
    bool,
    typer.Option(
        "--one-person",
        help="Only the main face: one track for the whole film, across cuts and absences.",
        rich_help_panel=_FACES,
    ),
]
IdentifyOption = Annotated[
    Path | None,
    typer.Option(
        help="Compare the faces of all tracks, over all films of this run, and write which are one "
        "person's: the columns file, track_id and name, for livefer summarize --names. Needs the "
        '"people" extra, and the consent of the people.',
        rich_help_panel=_FACES,
        metavar="NAMES.CSV",
    ),
]
MaxFacesOption = Annotated[
    int | None,
    typer.Option(
        help="At most so many faces of each frame, the largest.",
        min=1,
        rich_help_panel=_FACES,
        metavar="N",
    ),
]
MinFaceOption = Annotated[
    float | None,
    typer.Option(
        help="Leave out faces with a shorter side.",
        min=0,
        callback=a_number,
        rich_help_panel=_FACES,
        metavar="PX",
    ),
]
MinSeenOption = Annotated[
    float | None,
    typer.Option(
        help="Leave out bystanders: tracks that are seen for fewer seconds of a film. A cut ends "
        "every track.",
        min=0,
        callback=a_number,
        rich_help_panel=_FACES,
        metavar="SECONDS",
    ),
]
PriorOption = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=1,
        help="How much of the class frequencies in training to remove: 0 keeps them, 1 treats "
        "all expressions as equally likely.",
        show_default="the model's own",
        callback=a_number,
        metavar="0-1",
    ),
]
ProfileOption = Annotated[
    Path | None,
    typer.Option(
        help="A person's profile, by livefer profile: judge the largest face by their resting one.",
        metavar="FILE.JSON",
    ),
]
LiveProfileOption = Annotated[
    str | None,
    typer.Option(
        "--profile",
        help="A person's profile, by livefer profile: judge the largest face by their resting one. "
        "auto: find that in the first twenty seconds, and go on doing so.",
        metavar="FILE.JSON|auto",
    ),
]
BaselineOption = Annotated[
    str | None,
    typer.Option(
        help="Learn each video's person from these seconds, in which the face is at rest, and "
        "judge by that: 0-10 or 1:05-1:15. auto finds them.",
        metavar="FROM-TO|auto",
    ),
]
_SMOOTHING_HELP = "Average each face's result over this many seconds."
SmoothingOption = Annotated[
    float,
    typer.Option(help=_SMOOTHING_HELP, min=0, max=10, callback=a_number, metavar="SECONDS"),
]
ServerSmoothingOption = Annotated[
    float,
    typer.Option(help=_SMOOTHING_HELP, min=0, max=3, callback=a_number, metavar="SECONDS"),
]
EveryOption = Annotated[
    int, typer.Option(help="Read every N-th frame of videos.", min=1, metavar="N")
]
EveryFrameOption = Annotated[
    bool,
    typer.Option(
        "--every-frame",
        help="Search each frame that is read for faces. Otherwise videos are searched every tenth "
        "of a second, and faces are followed in between; haar always searches each frame.",
    ),
]
FpsOption = Annotated[
    float | None,
    typer.Option(
        help="Read this many frames of each second of video.",
        min=0.001,
        callback=a_number,
        metavar="F",
    ),
]
FpsOfSourceOption = Annotated[
    float | None,
    typer.Option(
        help="Frames a second of files without times of their own, such as .h264 and .mjpeg.",
        min=0.1,
        max=480,
        callback=a_number,
        show_default="what the file states, else 25",
        metavar="F",
    ),
]
CsvOption = Annotated[
    Path | None,
    typer.Option(help="Write a table as CSV; - is standard output.", metavar="OUT.CSV"),
]
JsonlOption = Annotated[
    Path | None,
    typer.Option(help="Write a table as JSON lines; - is standard output.", metavar="OUT.JSONL"),
]
ParquetOption = Annotated[
    Path | None,
    typer.Option(help="Write a table as Parquet; - is standard output.", metavar="OUT.PARQUET"),
]
SendOption = Annotated[
    list[str] | None,
    typer.Option(
        help="Send each result to another program, too: udp://HOST:PORT, osc://HOST:PORT, "
        "lsl://NAME, ws://HOST:PORT or mqtt://HOST:PORT/TOPIC. May be given several times.",
        metavar="URL",
    ),
]
MarkersOption = Annotated[
    str | None,
    typer.Option(
        help="Take markers from another program, such as one that shows stimuli: each datagram at "
        "udp://HOST:PORT or osc://HOST:PORT is a row of the table.",
        metavar="URL",
    ),
]
OffsetOption = Annotated[
    float,
    typer.Option(
        help="Seconds to add to the times of frames: -0.08 where the camera gives its frames 80 ms "
        "late. Markers keep theirs.",
        callback=a_number,
        metavar="SECONDS",
    ),
]
PlotOption = Annotated[
    Path | None,
    typer.Option(
        help="Draw each person's expressions over time: a .png, .pdf or .svg file, one for each "
        "video.",
        metavar="FILE",
    ),
]
ReportOption = Annotated[
    Path | None,
    typer.Option(
        help="Write figures and pictures as one HTML file that needs no network.",
        metavar="OUT.HTML",
    ),
]


def _named_file(path: Path | None) -> Path | None:
    if path == Path("-"):
        raise ConfigError("--json -: expected the name of a file; these figures go to files only")
    return path


JsonFileOption = Annotated[
    Path | None,
    typer.Option("--json", metavar="FILE", help="Write all figures as JSON.", callback=_named_file),
]
RunFolderOption = Annotated[
    Path | None,
    typer.Option("--out", "-o", help="Folder of the run.", show_default="runs/NAME", metavar="DIR"),
]
OverwriteRunOption = Annotated[
    bool, typer.Option("--overwrite", help="Replace the run that is in the folder.")
]
