"""The configuration of a detector's training run."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from livefer.train.config import Strict, read_values, validated


class DetectorConfig(Strict):
    """One training run of the face detector."""

    name: str = Field("detector", pattern=r"^[\w.-]+$", description="folder of the run under runs/")
    pictures: str = Field(
        "data/detector",
        description="folder with pictures/, cutouts/, faces/ and backgrounds/, labelled once",
    )
    seed: int = Field(0, ge=0, description="seed of initial weights and scenes")
    init: str = Field("", description="a run's last.safetensors to begin with; empty is random")
    steps: int = Field(8000, ge=1, description="batches of scenes")
    warmup_steps: int = Field(300, ge=1, description="steps in which the learning rate rises")
    batch_size: int = Field(32, ge=1, description="scenes of a step")
    side_px: int = Field(
        352, ge=64, multiple_of=32, description="side of a scene; faces have up to as much"
    )
    lr: float = Field(0.002, gt=0, description="highest learning rate; a cosine lowers it")
    weight_decay: float = Field(0.01, ge=0, description="of pointwise and full convolutions")
    ema: float = Field(0.999, ge=0, lt=1, description="decay of the averaged weights")


def load_config(path: Path | None = None, overrides: list[str] | None = None) -> DetectorConfig:
    """Read a YAML file and apply `key=value` overrides; ConfigError where that is wrong."""
    origin = str(path) if path else "the configuration"
    return validated(DetectorConfig, read_values(path, overrides), origin)
