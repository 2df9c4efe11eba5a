"""How large a network trains: the paper's canvas and encoder, or smaller ones for a smaller budget."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from depth_models.config import TrainConfig
from depth_models.networks.encoders import LITE0

PAPER_CANVAS = (480, 640)
_PAPER_FRAMES = 960  # to train
PAPER_ENCODERS = {"baseline": "resnet18", "unet": "resnet152", "fpn": "resnext101_32x8d"}
SMALLER_ENCODER = LITE0  # its ImageNet weights come in a package, so that it needs no download
_LOWEST = 32  # canvas rows
_BATCH = 4  # where anything was cut: BatchNorm over one small image is mostly noise
_QUICK_LR = 1e-3  # the upper end of the paper's rates, for runs of less than a quarter of the paper's samples


@dataclass(frozen=True)
class Size:
    """A network's size.

    Attributes:
        canvas: (height, width) of the network's input, pixels.
        encoder: its name, or '' where the network has none.
    """

    canvas: tuple[int, int]
    encoder: str = ""


def canvases(frame: tuple[int, int]) -> list[tuple[int, int]]:
    """Canvases worth training on, the largest first: the paper's or the frames' own size, and halves of it.

    Args:
        frame: (height, width) of the data's frames, pixels.

    Returns:
        (height, width), multiples of 16 each, as every network takes them.
    """
    scale = min(PAPER_CANVAS[0] / frame[0], PAPER_CANVAS[1] / frame[1], 1.0)
    found: list[tuple[int, int]] = []
    while not found or frame[0] * scale >= _LOWEST * 0.75:
        height, width = (max(-(-round(side * scale) // 16) * 16, _LOWEST) for side in frame)
        found.append((height, width))
        scale /= 2
    return found


def encoders(network: str) -> list[str]:
    """Encoders to choose from, the paper's first."""
    return [PAPER_ENCODERS[network], SMALLER_ENCODER] if network in PAPER_ENCODERS else [""]


@cache
def papers(network: str) -> TrainConfig:
    """The paper's own configuration of a network, config/train/NETWORK.yaml."""
    return TrainConfig.load(network)


def configuration(network: str, size: Size, pretrained: bool = True) -> TrainConfig:
    """The paper's configuration of a network, brought to a size.

    Args:
        network: 'baseline', 'unet', 'fpn' or 'multiscale'.
        size: see `Size`; at the paper's own size nothing is changed but what a budget does not decide.
        pretrained: False leaves the encoder's weights random, for measuring speed.
    """
    config = papers(network)
    height, width = size.canvas
    options: dict[str, Any] = {}
    if size.encoder:
        weights = SMALLER_ENCODER if size.encoder == SMALLER_ENCODER else "imagenet"
        options = {"encoder": size.encoder, "encoder_weights": weights if pretrained else None}
    if network == "baseline":  # the paper's 160 x 240 map of a 480 x 640 image, from a layer of 60 x 80
        options |= {"map_size": [height // 3, width * 3 // 8], "hidden": [512, 512, 128, height * width // 64]}
    if network == "multiscale":
        options |= {"input_size": list(size.canvas)}
    focal_px = round((config.preprocess.focal_px or 0) * width / PAPER_CANVAS[1], 3)
    preprocess = replace(config.preprocess, height=height, width=width, focal_px=focal_px)
    if size.encoder == SMALLER_ENCODER:  # whose weights were trained so
        preprocess = replace(preprocess, mean=(0.5,) * 3, std=(0.5,) * 3)
    return replace(
        config,
        options=options,
        preprocess=preprocess,
        batch_size=config.batch_size if is_papers(network, size) else _BATCH,
        workers=_workers(),
        tensorboard=False,
    )


def is_papers(network: str, size: Size) -> bool:
    """Is this the size that the paper trains at?"""
    return size.canvas == PAPER_CANVAS and size.encoder == PAPER_ENCODERS.get(network, "")


def quick(config: TrainConfig, frames: int) -> TrainConfig:
    """With the paper's highest rate where there are few samples to learn from.

    Args:
        config: of the run.
        frames: that each of its epochs sees.
    """
    if config.epochs * frames >= papers(config.network).epochs * _PAPER_FRAMES / 4:
        return config
    return replace(config, optimisation=replace(config.optimisation, lr=_QUICK_LR))


def _workers() -> int:
    """Loader processes: starting one takes seconds, which only a GPU makes worth it."""
    import torch

    return 2 if torch.cuda.is_available() else 0


def changes(config: TrainConfig, frames: int, paper_frames: int) -> list[str]:
    """What a run has otherwise than the paper, a phrase each.

    Args:
        config: of the run.
        frames, paper_frames: training frames of the run, and of the data's whole training part.
    """
    paper, encoder = papers(config.network), config.options.get("encoder", "")
    usual = PAPER_ENCODERS.get(config.network, "")
    size = f"{config.preprocess.height}x{config.preprocess.width}"
    pairs = [
        ("canvas", size, f"{PAPER_CANVAS[0]}x{PAPER_CANVAS[1]}"),
        ("encoder", encoder, usual),
        ("training frames", frames, paper_frames),
        ("epochs", config.epochs, paper.epochs),
        ("batch", config.batch_size, paper.batch_size),
        ("learning rate", config.optimisation.lr, paper.optimisation.lr),
    ]
    return [f"{what} {ours} instead of {theirs}" for what, ours, theirs in pairs if ours != theirs]
