"""The version of livefer."""

__version__ = "0.1.0"
