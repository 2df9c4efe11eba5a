"""A training run as data: nested settings with defaults, read from YAML, overridden from the command line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import yaml

from depth_models.data.transforms import Augmentation
from depth_models.errors import DepthModelsError
from depth_models.files import share_folder
from depth_models.preprocess import Preprocess

T = TypeVar("T")


@dataclass(frozen=True)
class Optimisation:
    """How weights move.

    Attributes:
        optimizer: 'adam' (the paper's) or 'adamw'.
        lr: learning rate of everything but the encoder.
        encoder_lr: of the encoder, where it is not frozen; 0 means `lr`.
        weight_decay: of 'adamw'.
        schedule: 'constant' (the paper's), 'cosine' down to a hundredth, or 'one_cycle' (up over the first three tenths
            of the run, then down to nothing).
        warmup_steps: steps over which the rate rises from 0.
        clip_norm: gradients are scaled down to this norm; 0 leaves them.
        ema: decay of the exponential moving average of the weights that validation and the checkpoint use; 0 for none.
        freeze_norm: whether BatchNorm normalises by the statistics that it began with, instead of every batch's own:
            to fine-tune with small batches, or 1.2 times as fast on a CPU. See `FrozenNorm`.
    """

    optimizer: str = "adam"
    lr: float = 1e-4
    encoder_lr: float = 0.0
    weight_decay: float = 0.0
    schedule: str = "constant"
    warmup_steps: int = 0
    clip_norm: float = 0.0
    ema: float = 0.0
    freeze_norm: bool = False

    def __post_init__(self) -> None:
        _one_of("optimizer", self.optimizer, ("adam", "adamw"))
        _one_of("schedule", self.schedule, ("constant", "cosine", "one_cycle"))
        others = (self.encoder_lr, self.weight_decay, self.clip_norm, self.warmup_steps)
        if self.lr <= 0 or not 0 <= self.ema < 1 or min(others) < 0:
            raise DepthModelsError(f"optimisation needs lr > 0, ema in 0 to 1, and no negative value; got {self}")


@dataclass(frozen=True)
class Distillation:
    """What is learnt from another network.

    Attributes:
        teacher: its checkpoint, a bundled name or a file, which must give metres; '' for none.
        share: of the loss that is against its depth, over 0 and up to 1; the rest is against the truth.
    """

    teacher: str = ""
    share: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise DepthModelsError(f"distillation needs a share over 0 and up to 1; got {self}")


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides a run but the data file. The defaults are the paper's where it says.

    Attributes:
        network: registry name.
        options: keyword arguments of the network, pretrained weights (`encoder_weights`) included.
        preprocess: the network's input.
        depth: which array of the file is the truth: 'depths' or 'rawDepths'.
        border: whether depth outside the picture counts, in the white border that NYUv2's frames have; for
            one file alone, as several together leave it out.
        split: see `depth_models.data.splits`.
        mix: where a run has several data sets, how much of the training part of each an epoch sees: over 0, and 1 for
            all; what it leaves out is drawn anew for every epoch. [] for all of all.
        augmentation: see `Augmentation`.
        loss: weight by name, see `depth_models.losses`.
        distillation: see `Distillation`.
        optimisation: see `Optimisation`.
        batch_size: training samples that the network sees at once, over all processes.
        accumulate: batches per step, which together make its gradient.
        epochs: passes over the training part.
        precision: 'fp32', 'bf16' or, with a GPU, 'fp16': the type of the convolutions.
        compile: translate the network with `torch.compile`, which takes a minute and needs a C++ compiler.
        seed: of the weights, the order and the augmentation.
        workers: loader processes.
        keep_every: epochs between checkpoints that are kept, beside the best and the last; 0 for none.
        tensorboard: whether curves and pictures are written for TensorBoard.
        init: checkpoint to begin with, a bundled name or a file, for fine-tuning; '' begins with `options`' weights.
    """

    network: str
    preprocess: Preprocess
    options: dict[str, Any] = field(default_factory=dict)
    depth: str = "depths"
    border: bool = False
    split: str = "scene"
    mix: list[float] = field(default_factory=list)
    augmentation: Augmentation = field(default_factory=Augmentation)
    loss: dict[str, float] = field(default_factory=lambda: {"smooth_l1": 1.0})
    distillation: Distillation = field(default_factory=Distillation)
    optimisation: Optimisation = field(default_factory=Optimisation)
    batch_size: int = 4
    accumulate: int = 1
    epochs: int = 20
    precision: str = "fp32"
    compile: bool = False
    seed: int = 0
    workers: int = 1
    keep_every: int = 0
    tensorboard: bool = True
    init: str = ""

    def __post_init__(self) -> None:
        _one_of("depth", self.depth, ("depths", "rawDepths"))
        _one_of("precision", self.precision, ("fp32", "bf16", "fp16"))
        if not isinstance(self.mix, list) or not all(type(s) in (int, float) and 0 < s <= 1 for s in self.mix):
            raise DepthModelsError(f"mix must be a list of shares over 0 and up to 1, such as [0.5, 1], got {self.mix}")
        for least, names in ((1, ("batch_size", "accumulate", "epochs")), (0, ("workers", "seed", "keep_every"))):
            for name in names:
                if getattr(self, name) < least:
                    raise DepthModelsError(f"{name} must be {least} or more, got {getattr(self, name)}")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for YAML and JSON; `from_dict` rebuilds an equal configuration."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], source: str = "configuration") -> TrainConfig:
        """Check and build.

        Raises:
            DepthModelsError: unknown or missing keys (the nearest right one is suggested), wrong types, bad values.
        """
        return _build(cls, values, source)

    @classmethod
    def load(cls, name_or_path: str | Path, overrides: Iterable[str] = ()) -> TrainConfig:
        """Read a YAML file, or the shipped one of that name (config/train/NAME.yaml).

        Args:
            name_or_path: e.g. 'unet' or a path.
            overrides: `key=value` with dots for nesting and YAML values, e.g. `optimisation.lr=1e-3`.

        Raises:
            DepthModelsError: no such file, not YAML, or as `from_dict`.
        """
        path = Path(name_or_path)
        if not path.is_file():
            shipped = share_folder("config") / "train"
            path = shipped / f"{name_or_path}.yaml"
            if not path.is_file():
                names = ", ".join(sorted(p.stem for p in shipped.glob("*.yaml")))
                raise DepthModelsError(f"{name_or_path}: neither a file nor one of the shipped configurations: {names}")
        try:
            values = yaml.safe_load(path.read_text())
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise DepthModelsError(f"{path}: not readable as YAML: {error}") from error
        if not isinstance(values, dict):
            raise DepthModelsError(f"{path}: expected a mapping of settings, got {type(values).__name__}")
        return cls.changed(values, overrides, str(path))

    @classmethod
    def changed(cls, values: dict[str, Any], overrides: Iterable[str], source: str) -> TrainConfig:
        """`from_dict` of `values` with the overrides (as in `load`), which are put into `values`.

        Raises:
            DepthModelsError: an override is none, or as `from_dict`.
        """
        for override in overrides:
            _override(values, override)
        return cls.from_dict(values, source)


def _override(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise DepthModelsError(f"{override!r}: expected key=value, such as optimisation.lr=1e-3")
    *path, last = key.split(".")
    for name in path:
        values = values.setdefault(name, {})
        if not isinstance(values, dict):
            raise DepthModelsError(f"{override!r}: {name} is a value, not a group of settings")
    try:
        values[last] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise DepthModelsError(f"{override!r}: {text!r} is not a YAML value ({error})") from error


def _build(cls: type[T], values: Any, where: str) -> T:
    """A dataclass from a mapping, nested ones included, every key and type checked."""
    if not isinstance(values, Mapping):
        raise DepthModelsError(f"{where}: expected a group of settings, got {values!r}")
    types, known = get_type_hints(cls), [f.name for f in fields(cls)]  # type: ignore[arg-type]
    for name in values:
        if name not in known:
            close = difflib.get_close_matches(str(name), known, n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            raise DepthModelsError(f"{where}: unknown setting {name!r}: {hint}It has: {', '.join(known)}")
    arguments = {name: _value(types[name], value, f"{where}: {name}") for name, value in values.items()}
    try:
        return cls(**arguments)
    except TypeError as error:  # a setting without a default is missing
        raise DepthModelsError(f"{where}: {error}") from error
    except DepthModelsError as error:
        raise DepthModelsError(f"{where}: {error}") from error


def _value(kind: Any, value: Any, where: str) -> Any:
    if isinstance(kind, type) and is_dataclass(kind):
        return _build(kind, value, where)
    if kind is float and (type(value) is int or isinstance(value, str)):
        try:
            return float(value)  # YAML 1.1 reads 1e-3 as a text
        except ValueError:
            pass
    if get_origin(kind) is dict and isinstance(value, dict):
        return {str(name): _value(get_args(kind)[1], item, f"{where}: {name}") for name, item in value.items()}
    kind = get_origin(kind) or kind
    if kind in (str, int, float, bool, dict) and type(value) is not kind:
        raise DepthModelsError(f"{where}: expected {kind.__name__}, got {value!r}")
    return value


def _one_of(what: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise DepthModelsError(f"{what} is {value!r}; expected one of {', '.join(choices)}")
