"""Fits the head that tells how far a network's depth may be off. The depth itself stays as it is, to the bit.

A network is surer of what it was trained on than of anything else, so the frames must be others than those. Its
errors there are what the head learns to foretell, by the likelihood of a Laplace distribution of ln depth - ln truth
whose width the head gives; and then a power and a factor, found by cross-validation over scenes, make the intervals of
a normal distribution cover what they say, in each of the data sets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from depth_models.checkpoint import Checkpoint
from depth_models.data.joined import origins_of
from depth_models.data.sources import Source
from depth_models.data.splits import spread
from depth_models.data.transforms import mask_border
from depth_models.errors import DepthModelsError
from depth_models.networks import create_network
from depth_models.networks.registry import DepthNetwork
from depth_models.networks.sigma import HIDDEN, SHRINK, log_ratio, resized
from depth_models.preprocess import Preprocess
from depth_models.sparsification import INTERVALS

FRAMES, PIXELS = 400, 128  # at most so many frames, and pixels of each
FEWEST_SCENES = 8
BLIND = 4  # every so many frames, one is also shown as a picture that tells nothing
FOLDS = 4
EPOCHS, BATCH, RATE = 4, 512, 3e-3
_TOLERANCE = {0.68: 0.05, 0.95: 0.03}  # of coverage


@dataclass(frozen=True)
class _Rows:
    """Pixels: (n, C) float32 features of all maps side by side, (n,) ln depth - ln truth, and (n,) the number of their
    scene, -1 for those of a blind picture.
    """

    features: Tensor
    error: Tensor
    scene: Tensor


def fit_sigma(
    checkpoint: Checkpoint,
    source: Source,
    indices: Sequence[int],
    progress: Callable[[Sequence[int]], Iterable[int]] = iter,
) -> Checkpoint:
    """A checkpoint of the same depth with a sigma head, fitted on frames that the depth was not trained on.

    The same arguments give the same head. Takes a minute or two of one CPU core for a light network.

    Args:
        checkpoint: of a network that has the option `sigma`; a head that it has is replaced.
        source: data with truth.
        indices: the frames, of which at most `FRAMES` are taken, evenly spaced, of several data sets equally many.
        progress: yields the frames given to it, such as `tqdm.tqdm`.

    Raises:
        DepthModelsError: the network has no such option, there are too few scenes, or a frame cannot be read.
    """
    indices, origin = _chosen(source, indices)
    if (scenes := len({source.scenes[index] for index in indices})) < FEWEST_SCENES:
        raise DepthModelsError(
            f"{source.path}: frames of {scenes} scenes; a standard deviation that holds in others needs at least "
            f"{FEWEST_SCENES}. Give more data, or another --split or --part"
        )
    network = _with_head(checkpoint)
    rows = _gather(network, checkpoint, source, indices, progress)
    seen, log_ratios = rows.scene >= 0, torch.empty(len(rows.error))
    for fold in range(FOLDS):
        held_out = seen & (rows.scene % FOLDS == fold)
        layers = _fit(rows, ~held_out, seed=fold)
        with torch.no_grad():
            log_ratios[held_out] = _apply(layers, rows.features[held_out])
    origin_of = torch.tensor(list(origin.values()))  # in the order of the scenes' numbers
    power, factor = calibrating(log_ratios[seen].numpy(), rows.error[seen].numpy(), origin_of[rows.scene[seen]].numpy())
    _install(network, _fit(rows, torch.ones_like(seen), seed=FOLDS), power, factor)
    return Checkpoint.of(network, checkpoint.preprocess, checkpoint.record)


def _chosen(source: Source, indices: Sequence[int]) -> tuple[list[int], dict[str, int]]:
    """The frames to fit on; and by scene, in their order, the number of its data set."""
    origins = origins_of(source)
    sets: dict[int, list[int]] = {}
    for index in indices:
        sets.setdefault(origins[index], []).append(index)
    chosen = [index for one in sets.values() for index in spread(one, FRAMES // len(sets))]
    return chosen, {source.scenes[index]: origins[index] for index in chosen}


def calibrating(log_ratios: np.ndarray, errors: np.ndarray, origin: np.ndarray) -> tuple[float, float]:
    """The power and the factor that make a standard deviation of frames right on which the head was not fitted.

    Args:
        log_ratios: (N,) ln(sigma / depth), as the head gives it.
        errors: (N,) ln depth - ln truth.
        origin: (N,) number of the data set.

    Returns:
        The power of the greatest likelihood; and the factor after which the 68 % and the 95 % interval both cover in
        every data set as nearly what they say as one factor can make them.
    """
    powers = np.linspace(0.3, 1.3, 41)
    loss = [np.mean(p * log_ratios) + np.log(np.mean(np.abs(errors) * np.exp(-p * log_ratios))) for p in powers]
    power = float(powers[np.argmin(loss)])
    sigmas = np.abs(1 - np.exp(-errors)) / np.exp(power * log_ratios)  # |depth - truth| in sigmas
    factors = np.exp(np.linspace(np.log(0.05), np.log(20), 1200))
    worst = np.zeros(len(factors))
    for ranked in (np.sort(sigmas[origin == number]) for number in np.unique(origin)):
        for share, width in INTERVALS.items():
            covered = np.searchsorted(ranked, width * factors, side="right") / len(ranked)
            worst = np.maximum(worst, np.abs(covered - share) / _TOLERANCE[share])
    return power, float(factors[np.argmin(worst)])


def blinded(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A picture that shows no depth: noise, darkness, one colour, a heavy blur, or a few pixels of `rgb`."""
    height, width = rgb.shape[:2]
    kind = rng.integers(5)
    if kind == 0:
        return np.clip(rng.normal(rng.uniform(60, 200), rng.uniform(20, 90), rgb.shape), 0, 255).astype(np.uint8)
    if kind == 1:
        return (rgb * rng.uniform(0, 0.08)).astype(np.uint8)
    if kind == 2:
        return np.full_like(rgb, rng.integers(0, 256, 3))
    if kind == 3:
        return cv2.GaussianBlur(rgb, (0, 0), width * rng.uniform(0.03, 0.1))
    h, w = (max(int(side / rng.uniform(8, 20)), 2) for side in (height, width))
    top, left = rng.integers(0, height - h + 1), rng.integers(0, width - w + 1)
    return cv2.resize(rgb[top : top + h, left : left + w], (width, height), interpolation=cv2.INTER_CUBIC)


