"""Pictures to hang on walls, show on screens and print on labels, drawn with numpy and OpenCV."""

from __future__ import annotations

import cv2
import numpy as np

Rng = np.random.Generator
_WORDS = [
    "coffee",
    "report",
    "invoice",
    "notes",
    "summer",
    "garden",
    "travel",
    "music",
    "energy",
    "organic",
    "water",
    "paper",
    "studio",
    "manual",
    "winter",
    "history",
    "physics",
    "market",
    "season",
    "journal",
    "crisp",
    "milk",
    "sugar",
    "fresh",
    "index",
    "volume",
    "system",
    "project",
    "atlas",
    "letters",
]


def muted(rng: Rng, value: tuple[float, float] = (0.25, 0.9), saturation: float = 0.45) -> np.ndarray:
    """(3,) float64 RGB in 0 to 1: greys and browns often, strong colours seldom."""
    hue = rng.choice([rng.uniform(15, 45), rng.uniform(0, 360)]) if rng.random() < 0.8 else rng.uniform(190, 230)
    amount = rng.beta(1.2, 3.0) * saturation * 2
    hsv = np.array([[[hue, min(amount, 1.0), rng.uniform(*value)]]], np.float32)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0].astype(float)


def vivid(rng: Rng) -> np.ndarray:
    """(3,) float64 RGB in 0 to 1 of packaging, toys and covers."""
    hue = rng.choice([rng.uniform(0, 50), rng.uniform(80, 160), rng.uniform(195, 235), rng.uniform(0, 360)],
                     p=[0.45, 0.15, 0.3, 0.1])  # fmt: skip
    hsv = np.array([[[hue, rng.uniform(0.25, 0.9), rng.uniform(0.2, 0.9)]]], np.float32)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0].astype(float)


def _text(image: np.ndarray, rng: Rng, at: tuple[int, int], scale: float, colour, thickness: int = 1) -> None:
    word = str(rng.choice(_WORDS))
    word = word.upper() if rng.random() < 0.5 else word.capitalize()
    cv2.putText(image, word, at, int(rng.integers(0, 5)), scale, colour, thickness, cv2.LINE_AA)


