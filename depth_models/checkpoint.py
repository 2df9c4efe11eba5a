"""One self-describing file per trained network: weights, architecture, preprocessing and training record.

The container is safetensors: a JSON header and raw tensors. Loading one runs no code of the file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from depth_models.checkpoint_file import FORMAT, VERSION, StoredTensors, read_file
from depth_models.errors import DepthModelsError
from depth_models.files import share_folder, user_folder, written_whole
from depth_models.preprocess import Preprocess

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from depth_models.networks.registry import DepthNetwork


@dataclass(frozen=True)
class Checkpoint:
    """A trained network. Without torch until its tensors are used, so that a compiled network can run without.

    Attributes:
        network: its registry name.
        config: keyword arguments that build it.
        preprocess: how its input is made.
        tensors: its state dict, float32; of a file, read when first used.
        record: how it was made: data, seed, steps, package version, command, metrics. Plain JSON values.
        source: the file it came from, or ''.
    """

    network: str
    config: dict[str, Any]
    preprocess: Preprocess
    tensors: Mapping[str, Tensor]
    record: dict[str, Any] = field(default_factory=dict)
    source: str = ""

    @classmethod
    def of(cls, network: DepthNetwork, preprocess: Preprocess, record: dict[str, Any] | None = None) -> Checkpoint:
        """The checkpoint of a network in memory."""
        tensors = {k: v.detach().cpu() for k, v in network.state_dict().items() if not _is_counter(k)}
        return cls(network.name, dict(network.config), preprocess, tensors, record or {})

    @property
    def digest(self) -> str:
        """SHA-256, hexadecimal, of what decides the output for a canvas: architecture, weights, normalisation.

        Needs no torch. What is done with the output, such as its calibration, is not part of it.
        """
        pre, digest = self.preprocess, hashlib.sha256()
        how = [self.network, self.config, [pre.height, pre.width, pre.mean, pre.std]]
        digest.update(json.dumps(how, sort_keys=True).encode())
        stored = self.tensors.arrays() if isinstance(self.tensors, StoredTensors) else self.tensors
        for name in sorted(stored):
            array = np.ascontiguousarray(np.asarray(stored[name], np.float32))
            digest.update(f"{name} {array.shape}".encode())
            digest.update(array.data)
        return digest.hexdigest()

    def build(self) -> DepthNetwork:
        """The network with these weights, in eval mode.

        Raises:
            DepthModelsError: unknown network or option; an input size that it cannot take; tensors missing, unknown, of
                another shape, or not finite.
        """
        import torch

        with _blaming(self.source):
            network = self._architecture()
            own = {k: v for k, v in network.state_dict().items() if not _is_counter(k)}
            self._check({k: tuple(v.shape) for k, v in own.items()})
        network = network.to_empty(device="cpu")
        counters = {k: torch.zeros_like(v) for k, v in network.state_dict().items() if _is_counter(k)}
        network.load_state_dict({**self.tensors, **counters})
        return network.eval()

    def on_canvas(self, height: int, width: int) -> Checkpoint:
        """The same network fed with images of another size; metres stay metres, as the focal length tells them.

        It errs more there than on the canvas that it was trained on.
        """
        pre = self.preprocess
        return replace(self, preprocess=replace(pre, height=height, width=width))

    def without_sigma(self) -> Checkpoint:
        """The same depth without the head for its standard deviation, which further training would make wrong."""
        config = {k: v for k, v in self.config.items() if k != "sigma"}
        record = {k: v for k, v in self.record.items() if k != "confidence"}
        tensors = {k: v for k, v in self.tensors.items() if not k.startswith("sigma_head.")}
        return replace(self, config=config, tensors=tensors, record=record)

    def _architecture(self) -> DepthNetwork:
        """The network on the meta device: shapes only, no random numbers for 200 M parameters to be overwritten."""
        import torch

        from depth_models.networks import create_network

        if "encoder_weights" in self.config:  # would read another file, or ask a server
            raise DepthModelsError(f"its config asks for other weights ({self.config['encoder_weights']!r})")
        with torch.device("meta"):
            network = create_network(self.network, **self.config)
            network.check_input(torch.empty(1, 3, self.preprocess.height, self.preprocess.width))
        return network

    def _check(self, shapes: dict[str, tuple[int, ...]]) -> None:
        import torch

        problems = [f"{k} is missing" for k in shapes if k not in self.tensors]
        problems += [f"{k} is unknown" for k in self.tensors if k not in shapes]
        for name, tensor in self.tensors.items():
            if name in shapes and tuple(tensor.shape) != shapes[name]:
                problems.append(f"{name} has shape {tuple(tensor.shape)}, expected {shapes[name]}")
            elif not torch.isfinite(tensor).all():
                problems.append(f"{name} has values that are NaN or infinite")
        if problems:
            more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
            raise DepthModelsError(
                f"its tensors do not fit network {self.network!r} with {self.config}: {'; '.join(problems[:3])}{more}"
            )

    def save(self, path: str | Path, dtype: torch.dtype | None = None) -> None:
        """Write the file; it is complete or absent.

        Args:
            path: ends in .safetensors by convention.
            dtype: of the stored floating-point tensors, by default float32; float16 halves the file and is exact to 3
                digits. A tensor with values beyond its range, as a BatchNorm's variances may have, stays in float32.

        Raises:
            DepthModelsError: the file cannot be written, or a weight is NaN or infinite.
        """
        import torch
        from safetensors.torch import save

        dtype = torch.float32 if dtype is None else dtype
        if broken := [k for k, v in self.tensors.items() if not torch.isfinite(v).all()]:
            raise DepthModelsError(f"{path}: {broken[0]} has weights that are NaN or infinite; nothing was written")
        largest = torch.finfo(dtype).max
        tensors = {k: (v.to(dtype) if (v.abs() <= largest).all() else v).contiguous() for k, v in self.tensors.items()}
        document = {
            "format": FORMAT,
            "version": VERSION,
            "network": self.network,
            "config": self.config,
            "preprocess": self.preprocess.to_dict(),
            "record": self.record,
        }
        with written_whole(path) as temporary:
            temporary.write_bytes(save(tensors, metadata={FORMAT: json.dumps(document)}))

    @classmethod
    def load(cls, path: str | Path) -> Checkpoint:
        """Read a file that `save` wrote, whatever its suffix.

        Raises:
            DepthModelsError: no such file, not safetensors (a pickle, say), truncated, not one of ours, or newer.
        """
        document, tensors = read_file(Path(path))
        with _blaming(str(path)):
            preprocess = Preprocess.from_dict(document["preprocess"])
        return cls(document["network"], document["config"], preprocess, tensors, document["record"], str(path))


def _is_counter(name: str) -> bool:
    """BatchNorm's step counter: not used in inference, and not a weight."""
    return name.endswith("num_batches_tracked")


