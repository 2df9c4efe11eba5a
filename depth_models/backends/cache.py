"""Compiled networks on disk, each in a folder named after all that it was made from."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from depth_models.errors import DepthModelsError
from depth_models.files import PACKAGE

LOG = logging.getLogger("depth_models.backends")
VARIABLE = "DEPTH_MODELS_CACHE"
_ABOUT = "about.json"
_VERSION = 3  # changes when what is built from the same key does


def cache_folder() -> Path:
    """$DEPTH_MODELS_CACHE, else this package's folder in the user's cache (XDG base directories). It may be deleted."""
    if own := os.environ.get(VARIABLE):
        return Path(own).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(cache) if Path(cache).is_absolute() else Path("~/.cache").expanduser()
    return base / PACKAGE


def cached(key: dict[str, Any], build: Callable[[Path], dict[str, Any]]) -> Path:
    """The folder of what `build` makes for `key`; made only where it is not there, or no longer whole.

    A folder is there whole or not at all, and of several processes one builds while the others wait.

    Args:
        key: JSON values: all that the result depends on.
        build: puts files into the folder given to it; what it returns is kept beside them for people to read.

    Raises:
        DepthModelsError: the cache cannot be written, or what `build` raises.
    """
    from filelock import FileLock

    folder = cache_folder() / entry_name(key)
    if _is_whole(folder, key):
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_suffix(".lock")):
            if not _is_whole(folder, key):
                _build(folder, key, build)
    except OSError as error:
        raise DepthModelsError(
            f"the cache {folder.parent} cannot be written ({error.strerror or error}); free space or access there, or "
            f"name another folder in the environment variable {VARIABLE}"
        ) from error
    return folder


def entry_name(key: dict[str, Any]) -> str:
    """The name of a key's folder or file in the cache."""
    return hashlib.sha256(json.dumps([_VERSION, key], sort_keys=True).encode()).hexdigest()[:32]


def _build(folder: Path, key: dict[str, Any], build: Callable[[Path], dict[str, Any]]) -> None:
    """Under the lock. What a process left that was killed here is removed by the next."""
    part = folder.with_suffix(".part")
    if folder.exists():
        LOG.warning("%s is damaged and is built again", folder)
    for leftover in (folder, part):
        shutil.rmtree(leftover, ignore_errors=True)
    part.mkdir()
    try:
        facts = build(part)
        about = {"key": key, "facts": facts, "files": {path.name: _digest(path) for path in sorted(part.iterdir())}}
        (part / _ABOUT).write_text(json.dumps(about, indent=2))
        part.rename(folder)
    finally:
        with suppress(OSError):
            shutil.rmtree(part)


def _is_whole(folder: Path, key: dict[str, Any]) -> bool:
    """Is it of this key, and has every file the bytes that were written?"""
    try:
        about = json.loads((folder / _ABOUT).read_text())
        return about["key"] == json.loads(json.dumps(key)) and all(
            _digest(folder / name) == digest for name, digest in about["files"].items()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
