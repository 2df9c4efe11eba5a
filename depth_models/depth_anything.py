"""The published weights of Depth Anything V2 (Yang et al. 2024, arXiv 2406.09414) as a checkpoint of network `dpt`.

Their files are state dicts of github.com/DepthAnything/Depth-Anything-V2, whose keys, shapes and settings are followed
here. A metric file and a relative one of one size hold tensors of the same names, so which it is must be said.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from depth_models.checkpoint import Checkpoint
from depth_models.errors import DepthModelsError
from depth_models.networks import create_network
from depth_models.networks.dpt import SIZES
from depth_models.networks.encoders import read_state
from depth_models.networks.vit import PATCH
from depth_models.preprocess import Preprocess

SIZE = (518, 686)  # what the published code makes of a 4:3 picture: the short side 518, multiples of 14
LICENCES = {"vit_small": "Apache-2.0", "vit_base": "CC-BY-NC-4.0", "vit_large": "CC-BY-NC-4.0"}
# Ours to theirs; numbers are of levels, theirs count from 1.
_NAMES = (
    (r"^encoder\.", "pretrained."),
    (r"^project\.", "depth_head.projects."),
    (r"^resize\.", "depth_head.resize_layers."),
    (r"^reduce\.(\d)", r"depth_head.scratch.layer<\1>_rn"),
    (r"^fuse\.(\d)\.project", r"depth_head.scratch.refinenet<\1>.out_conv"),
    (r"^fuse\.(\d)\.lateral", r"depth_head.scratch.refinenet<\1>.resConfUnit1"),
    (r"^fuse\.(\d)\.refine", r"depth_head.scratch.refinenet<\1>.resConfUnit2"),
    (r"^halve\.", "depth_head.scratch.output_conv1."),
    (r"^head\.", "depth_head.scratch.output_conv2."),
)
_MOST_LISTED = 20


def read_published(
    path: str | Path,
    max_depth_m: float | None,
    size: tuple[int, int] = SIZE,
    focal_px: float | None = None,
    record: dict[str, Any] | None = None,
) -> Checkpoint:
    """Read a published file (.pth or .safetensors); no code of it is run.

    Args:
        path: one of depth_anything_v2_{vits,vitb,vitl}.pth, relative, or depth_anything_v2_metric_{hypersim,vkitti}_*.
        max_depth_m: of a metric file, metres: 20 for hypersim, 80 for vkitti; None for a relative file.
        size: (height, width) of the network's canvas, multiples of 14.
        focal_px: canonical focal length in pixels of that canvas, for a metric file. None is as published: metres as
            they come, whatever the camera. Hypersim's pictures have 598 at a height of 518, Virtual KITTI's 1001.
        record: added to the checkpoint's record.

    Raises:
        DepthModelsError: not readable, or not such a file: every name and shape that differs is listed; the file's name
            says that it is of the other kind; a size or focal length that cannot be.
    """
    path, relative = Path(path), max_depth_m is None
    if any(side <= 0 or side % PATCH for side in size):
        raise DepthModelsError(f"dpt's canvas has multiples of {PATCH} pixels a side, got {size[0]}x{size[1]}")
    if relative and focal_px is not None:
        raise DepthModelsError("a relative file has no metres that a focal length could scale; leave it out")
    if path.name.startswith("depth_anything_v2") and ("metric" in path.name) == relative:
        raise DepthModelsError(
            f"{path.name} is the name of a published {'metric' if relative else 'relative'} file, and it was asked to "
            f"be read as a {'relative' if relative else 'metric'} one"
        )
    state = read_state(path)
    encoder = _encoder(path, state)
    config = {"encoder": encoder, "freeze_encoder": False, "relative": relative}
    config |= {} if relative else {"max_depth_m": float(max_depth_m)}  # type: ignore[arg-type]
    with torch.device("meta"):
        network = create_network("dpt", **config)
    names = {own: published_name(own) for own in network.state_dict()}
    _check(path, encoder, state, names, network.state_dict())
    preprocess = Preprocess(
        *size,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        focal_px=focal_px,
        interpolation="bicubic",
        metric=not relative,
    )
    kind = "relative" if relative else f"metric, up to {max_depth_m:g} m"
    described = {"origin": f"Depth Anything V2, {encoder}, {kind}", "licence": LICENCES[encoder], **(record or {})}
    tensors = {own: state[published].float() for own, published in names.items()}
    return Checkpoint("dpt", network.config, preprocess, tensors, described, str(path))


def published_name(own: str) -> str:
    """Name of a tensor of `dpt` -> its name in a published file."""
    for pattern, theirs in _NAMES:
        name, found = re.subn(pattern, theirs, own)
        if found:
            return re.sub(r"<(\d)>", lambda level: str(int(level[1]) + 1), name)
    raise ValueError(own)


def _encoder(path: Path, state: dict[str, Tensor]) -> str:
    """Which size of encoder the file is of."""
    token = state.get("pretrained.cls_token")
    widths = {SIZES[name].width: name for name in LICENCES}
    width = None if token is None or token.ndim != 3 else token.shape[2]
    if width not in widths:
        found = f"names such as {', '.join(list(state)[:3])}" if width is None else f"a width of {width}"
        raise DepthModelsError(
            f"{path}: not a published file of Depth Anything V2: expected pretrained.cls_token of shape (1, 1, C), C "
            f"one of {', '.join(map(str, widths))}, got {found}"
        )
    return widths[width]


def _check(path: Path, encoder: str, state: dict[str, Tensor], names: dict[str, str], own: dict[str, Tensor]) -> None:
    """Refuse a file whose tensors are not exactly the published ones."""
    shapes = {published: tuple(own[name].shape) for name, published in names.items()} | _unused(encoder)
    problems = [f"{name} is missing" for name in shapes if name not in state]
    problems += [f"{name} is unknown" for name in state if name not in shapes]
    problems += [
        f"{name} has shape {tuple(tensor.shape)}, expected {shapes[name]}"
        for name, tensor in state.items()
        if name in shapes and tuple(tensor.shape) != shapes[name]
    ]
    if problems:
        more = f"\n  and {len(problems) - _MOST_LISTED} more" if len(problems) > _MOST_LISTED else ""
        listed = "\n  ".join(problems[:_MOST_LISTED])
        raise DepthModelsError(
            f"{path}: {len(problems)} tensors differ from Depth Anything V2 with {encoder}:\n  {listed}{more}"
        )


def _unused(encoder: str) -> dict[str, tuple[int, ...]]:
    """What the files hold and no depth depends on: the mask of DINOv2's training, a unit that has nothing to merge."""
    size = SIZES[encoder]
    unit = "depth_head.scratch.refinenet4.resConfUnit1"
    shapes: dict[str, tuple[int, ...]] = {"pretrained.mask_token": (1, size.width)}
    for conv in ("conv1", "conv2"):
        shapes[f"{unit}.{conv}.weight"] = (size.features, size.features, 3, 3)
        shapes[f"{unit}.{conv}.bias"] = (size.features,)
    return shapes
