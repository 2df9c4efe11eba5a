"""A folder of picture and depth pairs, which is the layout to bring other data into.

    dataset.json           {"fx": 525.0, "fy": 525.0, "cx": 319.5, "cy": 239.5, "depth_units_per_m": 1000}
    rgb/SCENE/NAME.png     or .jpg, ...: the picture
    depth/SCENE/NAME.png   its depth: 16 bit, `depth_units_per_m` to a metre, 0 where invalid; or
    depth/SCENE/NAME.npy   floating point, metres, NaN or 0 where invalid

Focal lengths and principal point are in pixels of the pictures, which all have one size; depth is Z along the optical
axis. `depth_units_per_m` is not needed where all depth is .npy. A folder of scenes, such as `kitchen_0004`, may be left
out: all frames are then of one scene.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from depth_models.errors import DepthModelsError
from depth_models.images import SUFFIXES, read_image
from depth_models.types import Camera, Sample

CARD = "dataset.json"
_INTRINSICS = ("fx", "fy", "cx", "cy")


class PairFolder:
    """Random access to the frames of a folder of pairs, in the order of their names.

    Args:
        path: the folder.
        depth: which truth, where a data set has two; this layout has one.

    Attributes:
        path, scenes, scene_types, content, description: see `Source`.

    Raises:
        DepthModelsError: dataset.json is no such record, there is no pair, or a picture or a depth has no partner.
    """

    content: tuple[int, int, int, int] | None = None

    def __init__(self, path: str | Path, depth: str = "depths") -> None:
        self.path = Path(path)
        card = _read_card(self.path / CARD)
        self._intrinsics = [float(card[name]) for name in _INTRINSICS]
        self._units_per_m = card.get("depth_units_per_m")
        self._pairs = _pairs(self.path)
        if self._units_per_m is None and (images := [d for _, d in self._pairs if not _is_array(d)]):
            raise DepthModelsError(f"{self.path / CARD}: no depth_units_per_m, which {images[0]} needs")
        self.scenes = [self._scene(picture) for picture, _ in self._pairs]
        self.scene_types = [scene_type(scene) for scene in self.scenes]
        self.description: dict[str, Any] = {"file": self.path.absolute().name, "frames": len(self._pairs), **card}

    @staticmethod
    def recognises(path: Path) -> bool:
        """A folder with a dataset.json."""
        return (path / CARD).is_file()

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, index: int) -> Sample:
        """Frame number `index`.

        Raises:
            DepthModelsError: a file cannot be read, or the two are not of one size.
        """
        picture, depth_path = self._pairs[index]
        rgb, depth = read_image(picture), read_depth(depth_path, self._units_per_m)
        fx, fy, cx, cy = self._intrinsics
        return make_sample(rgb, depth, Camera(fx, fy, cx, cy, rgb.shape[1], rgb.shape[0]), depth_path)

    def _scene(self, picture: Path) -> str:
        scene = picture.parent.relative_to(self.path / "rgb").as_posix()
        return self.path.absolute().name if scene == "." else scene


def make_sample(rgb: np.ndarray, depth: np.ndarray, camera: Camera, depth_path: Path) -> Sample:
    """A sample of a picture, its depth in metres, and their camera.

    Raises:
        DepthModelsError: the two are not of one size.
    """
    if depth.shape != rgb.shape[:2]:
        raise DepthModelsError(
            f"{depth_path}: depth of {depth.shape}, and its picture is of {rgb.shape[:2]}; register the depth to the "
            "picture, pixel by pixel"
        )
    return Sample(rgb, depth, np.isfinite(depth) & (depth > 0), camera)


def read_depth(path: Path, units_per_m: float | None) -> np.ndarray:
    """(H, W) float32 metres of a 16-bit image with `units_per_m`, or of a .npy in metres; 0 or NaN where invalid.

    Raises:
        DepthModelsError: the file cannot be read, or holds something else.
    """
    from PIL import Image

    try:
        if _is_array(path):
            array = np.load(path)
        else:
            with Image.open(path) as image:
                array = np.asarray(image)
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise DepthModelsError(f"{path}: cannot be read as depth ({error}); is it damaged?") from error
    right = np.issubdtype(array.dtype, np.floating) if _is_array(path) else array.dtype in (np.uint16, np.int32)
    if array.ndim != 2 or not right:
        raise DepthModelsError(
            f"{path}: {array.dtype} of {array.shape}; expected one channel of 16 bit (.png), or of floating point in "
            "metres (.npy)"
        )
    return array.astype(np.float32) / np.float32(1 if _is_array(path) else units_per_m)


def _is_array(path: Path) -> bool:
    """Whether a depth file is in metres; else it is an image, in units."""
    return path.suffix.lower() == ".npy"


def scene_type(scene: str) -> str:
    """'kitchen' of 'kitchen_0004', as NYUv2 names its scenes."""
    return re.sub(r"_\d+\w?$", "", scene)


def _read_card(path: Path) -> dict[str, Any]:
    try:
        card = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DepthModelsError(f"{path}: not readable as JSON ({error})") from error
    numbers = card if isinstance(card, dict) else {}
    expected = [*_INTRINSICS, *({"depth_units_per_m"} & numbers.keys())]
    wrong = [name for name in expected if type(numbers.get(name)) not in (int, float)]
    wrong += [name for name in expected if name not in (*wrong, "cx", "cy") and numbers[name] <= 0]
    if wrong:
        raise DepthModelsError(
            f"{path}: {', '.join(wrong)} missing or not such numbers; expected fx, fy, cx, cy in pixels and, for depth "
            "in images, depth_units_per_m"
        )
    return numbers


def _pairs(folder: Path) -> list[tuple[Path, Path]]:
    """(picture, depth) of each frame."""
    pictures = _by_name(folder / "rgb", SUFFIXES)
    depths = _by_name(folder / "depth", {".png", ".npy"})
    if lonely := sorted(pictures.keys() ^ depths.keys()):
        more = f" and {len(lonely) - 5} more" if len(lonely) > 5 else ""
        raise DepthModelsError(f"{folder}: no partner in rgb/ or depth/ for {', '.join(lonely[:5])}{more}")
    if not pictures:
        raise DepthModelsError(f"{folder}: no pairs in it; expected rgb/NAME.png and depth/NAME.png (or .npy)")
    return [(pictures[name], depths[name]) for name in sorted(pictures)]


def _by_name(folder: Path, suffixes: set[str]) -> dict[str, Path]:
    """Files by their path in the folder without suffix."""
    files = [path for path in folder.rglob("*") if path.suffix.lower() in suffixes]
    return {path.relative_to(folder).with_suffix("").as_posix(): path for path in files}
