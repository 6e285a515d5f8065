"""Where the shipped files are."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent
PICTURE = FOLDER / "astronaut.jpg"


def pyinstaller_hooks() -> list[str]:
    """Return the folder with PyInstaller's hook: the entry point `pyinstaller40` asks for it."""
    return [str(FOLDER / "pyinstaller")]
