"""What enlarging depth does at object edges: bilinear, nearest, and the package's `upsample_depth`.

Exact depth of rooms, sampled at the pixel centres of 240 x 320, is enlarged to 480 x 640 and compared with the exact
depth there.

python benchmarks/upsampling.py [FRAMES]
"""

from __future__ import annotations

import sys

import cv2
import numpy as np

from depth_models.data.rooms import Frame, Room, sample_room
from depth_models.data.rooms.generate import VIEWS_PER_ROOM, dataset_frame, room_seed
from depth_models.data.rooms.render import intersect
from depth_models.enlarging import EDGE_RATIO, upsample_depth

SEED, SIZE = 1000, (480, 640)
FLYING = 0.05  # a value further than this from every true depth around it, as a ratio, lies on no surface
WAYS = {
    "bilinear": lambda depth: cv2.resize(depth, SIZE[::-1], interpolation=cv2.INTER_LINEAR),
    "nearest": lambda depth: depth.repeat(2, axis=0).repeat(2, axis=1),
    "upsample_depth": lambda depth: upsample_depth(depth, *SIZE),
}


def sample(room: Room, frame: Frame) -> np.ndarray:
    """(240, 320) float32 exact depth of the frame's view at half its size."""
    y, x = np.mgrid[0.5 : SIZE[0] : 2, 0.5 : SIZE[1] : 2]  # centres of 2 x 2 pixels
    rays = frame.camera.rays(np.stack([x.ravel(), y.ravel()], axis=1), frame.pose)
    _, depth = intersect(room, frame.pose[:3, 3], rays)
    return depth.reshape(x.shape).astype(np.float32)


def near_edges(truth: np.ndarray) -> np.ndarray:
    """(H, W) bool: pixels within 2 px of a step of more than EDGE_RATIO between neighbours."""
    far, near = cv2.dilate(truth, np.ones((2, 2))), cv2.erode(truth, np.ones((2, 2)))
    return cv2.dilate((far > EDGE_RATIO * near).astype(np.uint8), np.ones((5, 5))) > 0


def is_flying(depth: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(H, W) bool: further than FLYING from each of the nine true depths in the 3 x 3 pixels around."""
    padded = np.pad(truth, 1, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
    return (np.abs(depth[..., None, None] - windows) > FLYING * windows).all(axis=(2, 3))


def measure(frames: int) -> dict[str, np.ndarray]:
    """Per way: fraction of flying pixels, mean relative error within 2 px of edges, and elsewhere."""
    sums = {name: np.zeros(3) for name in WAYS}
    pixels = np.zeros(3)
    for number in range(frames):  # one view a room
        room = sample_room(room_seed(SEED, number))
        frame = dataset_frame(SEED, number * VIEWS_PER_ROOM, SIZE, room)
        truth, small = frame.depth, sample(room, frame)
        edge = near_edges(truth)
        pixels += truth.size, edge.sum(), (~edge).sum()
        for name, enlarge in WAYS.items():
            depth = enlarge(small)
            error = np.abs(depth / truth - 1)
            sums[name] += is_flying(depth, truth).sum(), error[edge].sum(), error[~edge].sum()
    return {name: values / pixels for name, values in sums.items()}


def main() -> None:
    """Print one row a way."""
    frames = int(sys.argv[1]) if len(sys.argv) > 1 else 24
    print(f"{frames} frames, {SIZE[1] // 2}x{SIZE[0] // 2} to {SIZE[1]}x{SIZE[0]}")
    print(f"{'':16}{'flying pixels':>15}{'AbsRel at edges':>17}{'AbsRel elsewhere':>18}")
    for name, (flying, edge, elsewhere) in measure(frames).items():
        print(f"{name:16}{flying:>15.3%}{edge:>17.4f}{elsewhere:>18.5f}")


if __name__ == "__main__":
    main()
