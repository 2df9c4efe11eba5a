"""From radiance to the bytes of a camera: automatic exposure, white balance, a film's shoulder. Numpy only."""

from __future__ import annotations

import numpy as np

Rng = np.random.Generator


def develop(radiance: np.ndarray, rng: Rng) -> np.ndarray:
    """(H, W, 3) float linear radiance -> (H, W, 3) uint8 as a camera with automatic exposure shows it.

    The median goes to a middle grey that varies from picture to picture by a factor of about 1.5 either way; colour
    casts are mostly corrected, as cameras do; highlights are clipped softly.
    """
    luminance = radiance @ np.array([0.2126, 0.7152, 0.0722])
    level = np.exp(np.mean(np.log(np.maximum(luminance, 1e-5)))) * 0.5 + np.median(luminance) * 0.5
    gain = rng.uniform(0.12, 0.28) / max(float(level), 1e-5)
    cast = radiance.reshape(-1, 3).mean(axis=0)
    cast = cast / max(float(cast.mean()), 1e-6)
    balance = cast ** -rng.uniform(0.4, 0.9) * np.exp(rng.normal(0, 0.04, 3))
    linear = radiance * gain * balance
    knee = rng.uniform(0.6, 0.9)
    over = np.maximum(linear - knee, 0)
    linear = np.minimum(linear, knee) + (1 - knee) * (1 - np.exp(-over / (1 - knee)))
    srgb = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * np.maximum(linear, 1e-8) ** (1 / 2.4) - 0.055)
    return np.clip(np.round(srgb * 255), 0, 255).astype(np.uint8)