def painting(rng: Rng, size: int = 256) -> np.ndarray:
    """(size, size, 3) uint8 RGB: hills under a sky, or blocks of colour."""
    if rng.random() < 0.5:
        top, low = vivid(rng) * 0.4 + 0.6, muted(rng)
        ramp = np.linspace(0, 1, size)[:, None, None]
        image = np.ascontiguousarray(np.broadcast_to(top * (1 - ramp) + low * ramp, (size, size, 3)) * 255, np.uint8)
        for layer in range(int(rng.integers(2, 6))):
            x = np.arange(size)
            y = size * (0.35 + 0.13 * layer) + sum(
                rng.uniform(2, 22) * np.sin(x * rng.uniform(0.01, 0.06) + rng.uniform(0, 6)) for _ in range(4)
            )
            points = np.r_[np.c_[x, y], [[size, size], [0, size]]].astype(np.int32)
            cv2.fillPoly(image, [points], (muted(rng, (0.15, 0.7), 0.6) * 255).tolist(), cv2.LINE_AA)
    else:
        image = np.full((size, size, 3), muted(rng, (0.6, 0.98)) * 255, np.uint8)
        for _ in range(int(rng.integers(3, 16))):
            a, b = rng.integers(0, size, 2), rng.integers(0, size, 2)
            colour = ((vivid(rng) if rng.random() < 0.5 else muted(rng)) * 255).tolist()
            if rng.random() < 0.5:
                cv2.rectangle(image, tuple(map(int, a)), tuple(map(int, b)), colour, -1)
            else:
                cv2.circle(image, tuple(map(int, a)), int(rng.integers(5, size // 3)), colour, -1, cv2.LINE_AA)
    noise = cv2.resize(rng.normal(0, 10, (size // 4, size // 4, 3)).astype(np.float32), (size, size))
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def page(rng: Rng, size: int = 256) -> np.ndarray:
    """(size, size, 3) uint8 RGB: paper with lines of text, sometimes a figure."""
    image = np.full((size, size, 3), rng.uniform(225, 252), np.uint8)
    y, left = int(size * 0.08), int(size * 0.1)
    _text(image, rng, (left, y + 10), rng.uniform(0.5, 0.9), (30, 30, 40), 2)
    y += size // 10
    while y < size * 0.92:
        if rng.random() < 0.08 and y < size * 0.6:
            h = int(size * rng.uniform(0.12, 0.3))
            image[y : y + h, left : size - left] = cv2.resize(painting(rng, 64), (size - 2 * left, h))
            y += h + 8
            continue
        x = left
        while x < size - left - 8:
            w = int(rng.integers(6, 26))
            cv2.line(image, (x, y), (min(x + w, size - left), y), (70, 70, 75), 2)
            x += w + 5
        y += int(rng.integers(7, 10))
    return image


def cover(rng: Rng, size: int = 256) -> np.ndarray:
    """(size, size, 3) uint8 RGB: of a book, a box or a tin, with a title."""
    base = vivid(rng) if rng.random() < 0.4 else muted(rng)
    image = np.full((size, size, 3), base * 255, np.uint8)
    if rng.random() < 0.5:
        h = int(size * rng.uniform(0.25, 0.6))
        top = int(rng.integers(size // 12, size - h - size // 24))
        image[top : top + h, 14:-14] = cv2.resize(painting(rng, 128), (size - 28, h))
    for _ in range(int(rng.integers(0, 3))):
        y = int(rng.integers(size // 12, size * 5 // 6))
        cv2.rectangle(
            image, (0, y), (size, y + int(rng.integers(4, size // 6))), (muted(rng, (0.1, 0.95)) * 255).tolist(), -1
        )
    light = (245, 240, 230) if base.mean() < 0.55 else (25, 25, 30)
    for _ in range(int(rng.integers(1, 4))):
        at = (int(rng.integers(5, size // 4)), int(rng.integers(size // 6, size)))
        _text(image, rng, at, rng.uniform(0.8, 2.2) * size / 256, light, max(1, size // 85))
    return image


def spine(rng: Rng) -> np.ndarray:
    """(256, 16, 3) uint8 RGB: a book's back."""
    image = np.full((256, 16, 3), (vivid(rng) * 0.6 + muted(rng) * 0.4) * 255, np.uint8)
    for _ in range(int(rng.integers(1, 4))):
        y = int(rng.integers(5, 216))
        image[y : y + int(rng.integers(3, 36)), 3:13] = (vivid(rng) * 255).astype(np.uint8)
    return image


def screen(rng: Rng, size: int = 256) -> np.ndarray:
    """(size, size, 3) uint8 RGB: of a monitor: windows over a background, or dark."""
    if rng.random() < 0.4:
        return np.full((size, size, 3), rng.uniform(4, 16), np.uint8)
    image = painting(rng, size) if rng.random() < 0.6 else np.full((size, size, 3), muted(rng) * 200, np.uint8)
    for _ in range(int(rng.integers(1, 4))):
        x, y = rng.integers(0, size // 2, 2)
        w, h = rng.integers(size // 4, size // 2, 2)
        inner = page(rng, 128) if rng.random() < 0.6 else 255 - page(rng, 128)
        image[y : y + h, x : x + w] = cv2.resize(inner, (int(w), int(h)))
        image[y : y + 9, x : x + w] = (muted(rng) * 255).astype(np.uint8)
    image[-12:] = 40
    return image


def carton(rng: Rng, size: int = 256) -> np.ndarray:
    """(size, size, 3) uint8 RGB: brown cardboard with tape and a stamp."""
    image = np.full((size, size, 3), np.array([176, 138, 96]) * rng.uniform(0.75, 1.15), np.float32)
    image += cv2.resize(rng.normal(0, 7, (64, 64, 1)).astype(np.float32), (size, size))[..., None]
    image = np.clip(image, 0, 255).astype(np.uint8)
    cv2.rectangle(image, (0, size // 2 - 12), (size, size // 2 + 12), (196, 170, 128), -1)
    _text(image, rng, (int(rng.integers(10, 90)), int(rng.integers(40, 110))), rng.uniform(0.7, 1.4), (60, 40, 30), 2)
    return image
