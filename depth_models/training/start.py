"""What a run begins with: its network, and the frames that it learns from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from depth_models.checkpoint import Checkpoint, find_checkpoint
from depth_models.config import TrainConfig
from depth_models.data.joined import Joined, origins_of
from depth_models.data.sources import Source
from depth_models.data.splits import Split, make_split
from depth_models.distributed import world_size
from depth_models.errors import DepthModelsError
from depth_models.networks import create_network
from depth_models.networks.registry import DepthNetwork

_FINE = 0.2  # of the rate that a network was trained with, to fine-tune it


def fine_tuning(name: str, overrides: Iterable[str] = ()) -> TrainConfig:
    """The configuration that fine-tunes a checkpoint: the one that made it, on other data, at a fifth of its rate.

    A teacher that it had is left out.

    Args:
        name: a bundled name or a file.
        overrides: `key=value`, as `TrainConfig.load` takes them.

    Raises:
        DepthModelsError: the checkpoint cannot be read, or no training is in its record; or as `TrainConfig.load`.
    """
    checkpoint = Checkpoint.load(find_checkpoint(name)).without_sigma()
    values = checkpoint.record.get("config")
    if not isinstance(values, dict):
        raise DepthModelsError(
            f"{name}: its record has no training to take the settings from; name a configuration as well, such as "
            f"depth-models train {checkpoint.network} --init {name} ..."
        )
    preprocess = checkpoint.preprocess.to_dict() | {"calibration": None}  # it was of the depth before
    rates = dict(values["optimisation"])
    rates |= {rate: _FINE * rates[rate] for rate in ("lr", "encoder_lr") if rate in rates}
    own = {"init": name, "options": checkpoint.config, "preprocess": preprocess, "optimisation": rates, "mix": []}
    own |= {"distillation": {}}  # the teacher's file need not be here
    return TrainConfig.changed({**values, **own}, overrides, f"the record of {name}")


def first_network(config: TrainConfig) -> tuple[DepthNetwork, dict[str, Any]]:
    """The network to begin with, and the record of the checkpoint that it or its encoder comes from ({} for none).

    What carries no weight, such as the rate of dropout, may differ from the checkpoint's. Its sigma head is left out:
    it would not be that of the new depth.

    Raises:
        DepthModelsError: network, options or checkpoint cannot be used, or do not agree.
    """
    if config.options.get("sigma"):
        raise DepthModelsError(
            "options.sigma: the standard deviation is fitted after the depth; train without it, then depth-models "
            "confidence adds it"
        )
    if not config.init:
        return create_network(config.network, **config.options), _encoders_record(config.options.get("encoder_weights"))
    options = {name: value for name, value in config.options.items() if name != "encoder_weights"}
    network = create_network(config.network, **options)
    checkpoint = Checkpoint.load(find_checkpoint(config.init)).without_sigma()
    trained = checkpoint.build()
    own, theirs = network.state_dict(), trained.state_dict()
    if {name: t.shape for name, t in own.items()} != {name: t.shape for name, t in theirs.items()}:
        raise DepthModelsError(
            f"init {config.init!r} is a {trained.name!r} with {trained.config}, and the configuration a "
            f"{network.name!r} with {network.config}; make network and options agree"
        )
    network.load_state_dict(theirs)
    return network, {"checkpoint": config.init, "record": checkpoint.record}


def _encoders_record(weights: str | None) -> dict[str, Any]:
    """What is known of the encoder's weights: of those of another network, its training."""
    try:
        checkpoint = Checkpoint.load(weights or "")
    except DepthModelsError:  # a name, or a state dict, which says nothing of itself
        return {}
    return {"checkpoint": weights, "part": "encoder", "record": checkpoint.record}


def usable_split(config: TrainConfig, source: Source) -> Split:
    """The configuration's split of the data.

    Raises:
        DepthModelsError: it is not for this data; it has too few frames to take a step or to validate; its batches
            cannot be dealt to the processes; NYUv2's border is asked for in several files, which leave it out.
    """
    if config.border and isinstance(source, Joined):
        raise DepthModelsError(
            f"{source.path}: border is true, and of several files together NYUv2's border is always left out; train on "
            "one file alone, or with border: false"
        )
    split = make_split(config.split, source.scenes)
    frames = sum(shares_of(config, source, split.train) or [1.0] * len(split.train))
    what, step = f"{source.path}: split {config.split!r}", config.batch_size * config.accumulate
    if frames + 1e-6 < step:
        kind = "batch" if config.accumulate == 1 else f"step ({config.accumulate} batches of {config.batch_size})"
        raise DepthModelsError(
            f"{what} trains on {int(frames + 1e-6)} frames, fewer than one {kind} of {step}; lower batch_size"
        )
    if not split.val:
        raise DepthModelsError(f"{what} has no frame to validate on; give it more scenes (ten or more)")
    if config.batch_size % world_size():
        raise DepthModelsError(
            f"batch_size is {config.batch_size} over all processes, and cannot be dealt evenly to {world_size()}; "
            f"give a multiple, such as --set batch_size={world_size()}"
        )
    return split


def shares_of(config: TrainConfig, source: Source, indices: Sequence[int]) -> list[float] | None:
    """Per frame of `indices`, how often an epoch has it; None where all have all.

    Raises:
        DepthModelsError: the configuration's mix is of another number of data sets.
    """
    if not config.mix:
        return None
    origin = origins_of(source)
    if len(config.mix) != max(origin) + 1:
        raise DepthModelsError(
            f"mix has {len(config.mix)} shares, and there are {max(origin) + 1} data sets: {source.path}; give one for "
            "each, in the order of --data"
        )
    return [config.mix[origin[index]] for index in indices]
