"""`livefer crop`: the faces of photographs as pictures to train on, in the same folders."""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from livefer.cli.console import print_left_out
from livefer.cli.files import check_folder, free_name
from livefer.cli.options import DetectorOption, QuietOption
from livefer.cli.progress import progress_bar
from livefer.data.photos import CutFace, cut_face
from livefer.detection.detectors import make_detector
from livefer.errors import ConfigError, SourceError
from livefer.formatting import count, printable
from livefer.media.names import find_files
from livefer.media.pictures import read_image, write_image
from livefer.system.atomic import noting

_NONE, _SEVERAL, _UNCLEAR = "without a face", "with several", "hard to read"


def crop(
    photos: Annotated[
        Path,
        typer.Argument(
            metavar="PHOTOS",
            help="A folder of photographs; for training, with a folder for each class in it.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", metavar="FACES", help="Write the faces here, into the same folders."
        ),
    ],
    detector: DetectorOption = "auto",
    quiet: QuietOption = False,
) -> None:
    """Cut the faces out of photographs, as livefer cuts them for its network.

    The largest face of each photograph becomes a gray PNG of 48×48 pixels in the same folder, under
    the same name: PHOTOS/happy/7.jpg gives FACES/happy/7.png. `livefer train --data FACES` trains
    on them.

    Photographs without a face or with several are named, and so are faces that are hard to read:
    too small, blurred, dark or cut off. The exit code is 1 if a photograph cannot be read, a face
    cannot be written, or there is none.
    """
    photos = Path(os.path.expanduser(photos))
    source, target = photos.resolve(), out.resolve()
    if source.is_relative_to(target) or target.is_relative_to(source):
        raise ConfigError(
            f"--out {out} and {photos} lie in one another, so the next run would cut the faces "
            "again: expected a folder elsewhere"
        )
    listing = find_files(photos, "picture", below=True)
    if listing is None:
        raise ConfigError(f"{photos} is no folder: expected one of photographs")
    if not listing.files:
        raise SourceError(listing.errors[0][1])
    check_folder("--out", out)
    finder = make_detector(detector)
    taken: set[Path] = set()
    errors = [reason for _, reason in listing.errors]
    counts: Counter[str] = Counter()
    with progress_bar("cutting") as progress:
        for n_done, file in enumerate(listing.files, 1):
            name = Path(file).relative_to(photos)
            try:
                face = cut_face(read_image(file), finder)
            except SourceError as error:
                errors.append(str(error))
                continue
            for kind, note in _notes(face).items():
                counts[kind] += 1
                if not quiet:
                    sys.stdout.write(f"{note}: {printable(str(name))}\n")
            if face is not None:
                with noting(errors):
                    write_image(free_name(out / name.with_suffix(".png"), taken), face.pixels)
                    counts["faces"] += 1
            progress(n_done, len(listing.files))
    sys.stderr.writelines(f"{printable(error)}\n" for error in errors)
    kinds = [f"{counts[kind]:,} {kind}" for kind in (_NONE, _SEVERAL, _UNCLEAR) if counts[kind]]
    kinds += [f"{len(errors):,} not readable or not written"] if errors else []
    line = f"{count(counts['faces'], 'face')} of {count(len(listing.files), 'photograph')} in {out}"
    if not quiet:
        sys.stdout.write(f"{printable(line)}{': ' if kinds else ''}{', '.join(kinds)}\n")
    print_left_out(listing.left_out)
    if errors or not counts["faces"]:
        raise typer.Exit(1)


def _notes(face: CutFace | None) -> dict[str, str]:
    """Return what a user should know of a photograph, by its kind."""
    if face is None:
        return {_NONE: "no face"}
    notes = {}
    if face.n_faces > 1:
        notes[_SEVERAL] = f"{face.n_faces} faces, of which the largest was cut"
    if not face.is_readable:
        notes[_UNCLEAR] = "too small, blurred, dark or cut off to be read"
    return notes
