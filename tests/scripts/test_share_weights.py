"""Two models that are one network, stored once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from training import random_split, write_two_headed

from livefer.classifier import EmotionClassifier
from livefer.errors import ModelError
from livefer.train.export import export

pytestmark = pytest.mark.slow


def test_what_two_models_share_is_stored_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faces, split = random_split(5).faces, random_split()
    two_headed = write_two_headed(tmp_path / "best.safetensors")
    files = [tmp_path / f"{labels}.onnx" for labels in ("labels", "votes")]
    for file in files:
        export(two_headed, file, split, file.stem)
    before = [EmotionClassifier(file).predict_with_cams(faces) for file in files]
    sizes = [file.stat().st_size for file in files]
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "scripts"))
    import share_weights

    for _ in range(2):  # what is shared can be shared again
        n_bytes = share_weights.share(files, tmp_path / "both.weights")
        assert n_bytes == (tmp_path / "both.weights").stat().st_size
        assert n_bytes + sum(file.stat().st_size for file in files) < 0.8 * sum(sizes)
        for file, answers in zip(files, before, strict=True):
            for ours, theirs in zip(
                EmotionClassifier(file).predict_with_cams(faces), answers, strict=True
            ):
                np.testing.assert_array_equal(ours, theirs)
    files[0].rename(tmp_path.parent / "alone.onnx")
    with pytest.raises(ModelError, match=r"both\.weights"):
        EmotionClassifier(tmp_path.parent / "alone.onnx")
