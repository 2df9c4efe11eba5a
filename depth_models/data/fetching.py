"""NYU Depth V2's labelled file, fetched from the data set's own server once: for who names it instead of a path."""

from __future__ import annotations

import hashlib
import logging
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from depth_models.errors import DepthModelsError
from depth_models.files import user_folder

LOG = logging.getLogger(__name__)
_PART = 1 << 20  # bytes read at once
_TIMEOUT_S = 60  # without a byte
_TELLINGS = 20  # of how far it has come


@dataclass(frozen=True)
class RemoteFile:
    """A file that lies on a server.

    Attributes:
        address: of the file; its last part is the file's name.
        bytes: its size.
        md5: of the whole file, 32 hexadecimal digits. Nobody publishes it beside the file; projects that fetch the file
            agree on it.
    """

    address: str
    bytes: int
    md5: str

    @property
    def name(self) -> str:
        """The file's."""
        return self.address.rpartition("/")[2]


# What `--data NAME` fetches where nothing of that name lies on the disk.
REMOTE = {
    "nyu": RemoteFile(
        "http://horatio.cs.nyu.edu/mit/silberman/nyu_depth_v2/nyu_depth_v2_labeled.mat",
        2_972_037_809,
        "520609c519fba3ba5ac58c8fefcc3530",
    )
}


def located(path: str | Path) -> Path:
    """What lies at a path; or where nothing does and it is a name such as 'nyu', the file of that name, fetched once.

    Raises:
        DepthModelsError: nothing there and no such name; or as `fetched`.
    """
    if Path(path).exists():
        return Path(path)
    if str(path) not in REMOTE:
        names = ", ".join(REMOTE)
        raise DepthModelsError(f"{path}: no such data file or folder, nor a name of what can be fetched: {names}")
    return fetched(REMOTE[str(path)])


def fetched(remote: RemoteFile) -> Path:
    """Where the file lies in the user's folder `data`; fetched if it is not there yet.

    What was fetched before an interruption is kept, and the next call goes on behind it. Processes that call this at
    once wait for the one that fetches.

    Raises:
        DepthModelsError: the server cannot be reached or gives another file; the disk is full or cannot be written to.
    """
    from filelock import FileLock

    folder = user_folder("data")
    path, part = folder / remote.name, folder / f".{remote.name}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f".{remote.name}.lock"):
            if not path.is_file():
                _complete(remote, part, path)
                _check(remote, part)
                part.replace(path)
    except OSError as error:
        raise DepthModelsError(
            f"{folder}: cannot be written ({error.strerror or error}); {remote.name} needs {remote.bytes / 1e9:.2f} GB "
            "there, and XDG_DATA_HOME puts it elsewhere"
        ) from error
    return path


def _complete(remote: RemoteFile, part: Path, path: Path) -> None:
    """Fetch what `part` lacks of the file; `path` is where a person could put it."""
    have = part.stat().st_size if part.is_file() else 0
    if have >= remote.bytes:
        return
    LOG.info("fetching %s (%.2f GB) to %s", remote.address, remote.bytes / 1e9, path.parent)
    request = urllib.request.Request(remote.address, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        answer = urllib.request.urlopen(request, timeout=_TIMEOUT_S)
    except (OSError, HTTPException) as error:
        raise _unreachable(remote, path, error) from error
    with answer, part.open("ab" if answer.status == 206 else "wb") as file:  # 206: what it gives follows what is there
        told = have * _TELLINGS // remote.bytes
        while data := _read(answer, remote, path):
            file.write(data)
            if (now := file.tell() * _TELLINGS // remote.bytes) > told:
                told = now
                LOG.info("%s: %.0f %%", remote.name, 100 * now / _TELLINGS)
    if part.stat().st_size < remote.bytes:
        raise _unreachable(remote, path, f"it ended after {part.stat().st_size} of {remote.bytes} bytes")


def _read(answer: object, remote: RemoteFile, path: Path) -> bytes:
    try:
        return answer.read(_PART)  # type: ignore[attr-defined]
    except (OSError, HTTPException) as error:
        raise _unreachable(remote, path, error) from error


def _unreachable(remote: RemoteFile, path: Path, reason: object) -> DepthModelsError:
    return DepthModelsError(
        f"{remote.address} cannot be fetched ({reason}). The same command goes on with what came; without a network "
        f"fetch the file ({remote.bytes / 1e9:.2f} GB) on another machine, and give its path or put it at {path}"
    )


def _check(remote: RemoteFile, part: Path) -> None:
    """The size and the hash; what has others is removed, as nothing that follows could mend it."""
    digest, size = hashlib.md5(usedforsecurity=False), part.stat().st_size
    with part.open("rb") as file:
        while data := file.read(_PART):
            digest.update(data)
    if (size, digest.hexdigest()) != (remote.bytes, remote.md5):
        part.unlink()
        raise DepthModelsError(
            f"{remote.address}: came as {size} bytes with MD5 {digest.hexdigest()}, expected {remote.bytes} bytes with "
            f"MD5 {remote.md5}: another file, or one that was changed on the way; it was removed"
        )
