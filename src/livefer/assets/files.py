"""Where the shipped files are."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent
PICTURE = FOLDER / "astronaut.jpg"
