"""The folder of a training run: its configuration, its log, and what it needs to go on where it stopped."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import torch
import yaml

from depth_models.config import TrainConfig
from depth_models.errors import DepthModelsError
from depth_models.files import written_whole

_FREE = {"workers", "keep_every", "tensorboard"}  # settings that do not change what a run computes


class RunFolder:
    """What a run leaves.

    config.yaml, split.json (its name, and the frames of each part), log.jsonl (an event a line), best.safetensors,
    last.safetensors, those of epochs that are kept, state.pt (to go on from) and tensorboard/.

    Args:
        path: the folder; made when the run claims it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.best, self.last = path / "best.safetensors", path / "last.safetensors"
        self.log_file, self.board = path / "log.jsonl", path / "tensorboard"
        self._state = path / "state.pt"

    def kept(self, epoch: int) -> Path:
        """The checkpoint of an epoch, for a run that keeps some."""
        return self.path / f"epoch_{epoch:04d}.safetensors"

    def claim(self, config: TrainConfig, split: dict[str, Any]) -> None:
        """Make the folder this run's, or see that it holds a run of the same configuration.

        Args:
            config: the run's.
            split: the run's, as JSON values.

        Raises:
            DepthModelsError: it holds another run, or cannot be written.
        """
        path = self.path / "config.yaml"
        if path.is_file():
            before, now = TrainConfig.load(path).to_dict(), config.to_dict()
            changed = [name for name in now if now[name] != before[name] and name not in _FREE]
            if changed:
                raise DepthModelsError(
                    f"{self.path}: holds a run with another {', '.join(changed)} (see {path}); choose another folder "
                    "with --out, or remove this one"
                )
        with written_whole(path) as temporary:
            temporary.write_text(yaml.safe_dump(config.to_dict(), sort_keys=False))
        with written_whole(self.path / "split.json") as temporary:
            temporary.write_text(json.dumps(split) + "\n")

    def log(self, event: dict[str, Any]) -> None:
        """Append an event.

        Raises:
            DepthModelsError: it cannot be written; what is there stays.
        """
        try:
            with self.log_file.open("a") as file:
                file.write(json.dumps(event) + "\n")
        except OSError as error:
            raise DepthModelsError(
                f"{self.log_file}: cannot be written ({error.strerror}); make room, and the same command goes on"
            ) from error

    def save(self, state: dict[str, Any]) -> None:
        """Replace the state, whole or not at all.

        Raises:
            DepthModelsError: it cannot be written; the one before stays.
        """
        buffer = io.BytesIO()  # torch.save into a file has errors of its own for a full disk
        torch.save(state, buffer)
        with written_whole(self._state) as temporary:
            temporary.write_bytes(buffer.getbuffer())

    def load(self) -> dict[str, Any] | None:
        """The state that was saved last, on the CPU, or None; events that came after it are taken out of the log.

        Raises:
            DepthModelsError: the state cannot be read.
        """
        if not self._state.is_file():
            self.log_file.unlink(missing_ok=True)
            return None
        try:
            state = torch.load(self._state, map_location="cpu", weights_only=True)
        except Exception as error:  # torch.load raises many classes on a broken file
            raise DepthModelsError(
                f"{self._state}: cannot be read ({error}); remove {self.path} to begin anew"
            ) from error
        self._trim_log(state["step"])
        return state

    def _trim_log(self, step: int) -> None:
        lines = self.log_file.read_text().splitlines() if self.log_file.is_file() else []
        with written_whole(self.log_file) as temporary:
            temporary.write_text("".join(f"{line}\n" for line in lines if _step(line) <= step))


def _step(line: str) -> float:
    """Of a line of the log; infinity for one that was cut off."""
    try:
        return json.loads(line)["step"]
    except ValueError:
        return float("inf")
