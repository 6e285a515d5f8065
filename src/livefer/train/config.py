"""The configuration of a training run: every key has an effect, and no other key is accepted."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from livefer.errors import ConfigError


class Strict(BaseModel):
    """Plain values with known keys alone."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


C = TypeVar("C", bound=Strict)


class Augment(Strict):
    """Augmentation of a batch of training faces, on the device; see `livefer.train.augment`."""

    flip: float = Field(0.5, ge=0, le=1, description="probability of a mirror image")
    rotation_deg: float = Field(0.0, ge=0, le=180, description="degrees, uniform within ± this")
    shift: float = Field(0.0, ge=0, le=1, description="share of the side, uniform within ± this")
    scale: tuple[float, float] = Field((1.0, 1.0), description="zoom, uniform; 1 is unchanged")
    brightness: float = Field(0.0, ge=0, le=1, description="share of white, uniform within ± this")
    contrast: float = Field(0.0, ge=0, lt=1, description="factor of the contrast, 1 ± this")
    gamma: float = Field(0.0, ge=0, lt=1, description="exponent, from 1 - this to 1 / (1 - this)")
    blur: float = Field(0.0, ge=0, le=1, description="probability of a Gaussian blur")
    degrade: float = Field(0.0, ge=0, le=1, description="probability of lower resolution and JPEG")
    noise: float = Field(0.0, ge=0, le=1, description="probability of a sensor's noise")
    erase: float = Field(0.0, ge=0, le=1, description="probability of an erased rectangle")
    mixup: float = Field(0.0, ge=0, description="alpha of mixup's Beta distribution, 0 is off")
    cutmix: float = Field(0.0, ge=0, description="alpha of CutMix's Beta distribution, 0 is off")
    clean_epochs: int = Field(0, ge=0, description="number of last epochs without mixup and CutMix")
    no_face: float = Field(
        0.0, ge=0, le=1, description="share turned into crops without a face, with even targets"
    )

    @model_validator(mode="after")
    def _ordered_scale(self) -> Augment:
        if not 0 < self.scale[0] <= self.scale[1]:
            raise ValueError(f"scale must have 0 < low <= high, got {list(self.scale)}")
        return self


class Distill(Strict):
    """Teachers, whose answers are learned beside the ground truth; see `livefer.train.distill`."""

    teachers: list[str] = Field([], description="checkpoints with the same heads and classes")
    weight: float = Field(0.7, ge=0, le=1, description="share of the teachers in the loss")
    temperature: float = Field(2.0, gt=0, description="softens the answers of teachers and student")


class Config(Strict):
    """One training run."""

    name: str = Field("run", pattern=r"^[\w.-]+$", description="folder of the run under runs/")
    data: str = Field("data/fer2013", description="data set: folder or CSV")
    seed: int = Field(0, ge=0, description="seed of initial weights, order and augmentation")
    votes: str = Field("", description="CSV of people's votes on the images")
    learn: Literal["labels", "votes", "both"] = Field(
        "labels", description="labels of the data set, votes of people, or both: a head for each"
    )
    train_images: int = Field(0, ge=0, description="number of images, drawn by the seed; 0 is all")
    drop_blank: bool = Field(False, description="leave out blank training images")
    drop_conflicting: bool = Field(
        False, description="leave out identical training images with different labels"
    )

    # PyTorch 2.13 crashes in the backward pass of narrower 1×1 convolutions on processors without
    # AVX-512 (oneDNN 3.12 writes out of bounds: https://github.com/uxlfoundation/oneDNN/issues/6035).
    width: int = Field(64, ge=8, description="channels of the first stage; 64 is ResNet-18")
    stem_stride: Literal[1, 2] = Field(
        1, description="stride of the first layer; 2 halves the resolution"
    )
    blocks: tuple[int, int, int, int] = Field(
        (2, 2, 2, 2), description="blocks in each stage; [3, 4, 6, 3] is ResNet-34"
    )
    shortcuts: bool = Field(True, description="false is a plain network, as VGG is")
    se: bool = Field(False, description="squeeze and excitation in every block")
    dropout: float = Field(0.5, ge=0, lt=1, description="before the head; half of it inside")
    init: str = Field(
        "random",
        description='initial weights: "random", "human" or "fer2013" (the shipped models), '
        '"imagenet", a checkpoint or a state dict',
    )

    epochs: int = Field(50, ge=1, description="passes over the training images")
    freeze_epochs: int = Field(0, ge=0, description="first epochs, which train the head alone")
    patience: int = Field(0, ge=0, description="stop after this many epochs without a better val")
    batch_size: int = Field(128, ge=2, description="images of a step, on all devices together")
    resolution: list[tuple[int, int]] = Field(
        [(0, 48)], description="[[from epoch, pixels], …]: side of the training faces"
    )
    optimizer: Literal["sgd", "adam", "adamw"] = Field(
        "sgd", description="sgd (Nesterov's), adam or adamw"
    )
    lr: float = Field(
        0.1, gt=0, title="learning_rate", description="highest learning rate; a cosine lowers it"
    )
    lr_floor: float = Field(0.0, ge=0, description="learning rate at the end of the cosine")
    warmup_epochs: float = Field(0.0, ge=0, description="epochs in which the learning rate rises")
    momentum: float = Field(0.9, ge=0, lt=1, description="of sgd")
    weight_decay: float = Field(0.0, ge=0, description="pull of the weights towards 0")
    decay_norm_and_bias: bool = Field(True, description="weight decay of BatchNorm and biases, too")
    ema: float = Field(0.0, ge=0, lt=1, description="decay of the averaged weights, 0 is off")
    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="share of each label spread over all classes"
    )
    class_weights: Literal["none", "inverse", "effective"] = Field(
        "none", description="weights for rare labels: none, inverse or effective (Cui et al. 2019)"
    )
    augment: Augment = Field(default_factory=Augment)  # type: ignore[arg-type]
    distill: Distill = Field(default_factory=Distill)  # type: ignore[arg-type]

    precision: Literal["auto", "float32", "bf16"] = Field(
        "auto", description="float32, bf16 or auto: bf16 where the device multiplies it natively"
    )
    compile: bool = Field(True, description="torch.compile, on a GPU")

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        starts = [start for start, _ in self.resolution]
        if not starts or starts[0] != 0 or starts != sorted(set(starts)):
            raise ValueError("resolution must have epochs in rising order that begin with 0")
        if any(not 16 <= px <= 96 for _, px in self.resolution):
            raise ValueError("resolution must have sides from 16 to 96 pixels")
        if self.learn != "labels" and not self.votes:
            raise ValueError(f'learn: {self.learn} needs a table of votes: "votes: FILE"')
        if self.lr_floor > self.lr:
            raise ValueError(f"lr_floor {self.lr_floor:g} is higher than lr {self.lr:g}")
        if self.freeze_epochs >= self.epochs:
            raise ValueError(
                f"freeze_epochs {self.freeze_epochs} of {self.epochs} epochs leaves none for the "
                "whole network: lower it, or raise epochs"
            )
        return self

    @property
    def heads(self) -> tuple[str, ...]:
        """The network's heads: "labels", "votes", or both in this order."""
        return ("labels", "votes") if self.learn == "both" else (self.learn,)

    def resolution_at(self, epoch: int) -> int:
        """Return the side in pixels of the training faces in `epoch`, counted from 0."""
        return next(px for start, px in reversed(self.resolution) if start <= epoch)


