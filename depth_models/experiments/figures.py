"""The paper's figures 5 to 10, and the pictures behind the experiments' numbers, as PNG files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from depth_models.experiments import looks
from depth_models.experiments.numbers import constant_mae, mean_training_depth
from depth_models.experiments.plan import NETWORKS, PLAIN, Run
from depth_models.experiments.workspace import Workspace
from depth_models.files import written_whole
from depth_models.predictor import DepthPredictor
from depth_models.types import Sample
from depth_models.visualization import INVALID_GREY, depth_range

SHOWN = 4  # test frames in figures 5 and 6
_COLOURS = {"l1": "tab:green", "l2": "tab:red", "smooth_l1": "tab:blue"}


@contextmanager
def _drawn(path: Path, rows: int, columns: int, cell: tuple[float, float]) -> Iterator[Any]:
    """A figure and its (rows, columns) axes, each of `cell` (width, height) inches; saved when the block ends."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure((cell[0] * columns, cell[1] * rows), layout="constrained")
    FigureCanvasAgg(figure)
    yield figure, figure.subplots(rows, columns, squeeze=False)
    with written_whole(path) as temporary:
        figure.savefig(temporary, dpi=110, bbox_inches="tight")


def _show(axes: Any, title: str, picture: np.ndarray, limits: tuple[float, float] | None = None) -> Any:
    """A photograph, or a depth map where `limits` are given: viridis, dark blue near, bright yellow far."""
    from matplotlib import colormaps

    axes.set_title(title, fontsize=9)
    axes.set_xticks([])
    axes.set_yticks([])
    if limits is None:
        return axes.imshow(picture)
    viridis = colormaps["viridis"].with_extremes(bad=(INVALID_GREY / 255,) * 3)
    return axes.imshow(np.ma.masked_invalid(picture), cmap=viridis, vmin=limits[0], vmax=limits[1])


def _truth(sample: Sample) -> np.ndarray:
    return np.where(sample.valid, sample.depth, np.nan)


def predictions(work: Workspace, path: Path) -> None:
    """Figure 5: input, truth and every network's prediction, one colour bar in metres a row."""
    predictors = {network: work.predictor(Run(network)) for network in NETWORKS}
    samples = list(work.samples("test", SHOWN))
    with _drawn(path, len(samples), 2 + len(NETWORKS), (2.1, 1.75)) as (figure, axes):
        for row, sample in zip(axes, samples, strict=True):
            camera = sample.camera
            maps = {"truth": _truth(sample)}
            maps |= {n: predict(sample.rgb, fx=camera.fx, fy=camera.fy).metres for n, predict in predictors.items()}
            limits = depth_range(*maps.values())
            _show(row[0], "input", sample.rgb)
            for cell, (title, depth) in zip(row[1:], maps.items(), strict=True):
                image = _show(cell, title, depth, limits)
            figure.colorbar(image, ax=list(row), label="depth (m)", shrink=0.9, pad=0.01)


def coarse_map(work: Workspace, path: Path) -> None:
    """Figure 6: the coarse map of multiscale beside its final one."""
    predictor = work.predictor(Run("multiscale"))
    samples = list(work.samples("test", SHOWN))
    with _drawn(path, len(samples), 4, (2.4, 1.75)) as (figure, axes):
        for row, sample in zip(axes, samples, strict=True):
            fine, coarse = _maps(predictor, sample)
            limits = depth_range(_truth(sample), fine, coarse)
            _show(row[0], "input", sample.rgb)
            _show(row[1], "coarse map", coarse, limits)
            _show(row[2], "final map", fine, limits)
            image = _show(row[3], "truth", _truth(sample), limits)
            figure.colorbar(image, ax=list(row), label="depth (m)", shrink=0.9, pad=0.01)


def _maps(predictor: DepthPredictor, sample: Sample) -> tuple[np.ndarray, np.ndarray]:
    """Final and coarse depth of `multiscale`, (H, W) metres of the sample's size each."""
    checkpoint, camera, (height, width) = predictor.checkpoint, sample.camera, sample.valid.shape
    pre = checkpoint.preprocess
    with torch.inference_mode():
        output = checkpoint.build()(pre.normalise(torch.from_numpy(pre.canvas(sample.rgb))[None]))
    maps = (output.depth[0].numpy(), output.aux[0][0].numpy())
    fine, coarse = (pre.restore(depth, height, width, camera.fx, camera.fy).metres for depth in maps)
    return fine, coarse


