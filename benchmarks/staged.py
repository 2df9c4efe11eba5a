"""Pictures on which monocular depth is known to fail, staged: what a network says of them stands in the model cards."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from depth_models.types import Camera, Sample

SEED = 11  # of rooms that no bundled weights were trained on
FISHEYE_FOV_DEG = 120.0


def noise(rng: np.random.Generator, height: int = 240, width: int = 320) -> np.ndarray:
    """(height, width, 3) uint8: every value at random."""
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


def black(rng: np.random.Generator, height: int = 240, width: int = 320) -> np.ndarray:
    """A camera with its cap on: values of 0 to 4."""
    return rng.integers(0, 5, (height, width, 3), dtype=np.uint8)


def outdoors(rng: np.random.Generator, height: int = 240, width: int = 320) -> np.ndarray:
    """A meadow below a sky, with a row of trees: nothing of it is in a room."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    horizon = height * rng.uniform(0.4, 0.55)
    sky = np.stack([110 + 100 * y / horizon, 160 + 70 * y / horizon, np.full_like(y, 235)], axis=2)
    near = np.clip((y - horizon) / (height - horizon), 0.02, 1)
    grass = sum(_texture(rng, height, width, 1 + 6 * scale) * near**scale for scale in (0.5, 1.0)) / 2
    meadow = np.stack([70 + 60 * grass, 120 + 70 * grass, 40 + 40 * grass], axis=2) * (0.7 + 0.3 * near[..., None])
    picture = np.where((y > horizon)[..., None], meadow, sky)
    for _ in range(rng.integers(4, 9)):
        radius, middle = height * rng.uniform(0.06, 0.16), rng.uniform(0, width)
        leaf = (x - middle) ** 2 + 1.3 * (y - horizon + 0.6 * radius) ** 2 < radius**2 * (1 + 0.3 * grass)
        picture[leaf] = (np.array([45, 85, 35]) * (0.7 + 0.5 * grass[..., None]))[leaf]
    return np.clip(picture, 0, 255).astype(np.uint8)


def close_up(rng: np.random.Generator, height: int = 240, width: int = 320) -> np.ndarray:
    """A surface from so near that nothing tells its size: a colour with a soft grain, as of cloth or plaster."""
    colour = rng.uniform(60, 210, 3)
    grain = 0.6 * _texture(rng, height, width, width / 20) + 0.4 * _texture(rng, height, width, width / 80)
    return np.clip(colour * (1 + 0.25 * grain[..., None]), 0, 255).astype(np.uint8)


OUT_OF_DOMAIN = {"noise": noise, "black": black, "outdoors, painted": outdoors, "close-up, painted": close_up}


def mirror(sample: Sample) -> tuple[Sample, np.ndarray]:
    """A mirror in the right half of a frame: it shows the left half, and its true depth is the wall's.

    Returns:
        The frame with it, and (H, W) bool, where it is.
    """
    height, width = sample.valid.shape
    place = np.s_[height // 5 : 4 * height // 5, 11 * width // 20 : 19 * width // 20]
    rgb = sample.rgb.copy()
    rgb[place] = sample.rgb[:, ::-1][place]
    return replace(sample, rgb=rgb), _mask(sample, place)


def glass(sample: Sample, behind: Sample) -> tuple[Sample, np.ndarray]:
    """A pane in the middle of a frame: another room is seen through it, and its true depth is the pane's.

    Returns:
        As `mirror`.
    """
    height, width = sample.valid.shape
    place = np.s_[height // 6 : 5 * height // 6, width // 4 : 3 * width // 4]
    rgb = sample.rgb.copy()
    rgb[place] = cv2.addWeighted(cv2.resize(behind.rgb, (width, height)), 0.8, sample.rgb, 0.2, 0)[place]
    return replace(sample, rgb=rgb), _mask(sample, place)


def fisheye(number: int, height: int = 240, width: int = 320) -> Sample:
    """A room through an equidistant lens of `FISHEYE_FOV_DEG`, whose focal length is that of its middle."""
    from depth_models.data.rooms import random_view, render, sample_look, sample_room
    from depth_models.data.rooms.generate import room_seed

    room = sample_room(room_seed(SEED, number))
    _, pose = random_view(room, np.random.default_rng(number), (2 * height, 2 * width), "human")
    wide = Camera.from_fov(2 * width, 2 * height, FISHEYE_FOV_DEG)
    frame = render(room, wide, pose, np.random.default_rng(1), sample_look(np.random.default_rng(0)).still())
    f_px = width / np.radians(FISHEYE_FOV_DEG)  # equidistant: radius = f * angle
    y, x = np.mgrid[:height, :width] - np.array([(height - 1) / 2, (width - 1) / 2])[:, None, None]
    angle = np.hypot(y, x) / f_px
    stretch = wide.fx * np.tan(np.minimum(angle, 1.5)) / np.maximum(np.hypot(y, x), 1e-6)
    at_x, at_y = ((c + v * stretch).astype(np.float32) for c, v in ((wide.cx, x), (wide.cy, y)))
    rgb = cv2.remap(frame.rgb, at_x, at_y, cv2.INTER_LINEAR)
    depth = cv2.remap(frame.depth.astype(np.float32), at_x, at_y, cv2.INTER_NEAREST)
    camera = Camera(f_px, f_px, (width - 1) / 2, (height - 1) / 2, width, height)
    return Sample(rgb, depth, depth > 0, camera)


def planeness(sample: Sample) -> float:
    """Mean relative difference of a frame's true depth to the one plane that fits it best; small for a flat wall."""
    y, x = np.nonzero(sample.valid)
    depth = sample.depth[y, x].astype(np.float64)
    columns = np.stack([x, y, np.ones_like(x)], axis=1).astype(np.float64)
    plane = (
        columns @ np.linalg.lstsq(columns, 1 / depth, rcond=None)[0]
    )  # inverse depth of a plane is linear in x and y
    return float(np.mean(np.abs(plane * depth - 1)))


def _mask(sample: Sample, place: tuple[slice, slice]) -> np.ndarray:
    mask = np.zeros_like(sample.valid)
    mask[place] = True
    return mask


def _texture(rng: np.random.Generator, height: int, width: int, size_px: float) -> np.ndarray:
    """(height, width) float32 of mean 0 and deviation 1: blobs of a size."""
    blobs = cv2.GaussianBlur(rng.standard_normal((height, width)).astype(np.float32), (0, 0), max(size_px / 3, 0.4))
    return (blobs - blobs.mean()) / blobs.std()
