"""Files that are whole or absent, and where the package's own files lie."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from depth_models.errors import DepthModelsError

PACKAGE = "depth_estimation_ros"


@contextmanager
def written_whole(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, renamed to it when the block ends well and removed when it does not.

    Raises:
        DepthModelsError: the folder cannot be written to, or the disk is full.
    """
    path = Path(path)
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # mkstemp makes the file private; a finished file has the mode that open() would have given it.
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=path.suffix, dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise DepthModelsError(
            f"{path}: cannot be written ({error.strerror or error}); nothing was left there"
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield the path of a folder that the block makes; when it ends well, the folder is moved to `path`, else removed.

    Raises:
        DepthModelsError: `path` is there already, cannot be written to, or the disk is full.
    """
    if path.exists():
        raise DepthModelsError(f"{path}: is there already; name a folder to be made, or remove it")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as temporary:
            folder = Path(temporary) / path.name
            yield folder
            folder.rename(path)
    except OSError as error:
        raise DepthModelsError(
            f"{path}: cannot be written ({error.strerror or error}); nothing was left there"
        ) from error


def share_folder(name: str) -> Path:
    """Folder `config` or `weights` of the package: of the source tree, or installed under share/ (pip and colcon).

    Raises:
        DepthModelsError: neither is there.
    """
    module = Path(__file__).resolve().parent
    source = {"config": module.parent / "config", "weights": module / "weights"}[name]
    if (module.parent / "package.xml").is_file() and source.is_dir():
        return source
    for parent in module.parents:
        if (folder := parent / "share" / PACKAGE / name).is_dir():
            return folder
    raise DepthModelsError(
        f"the package's {name} folder was not found beside {module} nor in a share/{PACKAGE} above it; reinstall it"
    )


def user_folder(name: str) -> Path:
    """The user's own folder of that name for this package, which may not be there yet (XDG base directories)."""
    data = os.environ.get("XDG_DATA_HOME", "")
    # Not pathlib's, which fails where the user has no home.
    base = Path(data) if Path(data).is_absolute() else Path(os.path.expanduser("~/.local/share"))
    return base / PACKAGE / name
