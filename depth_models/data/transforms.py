"""Augmentation of training samples: image, depth, mask and camera together, from one seeded generator."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from depth_models.errors import DepthModelsError
from depth_models.types import Camera, Sample


@dataclass(frozen=True)
class Augmentation:
    """What is drawn for each training sample. The defaults are the paper's (section 3.1), and nothing else.

    Attributes:
        rotation_deg: turned by an angle uniform in +- this, with probability `rotation_p`; outside is invalid.
        flip_p: probability of a horizontal flip.
        grey_p: probability of three equal grey channels.
        zoom: a window of 1 / zoom to 1 of the image's size is cut out at random; depth stays metric, as the window
            keeps the camera's focal length in its own pixels. 1 cuts nothing.
        brightness, contrast, saturation, tint: standard deviations of the logarithm of a gain, of an exponent, of a
            factor, and of each channel's gain.
        blur_px, noise: largest defocus, pixels of standard deviation; largest sensor noise, as a fraction of white.
    """

    rotation_deg: float = 5.0
    rotation_p: float = 0.5
    flip_p: float = 0.6
    grey_p: float = 0.2
    zoom: float = 1.0
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    tint: float = 0.0
    blur_px: float = 0.0
    noise: float = 0.0

    def __post_init__(self) -> None:
        chances = (self.rotation_p, self.flip_p, self.grey_p)
        if not all(0 <= p <= 1 for p in chances) or self.zoom < 1 or min(vars(self).values()) < 0:
            raise DepthModelsError(f"augmentation needs probabilities in 0 to 1, zoom >= 1, no negative; got {self}")

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """Draw and apply; `sample` is not changed."""
        if self.zoom > 1:
            sample = window(sample, rng.uniform(1 / self.zoom, 1), rng.random(2))
        if rng.random() < self.rotation_p:
            sample = _rotate(sample, rng.uniform(-self.rotation_deg, self.rotation_deg))
        if rng.random() < self.flip_p:
            sample = _flip(sample)
        grey = rng.random() < self.grey_p
        return Sample(self._recolour(sample.rgb, grey, rng), sample.depth, sample.valid, sample.camera)

    def _recolour(self, rgb: np.ndarray, grey: bool, rng: np.random.Generator) -> np.ndarray:
        if grey:
            rgb = cv2.cvtColor(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        if self.brightness or self.contrast or self.tint:  # one table per channel does all three
            gain = np.exp(self.brightness * rng.normal() + self.tint * rng.normal(size=3))
            tone = np.power(np.arange(256) / 255, np.exp(self.contrast * rng.normal()))
            table = np.clip(np.rint(255 * tone[:, None] * gain), 0, 255).astype(np.uint8)
            rgb = cv2.LUT(np.ascontiguousarray(rgb), table[None])
        if self.saturation:
            mean = cv2.cvtColor(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
            factor = np.exp(self.saturation * rng.normal())
            rgb = cv2.addWeighted(rgb, factor, mean, 1 - factor, 0)
        if self.blur_px and (sigma := rng.uniform(0, self.blur_px)) > 0.3:
            rgb = cv2.GaussianBlur(rgb, (0, 0), sigma)
        if self.noise:
            noise = rng.standard_normal(rgb.shape, np.float32) * np.float32(255 * rng.uniform(0, self.noise))
            rgb = np.clip(rgb + noise, 0, 255).astype(np.uint8)
        return rgb


def mask_border(sample: Sample, content: tuple[int, int, int, int] | None) -> Sample:
    """The sample with no valid depth outside (top, bottom, left, right) in rows and columns; None leaves all."""
    if content is None:
        return sample
    top, bottom, left, right = content
    valid = np.zeros_like(sample.valid)
    valid[top:bottom, left:right] = sample.valid[top:bottom, left:right]
    return Sample(sample.rgb, sample.depth, valid, sample.camera)


def window(sample: Sample, size: float, place: np.ndarray) -> Sample:
    """A window of `size` (0 to 1) of the image's, at `place` (y, x in 0 to 1) between its extreme positions.

    It is what a camera of a narrower field of view sees: the focal length in pixels and the depth stay.
    """
    height, width = sample.valid.shape
    h, w = max(round(height * size), 1), max(round(width * size), 1)
    top, left = round(place[0] * (height - h)), round(place[1] * (width - w))
    cut = np.s_[top : top + h, left : left + w]
    camera = sample.camera
    moved = Camera(camera.fx, camera.fy, camera.cx - left, camera.cy - top, w, h)
    return Sample(sample.rgb[cut], sample.depth[cut], sample.valid[cut], moved)


def _flip(sample: Sample) -> Sample:
    """Mirrored left to right; the principal point goes to width - 1 - cx."""
    camera = sample.camera
    mirrored = Camera(camera.fx, camera.fy, camera.width - 1 - camera.cx, camera.cy, camera.width, camera.height)
    valid = cv2.flip(sample.valid.view(np.uint8), 1).view(bool)
    return Sample(cv2.flip(sample.rgb, 1), cv2.flip(sample.depth, 1), valid, mirrored)


def _rotate(sample: Sample, angle_deg: float) -> Sample:
    """Turned about the principal point, where a camera's roll leaves Z as it is; nearest for depth, outside invalid."""
    height, width = sample.valid.shape
    turn = cv2.getRotationMatrix2D((sample.camera.cx, sample.camera.cy), angle_deg, 1.0)
    # OpenCV turns four channels faster than three, to the same bits.
    rgba = cv2.cvtColor(sample.rgb, cv2.COLOR_RGB2RGBA)
    rgba = cv2.warpAffine(rgba, turn, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    depth = cv2.copyTo(sample.depth, sample.valid.view(np.uint8))  # 0 elsewhere, which no measured depth is
    depth = cv2.warpAffine(depth, turn, (width, height), flags=cv2.INTER_NEAREST)
    return Sample(cv2.cvtColor(rgba, cv2.COLOR_RGBA2RGB), depth, depth > 0, sample.camera)
