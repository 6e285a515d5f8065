"""livefer: facial expression recognition, live."""

__version__ = "0.1.0"