@contextmanager
def _blaming(source: str) -> Iterator[None]:
    """Errors of the block name the file and the way out."""
    try:
        yield
    except DepthModelsError as error:
        raise DepthModelsError(
            f"{source or 'checkpoint'}: {error}. Save it again with the version of the package that trained it"
        ) from error


def bundled() -> dict[str, Path]:
    """The checkpoints that come with the package, by name."""
    return {path.stem: path for path in sorted(share_folder("weights").glob("*.safetensors"))}


def added() -> dict[str, Path]:
    """The checkpoints that the user added with `depth-models weights`, by name."""
    return {path.stem: path for path in sorted(user_folder("weights").glob("*.safetensors"))}


def find_checkpoint(name_or_path: str | Path) -> Path:
    """The file of a bundled or added checkpoint by name, or the path itself.

    Raises:
        DepthModelsError: neither; the message says how to get weights for that network.
    """
    path, name = Path(name_or_path).expanduser(), str(name_or_path)  # no shell expands the ~ of weights:=~/x
    if name in (files := added() | bundled()):
        return files[name]
    if path.is_file():
        return path
    from depth_models.networks import list_networks

    known = f"bundled: {', '.join(bundled()) or 'none'}; added: {', '.join(added()) or 'none'}"
    if name in list_networks():
        raise DepthModelsError(
            f"no weights are bundled for {name!r}, and none were added ({known}). Train them: depth-models train "
            f"{name} --data FILE.mat --out runs/{name}; or add a file that you have: depth-models weights add FILE "
            f"--name {name}; or point to it: a path instead of the name, in ROS the parameter "
            "weights:=/path/to/file.safetensors"
        )
    raise DepthModelsError(
        f"{name!r} is neither a file nor a checkpoint's name ({known}) nor a network ({', '.join(list_networks())})"
    )
