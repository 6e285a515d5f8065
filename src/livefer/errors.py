"""The errors that livefer raises. Each message names what was expected, what came, and what to do.

    LiveferError            any mistake that a user can mend
    ├── SourceError         a picture, video, folder, camera or URL that cannot be read to its end
    ├── ModelError          a model, checkpoint or detector file: missing, damaged, of another kind
    ├── DatasetError        a data set or result table: missing, empty, of another layout
    ├── ConfigError         an option or a key of a configuration: unknown, or with a wrong value
    ├── OutputError         a file that cannot be written, although others could be
    └── MissingExtraError   a package of an optional extra that is not installed

The command line prints the message as one line and ends with exit code 1. Wrong arguments of a
Python call, such as an array of another shape, raise ValueError.
"""

from __future__ import annotations


class LiveferError(Exception):
    """Any mistake that a user can mend; `str(error)` is one line."""


class SourceError(LiveferError):
    """A picture, video, folder, camera or URL that cannot be read, or that ends too early."""


class ModelError(LiveferError):
    """A model, checkpoint or detector file that is missing, damaged or of another kind."""


class DatasetError(LiveferError):
    """A data set or result table that is missing, empty or of another layout."""


class ConfigError(LiveferError):
    """An option or a key of a configuration that is unknown or has a wrong value."""


REINSTALL = (
    "this installation is damaged: install livefer again (an app by PyInstaller: build it again, "
    "where livefer is installed by pip, so that its hook is found)"
)


class OutputError(LiveferError):
    """A file that cannot be written, although others could be: a name that is too long, an image
    that the format cannot hold. Work on many files continues with the next one.
    """


class MissingExtraError(LiveferError):
    """A package of an optional extra that is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(what, extra)  # pickle calls __init__ with these arguments again

    def __str__(self) -> str:
        what, extra = self.args
        return f'{what} needs the "{extra}" extra: pip install "livefer[{extra}]"'
