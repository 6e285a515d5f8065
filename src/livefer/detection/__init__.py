"""Face detectors: a picture in, boxes and scores out."""
