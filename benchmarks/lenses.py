"""Does a checkpoint give the same metres through two lenses? One pose in each of some rooms, the same cone of rays.

python benchmarks/lenses.py CKPT [ROOMS]
"""

from __future__ import annotations

import sys

import numpy as np

from depth_models import DepthPredictor
from depth_models.data.rooms import Camera, random_view, render, sample_look, sample_room
from depth_models.data.rooms.generate import room_seed

SEED = 2  # of rooms that the bundled weights were not trained on
FIELDS_OF_VIEW_DEG = (55.0, 80.0)
CONE = 20 / 150  # tangent of the cone's half angle


def medians(predictor: DepthPredictor, number: int) -> list[float]:
    """Median metres within the cone through each lens, over the true ones."""
    room = sample_room(room_seed(SEED, number))
    _, pose = random_view(room, np.random.default_rng(number), (240, 320), "human")
    look = sample_look(np.random.default_rng(0)).still()
    out = []
    for fov_deg in FIELDS_OF_VIEW_DEG:
        camera = Camera.from_fov(320, 240, fov_deg)
        frame = render(room, camera, pose, np.random.default_rng(1), look)
        half = round(CONE * camera.fx)
        cone = np.s_[120 - half : 120 + half, 160 - half : 160 + half]
        metres = predictor(frame.rgb, camera.fx, camera.fy).metres
        out.append(float(np.median(metres[cone]) / np.median(frame.depth[cone])))
    return out


def main() -> None:
    """Print predicted over true metres for each lens, and the geometric mean of their ratio."""
    predictor = DepthPredictor.from_checkpoint(sys.argv[1])
    rooms = int(sys.argv[2]) if len(sys.argv) > 2 else 24
    logs = np.log([medians(predictor, number) for number in range(rooms)])
    for fov_deg, mean in zip(FIELDS_OF_VIEW_DEG, np.exp(logs.mean(axis=0)), strict=True):
        print(f"{fov_deg:.0f} degrees: predicted / true {mean:.2f}")
    spread = np.exp((logs[:, 0] - logs[:, 1]).mean())
    print(f"{rooms} rooms: the same things {spread:.2f} times as far through the first lens as through the second")


if __name__ == "__main__":
    main()