def training_curves(work: Workspace, network: str, path: Path) -> None:
    """Figures 7 to 10: training and validation loss of a network over epochs."""
    curves = work.curves(Run(network))
    epochs = range(1, len(curves.val_loss) + 1)
    with _drawn(path, 1, 1, (5.0, 3.2)) as (_, ((axes,),)):
        axes.plot(epochs, curves.train_loss, marker=".", label="training")
        axes.plot(epochs, curves.val_loss, marker=".", label="validation")
        _label(axes, network, "Smooth L1 (m)")
        axes.legend(fontsize=8)


def loss_curves(work: Workspace, path: Path) -> None:
    """Validation MAE and RMSE over epochs of every network with each loss: one scale, so that losses compare."""
    with _drawn(path, 2, len(NETWORKS), (2.9, 2.5)) as (figure, axes):
        for column, network in zip(axes.T, NETWORKS, strict=True):
            for run in (run for run in work.compared if run.network == network):
                values, loss = work.curves(run).val, run.loss
                for cell, name in zip(column, ("mae", "rmse"), strict=True):
                    cell.plot(range(1, len(values) + 1), [v[name] for v in values], color=_COLOURS[loss], label=loss)
                    _label(cell, network, f"validation {name.upper()} (m)")
            constant = constant_mae(work, Run(network))
            column[0].axhline(constant, color="grey", linestyle="--", label="best constant depth")
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=4, fontsize=9)


def position_prior(work: Workspace, path: Path) -> None:
    """The mean training depth, and the baseline's depth of a blank image, of an image and of its mirrored one."""
    sample = next(work.samples("test"))
    mirrored = np.ascontiguousarray(sample.rgb[:, ::-1])
    mean = mean_training_depth(work)
    with _drawn(path, 2, 4, (2.4, 1.9)) as (figure, axes):
        for row, run in zip(axes, (PLAIN, Run("baseline")), strict=True):
            predictor = work.predictor(run)
            empty = looks.blank(sample, predictor.checkpoint.preprocess.mean)
            maps = {
                "mean training depth": mean,
                "of a blank image": looks.predict(predictor, sample, empty),
                "of an image": looks.predict(predictor, sample),
                "of it mirrored": looks.predict(predictor, sample, mirrored),
            }
            limits = depth_range(*maps.values())
            for cell, (title, depth) in zip(row, maps.items(), strict=True):
                image = _show(cell, title, depth, limits)
            row[0].set_ylabel("with augmentation" if run.augmented else "without", fontsize=9)
            figure.colorbar(image, ax=list(row), label="depth (m)", shrink=0.9, pad=0.01)


def _label(axes: Any, title: str, values: str) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_title(title, fontsize=9)
    axes.set_xlabel("epoch", fontsize=8)
    axes.set_ylabel(values, fontsize=8)
    axes.tick_params(labelsize=8)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)


def draw(work: Workspace, names: tuple[str, ...]) -> list[dict[str, str]]:
    """The pictures of some experiments, in the folder figures.

    Args:
        work: with all runs finished.
        names: of the experiments.

    Returns:
        For each its 'file', relative to the folder, its 'experiment' and its 'caption'.
    """
    drawn: list[dict[str, str]] = []

    def add(experiment: str, name: str, caption: str, picture: Any, *arguments: Any) -> None:
        if experiment not in names:
            return
        path = work.path / "figures" / f"{name}.png"
        if not path.is_file():
            picture(work, *arguments, path)
        drawn.append({"file": f"figures/{name}.png", "experiment": experiment, "caption": caption})

    add("losses", "losses", "Validation error over epochs, each network with each loss.", loss_curves)
    caption = "What the baseline has learnt of position, without augmentation (above) and with it (below)."
    add("ablations", "position-prior", caption, position_prior)
    add("figures", "figure5", "Figure 5: dark blue is near, bright yellow far; grey has no truth.", predictions)
    add("figures", "figure6", "Figure 6: the coarse map of multiscale, and what the fine path makes of it.", coarse_map)
    for number, network in enumerate(NETWORKS, 7):
        caption = f"Figure {number}: training and validation loss of {network} over epochs."
        add("figures", f"figure{number}", caption, training_curves, network)
    return drawn
