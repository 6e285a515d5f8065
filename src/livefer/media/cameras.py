"""Cameras by their numbers: which one is meant, and why one could not be opened."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from livefer.errors import SourceError

DEVICE = "/dev/video{}"
"""The file of a camera on Linux."""

_N_TRIED = 4  # numbers of cameras, where the system does not list them: each one takes a moment
_IN_USE = "is another program using it?"
_SETTINGS = {
    "darwin": 'under "Privacy & Security > Camera" in the System Settings, allow the program that '
    "runs livefer, such as the Terminal",
    "win32": 'under "Privacy > Camera" in the Settings, allow desktop apps',
}


def camera_number(source: Any) -> int | None:
    """Return the number of the camera that 0, "0" or numpy.int64(0) means; None for other things.

    SourceError for a number below 0, and for True and False.
    """
    if isinstance(source, (bool, np.bool_)):
        raise SourceError(
            f"{source} is no source: expected the number of a camera, 0 for the first one"
        )
    if isinstance(source, str):
        is_below_0 = source[:1] == "-" and source[1:].isdecimal() and not os.path.exists(source)
        if not (source.isdecimal() or is_below_0):
            return None
    elif not isinstance(source, (int, np.integer)) and not _is_integer_array(source):
        return None
    number = int(source)
    if number < 0:
        raise SourceError(
            f'camera {number} does not exist: cameras count from 0; "livefer doctor" lists them'
        )
    return number


def camera_numbers() -> list[int]:
    """Return the numbers that cameras may have: of the devices on Linux, else the first few."""
    if sys.platform != "linux":
        return list(range(_N_TRIED))
    names = (path.name.removeprefix("video") for path in Path("/dev").glob("video*"))
    return sorted(int(name) for name in names if name.isdecimal())


def _is_integer_array(source: Any) -> bool:
    """Say whether a source is an array of no dimensions, as numpy.array(0)."""
    return isinstance(source, np.ndarray) and source.ndim == 0 and source.dtype.kind in "iu"


def why_not_opened(number: int) -> str:
    """Return the likely reason why a camera could not be opened, and what to do."""
    if sys.platform != "linux":
        todo = _SETTINGS.get(sys.platform)
        return f"{_IN_USE} If not, {todo}" if todo else _IN_USE
    device = DEVICE.format(number)
    in_container = f'in a container, add "--device {device}" to docker run'
    try:
        os.close(os.open(device, os.O_RDWR | os.O_NONBLOCK))
    except FileNotFoundError:
        return f"there is no {device}: connect it, or, {in_container}"
    except PermissionError as error:
        if error.errno == errno.EPERM:  # forbidden to the container, not to the user
            return f"{device} may not be opened here: {in_container}"
        return f"you may not open {device}: {_permission(os.stat(device))}"
    except OSError as error:
        if error.errno == errno.EBUSY:
            return _IN_USE
        return f"{device} does not open ({error.strerror}): connect the camera again"
    return _IN_USE


def _permission(device: os.stat_result) -> str:
    """Return how a user gets the permission to open a device."""
    import grp  # not on Windows

    if device.st_mode & 0o060 != 0o060:
        return "only its owner may; ask for the permission to read and write it"
    try:
        group = grp.getgrgid(device.st_gid).gr_name
    except KeyError:
        group = str(device.st_gid)
    return (
        f'join its group with "sudo usermod -aG {group} $USER" and log in again, or, in a '
        f'container, add "--group-add {device.st_gid}" to docker run'
    )
