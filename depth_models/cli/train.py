"""`depth-models train`: one run in one folder."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from depth_models.cli.arguments import add_json

if TYPE_CHECKING:
    from depth_models.config import TrainConfig

HELP = "train a network, or go on with a run that was stopped"
_SHOWN = ("abs_rel", "delta1", "rmse")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to train, on what, where to."""
    parser.epilog = (
        "In several processes: torchrun --standalone --nproc-per-node 2 -m depth_models train ...; batch_size is then "
        "that of all of them together."
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("name", metavar="NAME", nargs="?", help="a shipped configuration: baseline, unet, fpn, ...")
    which.add_argument("--config", metavar="FILE", help="a configuration of your own, or a run's config.yaml")
    parser.add_argument(
        "--init", metavar="CKPT", help="fine-tune it, a bundled name or file; without NAME and --config as it was "
        "trained, at a fifth of its rate",
    )  # fmt: skip
    parser.add_argument(
        "--data", type=Path, required=True, action="append",
        help="file in NYU Depth V2's layout, folder of such files, or of frames; 'nyu' fetches NYU Depth V2 itself; "
        "several: see --set mix=[1,0.5]",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="of the run; one that is there goes on (default: runs/NAME)"
    )
    parser.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], help="change a setting, e.g. optimisation.lr=1e-3"
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Train to the end."""
    import json
    import shlex

    from depth_models.config import TrainConfig
    from depth_models.distributed import process_group, rank
    from depth_models.training import fine_tuning, train

    recipe, began_s = args.config or args.name, time.monotonic()
    if not (recipe or args.init):
        args.usage_error("name a configuration (NAME or --config FILE), or a checkpoint to fine-tune (--init CKPT)")
    if recipe:
        config = TrainConfig.load(recipe, [*args.set, *([f"init={json.dumps(args.init)}"] if args.init else [])])
    else:
        config = fine_tuning(args.init, args.set)
    out = args.out or Path("runs", Path(recipe or args.init).stem)
    words = ["depth-models", "train", *([args.name] if args.name else [])]
    words += ["--config", args.config] if args.config else []
    words += ["--init", args.init] if args.init else []
    words += [word for path in args.data for word in ("--data", path)] + ["--out", out]
    words += [word for change in args.set for word in ("--set", change)]
    with process_group():
        first = rank() == 0
        with _Bar(config, hidden=not first) as bar:
            train(config, args.data, out, bar.show, shlex.join(map(str, words)))
    if first:
        _summarise(out, time.monotonic() - began_s, args.json)
    return 0


class _Bar:
    """Progress on stderr: frames, time left, frames a second, epoch, loss, memory; a line for every epoch."""

    def __init__(self, config: TrainConfig, hidden: bool) -> None:
        from tqdm import tqdm

        self._frames = config.batch_size * config.accumulate
        self._bar = tqdm(unit="frame", dynamic_ncols=True, disable=hidden)

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def show(self, event: dict[str, Any]) -> None:
        """An event of `train`."""
        import sys

        bar, done = self._bar, event["step"] * self._frames
        if bar.total is None:  # a run that goes on begins where it stopped
            bar.total = event["steps"] * self._frames
            bar.initial = bar.n = done - self._frames
        bar.update(done - bar.n)
        values = {"epoch": f"{event['epoch']:.2f}", "loss": f"{event['loss']:.3f}", "memory": f"{_memory_gb():.1f} GB"}
        bar.set_postfix(values, refresh=False)
        if "val" in event:
            line = f"epoch {event['epoch']:.0f}: validation loss {event['val_loss']:.4f}, {_shown(event['val'])}"
            bar.write(line, file=sys.stderr)


def _memory_gb() -> float:
    """The most that this process has held: of the GPU's memory where there is one, else of the machine's."""
    import resource

    import torch

    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def _shown(metrics: dict[str, float]) -> str:
    return ", ".join(f"{name} {metrics[name]:.3f}" for name in _SHOWN)


def _summarise(out: Path, time_s: float, as_json: bool) -> None:
    """What the run left, and its best epoch."""
    import json

    from depth_models.checkpoint import Checkpoint
    from depth_models.run_folder import RunFolder

    folder = RunFolder(out)
    record = Checkpoint.load(folder.best).record
    if as_json:
        paths = {"checkpoint": folder.best, "last": folder.last, "log": folder.log_file, "folder": out}
        numbers = {"steps": record["steps"], "val": record["val"], "time_s": round(time_s, 1)}
        print(json.dumps({**{name: str(path) for name, path in paths.items()}, **numbers}, indent=2))
        return
    print(f"best   {folder.best}  (after {record['steps']} steps: {_shown(record['val'])} on the validation part)")
    print(f"last   {folder.last}")
    print(f"log    {folder.log_file}")
    if folder.board.is_dir():
        print(f"curves tensorboard --logdir {folder.board}")
    print(f"time   {time_s:.0f} s")
