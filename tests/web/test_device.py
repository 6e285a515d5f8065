from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from livefer.classifier import EmotionClassifier, shipped_models
from livefer.errors import ModelError
from livefer.web.device import device_files, external_files


def test_a_folder_for_browsers_has_every_file_that_its_card_names() -> None:
    models = [EmotionClassifier("fer2013"), EmotionClassifier("human")]
    found = device_files(models)
    card = json.loads(json.dumps(found.card, allow_nan=False))
    named = {card["detector"]["file"]}
    for model in card["models"]:
        named |= {model["file"], *(weights["file"] for weights in model["weights"])}
    assert set(found.files) == set(card["sizes"]) == named
    assert all(path.stat().st_size == card["sizes"][name] for name, path in found.files.items())
    assert [model["name"] for model in card["models"]] == ["fer2013", "human"]


@pytest.mark.parametrize(
    ("model", "weights"),
    [("human", ["int8.weights"]), ("human-float", ["float.weights"]), ("detector", [])],
)
def test_weights_outside_a_model_are_found_by_the_name_it_gives(
    model: str, weights: list[str]
) -> None:
    path = shipped_models()["human"].with_name(f"{model}.onnx")
    assert [found.name for found in external_files(path)] == weights
    assert all(found.is_file() for found in external_files(path))


def test_two_different_files_of_one_name_are_refused(tmp_path: Path) -> None:
    shipped = shipped_models()["human"]
    own = Path(shutil.copy(shipped, tmp_path))
    shutil.copy(shipped.with_name("int8.weights"), tmp_path)
    with pytest.raises(ModelError, match=r"models/human\.onnx: rename one"):
        device_files([EmotionClassifier("human"), EmotionClassifier(own)])


def test_a_server_describes_its_models_once_and_keeps_none_that_nobody_chose() -> None:
    pytest.importorskip("fastapi", reason='the server is missing: pip install "livefer[web]"')
    from livefer.web.app import Service
    from livefer.web.models import Models
    from livefer.web.workers import WorkerPool

    n_loaded = 0

    def load() -> EmotionClassifier:
        nonlocal n_loaded
        n_loaded += 1
        return EmotionClassifier("fer2013")

    models = Models(EmotionClassifier("human"), {"fer2013": load})
    service = Service(WorkerPool(models, {}, n_threads=1), runtime=None)

    async def ask() -> list[list[str]]:
        found = await asyncio.gather(*[service.device_files() for _ in range(3)])
        return [[model["name"] for model in one.card["models"]] for one in found]

    assert asyncio.run(ask()) == 3 * [["human", "fer2013"]]
    assert n_loaded == 1
    assert models.get("fer2013") is models.get("fer2013")
    assert n_loaded == 2, "it was not kept"
