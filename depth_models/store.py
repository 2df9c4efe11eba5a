"""Named checkpoints: those that come with the package and those that the user added, and whether they are unchanged.

Each of the two folders has a manifest, a JSON file that says of every checkpoint where it is from, its size and its
SHA-256.
"""

from __future__ import annotations

import hashlib
import json
import re
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http.client import HTTPException
from pathlib import Path

from depth_models.checkpoint import Checkpoint, added, bundled
from depth_models.errors import DepthModelsError
from depth_models.files import share_folder, user_folder, written_whole

MANIFEST = "manifest.json"
_PART = 1 << 20  # bytes read at once
_TIMEOUT_S = 30  # without a byte


@dataclass(frozen=True)
class Entry:
    """What a manifest says of a checkpoint.

    Attributes:
        source: where it is from: a command, a file, an address.
        bytes: its size.
        sha256: of the whole file, 64 hexadecimal digits.
    """

    source: str
    bytes: int
    sha256: str

    @classmethod
    def of(cls, path: Path, source: str) -> Entry:
        """The entry of a file as it is now."""
        return cls(source, path.stat().st_size, sha256(path))


def sha256(path: Path) -> str:
    """SHA-256 of a file, 64 hexadecimal digits.

    Raises:
        DepthModelsError: it cannot be read.
    """
    digest = hashlib.sha256()
    for part in _parts(str(path)):
        digest.update(part)
    return digest.hexdigest()


def read_manifest(folder: Path) -> dict[str, Entry]:
    """The folder's manifest, by name of the checkpoint; empty where there is none.

    Raises:
        DepthModelsError: it is malformed.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return {}
    try:
        return {name: Entry(**values) for name, values in json.loads(path.read_text()).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise DepthModelsError(f"{path}: not a manifest of checkpoints ({error}); remove it or get it again") from error


def write_manifest(folder: Path, entries: dict[str, Entry]) -> None:
    """Write the folder's manifest, sorted by name; it is whole or as it was.

    Raises:
        DepthModelsError: the folder cannot be written to.
    """
    document = {name: asdict(entries[name]) for name in sorted(entries)}
    with written_whole(folder / MANIFEST) as temporary:
        temporary.write_text(json.dumps(document, indent=2) + "\n")


def known_checkpoints() -> dict[str, tuple[Path, Entry | None]]:
    """By name: the path of every checkpoint that is there or in a manifest, and its entry if it has one."""
    known: dict[str, tuple[Path, Entry | None]] = {}
    for folder, files in ((user_folder("weights"), added()), (share_folder("weights"), bundled())):
        manifest = read_manifest(folder)
        for name in files.keys() | manifest.keys():
            known[name] = (folder / f"{name}.safetensors", manifest.get(name))
    return dict(sorted(known.items()))


@contextmanager
def new_checkpoint(name: str, source: str) -> Iterator[Path]:
    """Yield a path for the block to write a checkpoint to; when it ends well, that is the user's checkpoint `name`.

    Raises:
        DepthModelsError: the name cannot be one or is taken; what was written is no checkpoint, or cannot be built;
            the folder cannot be written to.
    """
    folder = user_folder("weights")
    path = folder / f"{name}.safetensors"
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise DepthModelsError(f"{name!r} cannot be a checkpoint's name: letters, digits, _ - and . only; give --name")
    if name in bundled():
        raise DepthModelsError(f"{name!r} is the name of a bundled checkpoint; give another with --name")
    if path.exists():
        raise DepthModelsError(f"{name!r} is there already; remove {path}, or give another name with --name")
    with written_whole(path) as temporary:
        yield temporary
        try:
            Checkpoint.load(temporary).build()
        except DepthModelsError as error:
            raise DepthModelsError(str(error).replace(str(temporary), source)) from None
    write_manifest(folder, read_manifest(folder) | {name: Entry.of(path, source)})


def add(source: str, expected: str | None, name: str | None, progress: Callable[[int], object]) -> Path:
    """Copy a checkpoint from a file or an address into the user's folder.

    Args:
        source: file, or address (http, https).
        expected: SHA-256 that it must have; only a file may go without.
        name: to be found by; None takes the file's.
        progress: called with the number of bytes of each part that has come.

    Returns:
        Where it lies now.

    Raises:
        DepthModelsError: it cannot be read or fetched, has another hash, or as `new_checkpoint`.
    """
    if _is_address(source) and expected is None:
        raise DepthModelsError(f"{source}: what comes over a network must be checked; give its hash with --sha256")
    file = Path(re.sub(r"[?#].*", "", source) if _is_address(source) else source)
    if file.suffix in (".pth", ".pt"):
        raise DepthModelsError(
            f"{source}: not a checkpoint of this package but somebody's pickled weights; "
            "depth-models weights import FILE reads those of Depth Anything V2"
        )
    name = file.stem if name is None else name
    digest = hashlib.sha256()
    with new_checkpoint(name, source if _is_address(source) else str(file.absolute())) as temporary:
        with temporary.open("wb") as copy:
            for part in _parts(source):
                digest.update(part)
                copy.write(part)
                progress(len(part))
        if expected is not None and digest.hexdigest() != expected.lower():
            raise DepthModelsError(
                f"{source}: its SHA-256 is {digest.hexdigest()}, expected {expected.lower()}: "
                "another file, or not all of it; nothing was added"
            )
    return user_folder("weights") / f"{name}.safetensors"


def _is_address(source: str) -> bool:
    return source.startswith(("http://", "https://"))


def _parts(source: str) -> Iterator[bytes]:
    """The bytes of a file or an address, in parts."""
    remote = _is_address(source)
    try:
        with urllib.request.urlopen(source, timeout=_TIMEOUT_S) if remote else Path(source).open("rb") as file:
            while part := file.read(_PART):
                yield part
    except (OSError, HTTPException, ValueError) as error:
        way = "; without a network, fetch it on another machine and add the file" if remote else ""
        raise DepthModelsError(f"{source}: cannot be read ({error}){way}") from error
