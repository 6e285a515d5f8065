"""What do the generated scenes look like? A sheet with pictures of every kind, boxes drawn in.

python bench/scene_sheet.py --sheet out/scenes.png
"""

from __future__ import annotations

from pathlib import Path

import cv2
from lib.backgrounds import photo_backgrounds
from lib.common import arguments, run
from lib.heads import shipped_heads, val_heads
from lib.loading import load_detectors
from lib.scenes import sheet

from livefer.data.dataset import read_dataset
from livefer.errors import LiveferError


def main() -> None:
    """Write the sheet."""
    parser = arguments(__doc__, "--data", "--photos", "--yunet", "--seed")
    parser.add_argument("--sheet", type=Path, required=True)
    args = parser.parse_args()
    dataset = read_dataset(args.data)
    detectors = list(load_detectors(args.yunet).values())
    heads, _ = val_heads(dataset.split("val"), dataset.classes, 12, detectors, args.seed)
    backgrounds = photo_backgrounds(args.photos)
    args.sheet.parent.mkdir(parents=True, exist_ok=True)
    picture = sheet([*shipped_heads(), *heads], backgrounds, args.seed)
    if not cv2.imwrite(str(args.sheet), picture):
        raise LiveferError(f"{args.sheet} cannot be written: is it a .png in a folder of yours?")


if __name__ == "__main__":
    run(main)
