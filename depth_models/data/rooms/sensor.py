"""What a colour camera and a Kinect make of a scene."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from depth_models.data.rooms.lighting import dot
from depth_models.data.rooms.shading import NORMAL

if TYPE_CHECKING:
    from depth_models.data.rooms.layout import Room
    from depth_models.types import Camera


@dataclass(frozen=True)
class Look:
    """A colour camera's settings.

    Attributes:
        exposure: brightness that the picture's mean is brought to, in linear light.
        white_balance: (3,) gains.
        blur_px: standard deviation of the defocus, for a picture 320 pixels wide.
        motion_px: (2,) smear in x and y, for a picture 320 pixels wide.
        noise: standard deviation at full scale; shot noise grows with the square root of light.
        vignette: loss in the corners, 0 to 1.
        contrast: exponent of the tone curve on top of sRGB's.
        saturation: 1 leaves colours as they are.
        jpeg: quality, or 0 for none.
    """

    exposure: float
    white_balance: np.ndarray
    blur_px: float
    motion_px: np.ndarray
    noise: float
    vignette: float
    contrast: float
    saturation: float
    jpeg: int

    def still(self) -> Look:
        """The same camera held still, without the smear and compression of single pictures."""
        return replace(self, motion_px=np.zeros(2), jpeg=0)


def sample_look(rng: np.random.Generator) -> Look:
    """Settings as cheap indoor cameras have them."""
    tint = rng.normal(0, 0.06)
    return Look(
        exposure=0.24 * np.exp(0.35 * rng.normal()),
        white_balance=np.exp([tint + rng.normal(0, 0.02), rng.normal(0, 0.02), -tint + rng.normal(0, 0.02)]),
        blur_px=rng.uniform(0.15, 0.55),
        motion_px=rng.normal(0, 2.0, 2) * (rng.random() < 0.15),
        noise=np.exp(rng.uniform(np.log(0.004), np.log(0.03))),
        vignette=rng.uniform(0, 0.35),
        contrast=rng.uniform(0.9, 1.15),
        saturation=rng.uniform(0.7, 1.15),
        jpeg=int(rng.integers(55, 96)) * (rng.random() < 0.4),
    )


def develop(radiance: np.ndarray, look: Look, rng: np.random.Generator) -> np.ndarray:
    """(H, W, 3) uint8 sRGB picture of (H, W, 3) float32 linear radiance."""
    import cv2

    height, width = radiance.shape[:2]
    scale = width / 320
    gain = (_gain(radiance, look.exposure) * look.white_balance).astype(np.float32)
    image: np.ndarray = np.minimum(radiance * gain, 2.5)
    image = cv2.GaussianBlur(image, (0, 0), look.blur_px * scale)
    if np.abs(look.motion_px).max() * scale > 1:
        image = _smear(image, look.motion_px * scale)
    y, x = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    image *= (1 - look.vignette * (x * x + y * y) / 2).astype(np.float32)[..., None]
    image = _roll_off(np.maximum(image, 0))
    grey = image.mean(axis=2, keepdims=True)
    image = np.maximum(grey + np.float32(look.saturation) * (image - grey), 0)
    noise = rng.standard_normal(image.shape, np.float32) * np.float32(look.noise)
    image = np.clip(image + noise * np.sqrt(image + 0.02), 0, 1)
    picture = (np.power(image, np.float32(look.contrast / 2.2)) * 255 + 0.5).astype(np.uint8)
    if look.jpeg:
        _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, look.jpeg])
        picture = cv2.imdecode(data, cv2.IMREAD_COLOR)
    return picture


def _gain(radiance: np.ndarray, exposure: float) -> float:
    """Automatic exposure by the mean of clipped light, which a bright window does not run away with."""
    light = radiance[::4, ::4].mean(axis=2)
    median = max(float(np.median(light)), 1e-4)
    return exposure / max(float(np.minimum(light, 4 * median).mean()), 1e-4)


def _roll_off(image: np.ndarray) -> np.ndarray:
    """Linear up to 0.7, then a soft shoulder that ends at 1."""
    over = np.maximum(image - 0.7, 0)
    return np.minimum(image, 0.7) + 0.3 * (1 - np.exp(-over / 0.3))


def _smear(image: np.ndarray, motion_px: np.ndarray) -> np.ndarray:
    import cv2

    size = 2 * int(np.ceil(np.abs(motion_px).max() / 2)) + 3
    kernel = np.zeros((size, size), np.float32)
    for t in np.linspace(-0.5, 0.5, 4 * size):
        x, y = np.round(size // 2 + t * motion_px).astype(int)
        kernel[y, x] += 1
    return cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT_101)


def kinect(
    room: Room, camera: Camera, pose: np.ndarray, directions: np.ndarray, triangle: np.ndarray, depth: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:  # fmt: skip
    """(H, W) float32 metres as a structured-light sensor gives them, 0 where it sees nothing.

    Holes: what its projector, 7.5 cm to the right, does not reach; panes, screens and lamps; glancing and dark glossy
    faces, in blotches; nearer than 0.45 m and beyond 9 m. Depth is quantised to an eighth of a pixel of disparity at
    a focal length of 580 pixels.
    """
    import cv2

    mesh, table = room.mesh, room.materials
    shape = camera.height, camera.width
    normal = np.take(room.shading[NORMAL], triangle, axis=1)
    way = np.ascontiguousarray(directions.T, np.float32)
    cosine = np.abs(dot(way, normal)) / np.sqrt(dot(way, way))
    # Rays start at the projector's side of the camera and end just before the surface.
    from_projector = (depth.astype(np.float32) * way).T - np.float32(0.075) * pose[:3, 0].astype(np.float32)
    hole = room.tracer.occluded(pose[:3, 3] + 0.075 * pose[:3, 0], from_projector)
    material = mesh.material[triangle]
    hole |= ~table["infrared"][material] | (depth < 0.45) | (depth > 9)
    blotch = cv2.resize(rng.random((shape[0] // 8, shape[1] // 8), np.float32), shape[::-1]).ravel()
    dark = (table["gloss"][material] > 0.03) & (table["mean"][material].mean(axis=1) < 0.1)
    hole |= blotch > np.clip(cosine * 5, 0, 1) - 0.45 * dark
    disparity = np.float32(580 * 0.075) / depth.astype(np.float32) + 0.03 * rng.standard_normal(len(depth), np.float32)
    measured = np.float32(580 * 0.075 * 8) / np.maximum(np.round(disparity * 8), 1)
    return np.where(hole, 0, measured).astype(np.float32).reshape(shape)
