"""Make the README's moving picture: three people in the live window, neutral, smiling, neutral.

    python scripts/moving_picture.py LONDON docs/live.webp

LONDON is the folder of the Face Research Lab London Set (DeBruine & Jones 2017, CC BY 4.0,
https://doi.org/10.6084/m9.figshare.5047666) with neutral/NNN.jpg and smiling/NNN.jpg. Between a
person's two photographs the picture is morphed along their optical flow. Faces, labels and bars are
what livefer says of these frames, painted as the live window paints them.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from pathlib import Path

import cv2
import numpy as np

from livefer import Recognizer
from livefer.live.scene import Places, paint_scene
from livefer.media.sources import Source
from livefer.results import Frame

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))
from lib.morphs import Image, morphs

PEOPLE = ("025", "008", "034")
FPS, SECONDS = 12.5, 8.0
CELL_WH = (320, 400)
SMILES_S = ((0.8, 3.6), (2.2, 5.2), (4.2, 7.0))
"""When each person begins to smile, and when the smile has ended."""
ONSET_S = 0.5
HEATMAPS_S = (5.2, 7.2)
"""When the heat map is on, as the key G turns it on."""
SWAY_PX = 5.0


def pictures_of(london: Path, name: str) -> list[Image]:
    """Return pictures of a person, from neutral to smiling, each of the size of a cell."""
    neutral, smiling = (_read(london / kind / f"{name}.jpg") for kind in ("neutral", "smiling"))
    return morphs(neutral, smiling)


def _read(path: Path) -> Image:
    """Return the middle of a portrait, of the size of a cell with room to sway."""
    image = cv2.imread(str(path))
    if image is None:
        sys.exit(f"{path} cannot be read: name the folder of the London Set")
    width, height = CELL_WH
    scale = (height + 4 * SWAY_PX) / image.shape[0]
    image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    margin = (image.shape[1] - width) // 2 - round(2 * SWAY_PX)
    return np.asarray(image[:, margin : image.shape[1] - margin], np.uint8)


def frames(people: list[list[Image]]) -> Generator[Frame, None, None]:
    """Yield the film's frames: the people side by side, each with a smile of its own time."""
    width, height = CELL_WH
    for index in range(round(FPS * SECONDS)):
        time_s = index / FPS
        cells = []
        for number, (pictures, (begin_s, end_s)) in enumerate(zip(people, SMILES_S, strict=True)):
            smile = min(max(min(time_s - begin_s, end_s - time_s) / ONSET_S, 0.0), 1.0)
            picture = pictures[round(smile * (len(pictures) - 1))]
            phase = 2 * np.pi * (time_s / 4 + number / len(people))
            left = round(2 * SWAY_PX + SWAY_PX * np.sin(phase))
            top = round(2 * SWAY_PX + SWAY_PX * np.cos(phase))
            cells.append(picture[top : top + height, left : left + width])
        yield Frame("film", index, time_s, np.hstack(cells))


def main(london: Path, target: Path) -> None:
    """Write the animation."""
    from PIL import Image as Pillow

    recognizer = Recognizer(detector="haar", heatmaps=True)
    film = frames([pictures_of(london, name) for name in PEOPLE])
    pictures: list[Pillow.Image] = []
    places = Places()
    for result in recognizer.stream(Source("film", film, live=False, fps=FPS)):
        assert result.image is not None
        canvas = result.image.copy()
        heatmaps = HEATMAPS_S[0] <= result.time_s < HEATMAPS_S[1]
        places = paint_scene(canvas, result.faces, heatmaps, (), places)
        pictures.append(Pillow.fromarray(canvas[..., ::-1]))
    pictures[0].save(
        target, save_all=True, append_images=pictures[1:], duration=round(1000 / FPS),
        loop=0, quality=52, method=6,
    )  # fmt: skip


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