def _with_head(checkpoint: Checkpoint) -> DepthNetwork:
    """The network of a checkpoint with a fresh head."""
    plain = checkpoint.without_sigma()
    plain.build()  # checks the tensors
    torch.manual_seed(0)
    network = create_network(checkpoint.network, **plain.config, sigma=True)
    network.load_state_dict(plain.tensors, strict=False)
    return network.requires_grad_(False)


def _gather(
    network: DepthNetwork,
    checkpoint: Checkpoint,
    source: Source,
    indices: Sequence[int],
    progress: Callable[[Sequence[int]], Iterable[int]],
) -> _Rows:
    """Pixels of the frames, and of blind pictures that have the frames' truth: what is left of it is what rooms are."""
    numbers = {scene: number for number, scene in enumerate(dict.fromkeys(source.scenes[i] for i in indices))}
    rows: list[_Rows] = []
    inputs: list[Any] = []
    assert network.sigma_head is not None  # `_with_head` made it
    hook = network.sigma_head.register_forward_pre_hook(lambda head, given: inputs.append(given))
    for place, index in enumerate(progress(indices)):
        rng = np.random.default_rng(index)
        sample = mask_border(source[index], source.content)
        depth, valid = checkpoint.preprocess.target(sample)
        spots = np.argwhere(valid[0])
        if not len(spots):
            continue
        for is_blind in (False, True)[: 1 + (place % BLIND == 0)]:
            rgb = blinded(sample.rgb, rng) if is_blind else sample.rgb
            with torch.inference_mode():
                network(checkpoint.preprocess.normalise(torch.from_numpy(checkpoint.preprocess.canvas(rgb))[None]))
            y, x = spots[rng.integers(0, len(spots), PIXELS)].T
            maps, metres = inputs.pop()
            features, predicted = _read(maps, metres, y, x)
            error = torch.from_numpy(_log_error(checkpoint.preprocess, predicted, depth[0, y, x]))
            features, error = features[error.isfinite()], error[error.isfinite()]
            scene = -1 if is_blind else numbers[source.scenes[index]]
            rows.append(_Rows(features, error, torch.full(error.shape, scene)))
    hook.remove()
    if not rows:
        raise DepthModelsError(f"{source.path}: no truth in {len(indices)} frames; see depth-models data check")
    return _Rows(*(torch.cat([getattr(one, name) for one in rows]) for name in ("features", "error", "scene")))


