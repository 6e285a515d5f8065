"""Arrays cached between runs, in livefer's cache folder."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livefer.errors import LiveferError
from livefer.system.atomic import replacing
from livefer.system.downloads import cache_dir


def load_arrays(name: str) -> dict[str, NDArray[Any]] | None:
    """Return the arrays cached under a name; None where there are none, or they are damaged."""
    folder = cache_dir()
    if folder is None:
        return None
    try:
        with (folder / f"{name}.npz").open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            return {key: archive[key] for key in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return None


def save_arrays(name: str, arrays: Mapping[str, NDArray[Any]], replaces: str | None = None) -> None:
    """Cache arrays under a name. A cache that cannot be written costs only time, so is no error.

    replaces: a glob of other names, whose arrays are removed
    """
    folder = cache_dir()
    if folder is None:
        return
    target = folder / f"{name}.npz"
    with suppress(LiveferError), replacing(target) as part:
        with part.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]  # the stubs take `allow_pickle` for one
        for old in target.parent.glob(f"{replaces}.npz") if replaces else ():
            old.unlink(missing_ok=True)
