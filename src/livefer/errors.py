"""What livefer raises: each message says what was expected, what came and what to do."""

from __future__ import annotations


class LiveferError(Exception):
    """Any mistake that a user can mend; its text is the one line the command line prints."""


class SourceError(LiveferError):
    """A picture, video, folder, camera or URL that cannot be read, or ended in the middle."""


class ModelError(LiveferError):
    """A model or checkpoint that is missing, damaged or of another kind; a detector's file too."""


class DatasetError(LiveferError):
    """A data set that is missing, empty or of another layout."""


class ConfigError(LiveferError):
    """A configuration or option with an unknown key or a wrong value."""


class MissingExtraError(LiveferError):
    """A package of an optional extra that is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(what, extra)  # what another process makes the error of again

    def __str__(self) -> str:
        what, extra = self.args
        return f'{what} needs the "{extra}" extra: pip install "livefer[{extra}]"'