def load_config(path: Path | None = None, overrides: list[str] | None = None) -> Config:
    """Read a YAML file, apply `key=value` overrides (`augment.flip=0`), and validate.

    Raises ConfigError with the key, what was expected, and the nearest valid key.
    """
    return parse_config(read_values(path, overrides), str(path) if path else "the configuration")


def read_values(path: Path | None, overrides: list[str] | None) -> dict[str, Any]:
    """Return the plain values of a YAML file, changed by `key=value` overrides."""
    values: dict[str, Any] = {}
    if path is not None:
        values = _read_yaml(path)
    for override in overrides or []:
        key, separator, text = override.partition("=")
        if not separator or not key:
            raise ConfigError(f'"{override}" is not key=value, for example epochs=20')
        target = values
        *groups, leaf = key.strip().split(".")
        for group in groups:
            target = target.setdefault(group, {})
            if not isinstance(target, dict):
                raise ConfigError(f'"{key}": "{group}" has no keys below it')
        try:
            target[leaf] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ConfigError(f'"{override}": the value is not valid YAML ({error})') from None
    return values


def parse_config(values: dict[str, Any], origin: str) -> Config:
    """Validate plain values; ConfigError, which names their file `origin`, if they are wrong."""
    return validated(Config, values, origin)


def validated(kind: type[C], values: dict[str, Any], origin: str) -> C:
    """Return plain values as a kind of configuration; ConfigError if they are wrong."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise ConfigError(f"{origin}: {_explain(error, kind)}") from None


def describe_network(config: Config) -> str:
    """Return the network of a configuration in words."""
    depth = 2 * sum(config.blocks) + 2
    parts = [
        f"{'ResNet' if config.shortcuts else 'plain network'}-{depth}",
        f"width {config.width}",
        f"stem stride {config.stem_stride}",
    ]
    return ", ".join(parts + ["squeeze and excitation"] * config.se)


def config_yaml(config: Strict) -> str:
    """Return the whole configuration, defaults included, as YAML."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            f"{path} does not exist: expected a configuration, as in configs/"
        ) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} cannot be read as YAML: {error}") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f'{path} must have lines of "key: value", got a {type(values).__name__}')
    return values


def _explain(error: ValidationError, kind: type[Strict]) -> str:
    """Turn pydantic's findings into one line: key, what was expected, what came, nearest key."""
    parts = []
    for finding in error.errors():
        where = [str(part) for part in finding["loc"]]
        key = ".".join(where)
        if finding["type"] == "extra_forbidden":
            keys = _keys_by_name(kind)
            nearest = difflib.get_close_matches(key, keys, n=1, cutoff=0.0)[0]
            parts.append(f'unknown key "{key}"; the nearest is "{keys[nearest]}"')
        elif not where or finding["type"] == "value_error":
            parts.append(finding["msg"].removeprefix("Value error, "))
        else:
            parts.append(f'"{key}": {finding["msg"]}, got {finding["input"]!r}')
    return "; ".join(parts)


def _keys_by_name(kind: type[Strict]) -> dict[str, str]:
    """Return every key by its name, and by its long name if it has one."""
    names = {}
    for key, field in kind.model_fields.items():
        names[key] = key
        if isinstance(field.annotation, type) and issubclass(field.annotation, Strict):
            names |= {f"{key}.{name}": f"{key}.{name}" for name in field.annotation.model_fields}
        if field.title:
            names[field.title] = key
    return names
