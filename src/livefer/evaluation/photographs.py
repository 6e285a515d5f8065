"""A model's answers on photographs → the faces that are found, the right answers, the mistakes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livefer.data.photos import Photos
from livefer.evaluation.gallery import worst_mistakes
from livefer.evaluation.report import Share, share_of


@dataclass(frozen=True, slots=True)
class PhotoScores:
    """What a detector and a model make of photographs.

    found: photographs with a face
    n_several: photographs with several faces, of which the largest counts
    right: right answers on the faces that are found
    right_of_all: right answers of all photographs; one without a face has none
    """

    detector: str
    found: Share
    n_several: int
    right: Share
    right_of_all: Share

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that json can write."""
        return {
            "detector": self.detector,
            "n_photos": self.found.n_images,
            **self.found.to_dict("found"),
            "n_several": self.n_several,
            **self.right.to_dict("right"),
            **self.right_of_all.to_dict("right_of_all"),
        }


def measure_photos(photos: Photos, right: NDArray[np.bool_]) -> PhotoScores:
    """Count faces and right answers; right: (N,) bool, of the faces that are found."""
    missed = np.zeros(len(photos.missed), bool)
    return PhotoScores(
        photos.detector,
        share_of(np.concatenate([np.ones_like(right), missed])),
        len(photos.several),
        share_of(right),
        share_of(np.concatenate([right, missed])),
    )


def photo_lists(
    photos: Photos, probabilities: NDArray[np.float32], classes: tuple[str, ...]
) -> dict[str, Any]:
    """Return the photographs to look at, as plain data that json can write.

    probabilities: (N, C) float32, columns as in classes
    """
    split, predicted = photos.split, probabilities.argmax(axis=1)
    return {
        "missed": list(photos.missed.files),
        "several": photos.several,
        "not_readable": [split.files[i] for i in np.flatnonzero(~photos.is_readable)],
        "unreadable": [{"file": file, "reason": why} for file, why in photos.unreadable],
        "mistakes": [
            {
                "file": split.files[i],
                "true": classes[split.targets[i]],
                "taken_for": classes[predicted[i]],
                "confidence": round(float(probabilities[i].max()), 4),
            }
            for i in worst_mistakes(probabilities, split.targets)
        ],
    }