def _read(maps: Sequence[Tensor], depth: Tensor, y: np.ndarray, x: np.ndarray) -> tuple[Tensor, np.ndarray]:
    """(n, C) what the head sees at pixels (y, x) of a frame, and (n,) what the network gives there."""
    size = (depth.shape[2] // SHRINK, depth.shape[3] // SHRINK)
    rows, columns = np.minimum(y // SHRINK, size[0] - 1), np.minimum(x // SHRINK, size[1] - 1)
    features = torch.cat([resized(m, size)[0, :, rows, columns] for m in maps]).T
    return features.clone(), depth[0, 0, y, x].numpy()


def _log_error(preprocess: Preprocess, predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """ln depth - ln truth of the network's own depth, what a calibration makes of a deviation undone; NaN for none."""
    metres = preprocess.calibrated(predicted)
    with np.errstate(invalid="ignore"):  # depth of which a calibration makes none
        error = np.log(metres / truth)
    if preprocess.calibration is None:
        return error
    return error * metres / (preprocess.calibration.slope(predicted) * predicted)


def _fit(rows: _Rows, chosen: Tensor, seed: int) -> nn.Sequential:
    """The head's two layers, fitted to some of the rows: (n,) bool; from features to what `log_ratio` takes."""
    numbers = chosen.nonzero()[:, 0]
    mean, std = rows.features.mean(dim=0), rows.features.std(dim=0).clamp_min(1e-3)
    torch.manual_seed(seed)
    first, second = nn.Linear(len(mean), HIDDEN), nn.Linear(HIDDEN, 1)
    layers = nn.Sequential(first, nn.ReLU(), second)
    steps_per_epoch = max(len(numbers) // BATCH, 1)
    steps = EPOCHS * steps_per_epoch
    optimizer = torch.optim.AdamW(layers.parameters(), lr=RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, steps)
    for step in range(steps):
        if step % steps_per_epoch == 0:
            order = numbers[torch.randperm(len(numbers))]
        batch, order = order[:BATCH], order[BATCH:]
        width = _apply(layers, (rows.features[batch] - mean) / std)
        loss = (width + rows.error[batch].abs() * torch.exp(-width)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():  # from standardised features to features as they are
        first.weight.div_(std)
        first.bias.sub_(first.weight @ mean)
    return layers


def _apply(layers: nn.Sequential, features: Tensor) -> Tensor:
    """(n,) ln(sigma / depth)."""
    return log_ratio(layers(features)[:, 0])


def _install(network: DepthNetwork, layers: nn.Sequential, power: float, factor: float) -> None:
    head = network.sigma_head
    assert head is not None  # `_with_head` made it
    state = layers.state_dict()
    reads = state["0.weight"].split(head.channels, dim=1)
    tensors = {f"reads.{number}.weight": weight[..., None, None] for number, weight in enumerate(reads)}
    tensors |= {
        "bias": state["0.bias"][:, None, None],
        "power": torch.tensor([power]),
        "factor": torch.tensor([factor]),
    }
    tensors |= {"write.weight": state["2.weight"][..., None, None], "write.bias": state["2.bias"]}
    head.load_state_dict(tensors)
