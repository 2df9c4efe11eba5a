"""A vocabulary for ORB-SLAM3, learned here: it finds places again by the words of a picture's ORB features.

The tree of DBoW2 (Galvez-Lopez and Tardos 2012): descriptors are clustered by k-medians under the Hamming distance,
every cluster again, and so on; a leaf is a word, weighted by its inverse document frequency. Written in the text layout
of ORB-SLAM's own ORBvoc.txt, which was learned from far more pictures and may be given instead.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from depth_models.data.rooms.generate import VIEWS_PER_ROOM, dataset_frame, room_seed
from depth_models.data.rooms.layout import sample_room
from depth_models.files import written_whole

BRANCHES, LEVELS = 10, 6  # as ORBvoc.txt; ORB-SLAM3 matches features that share a node four levels above the deepest
_SMALLEST = 50  # a cluster of fewer descriptors is a word
_ROUNDS = 8
_ROOMS, _SEED, _SIZE, _FEATURES = 20, 770_000, (240, 320), 600


def rooms_vocabulary(path: Path) -> Path:
    """Learn one from views of rooms that no benchmark runs in, unless `path` is there already; some minutes."""
    if not path.is_file():
        with written_whole(path) as temporary:
            temporary.write_text(learn([_descriptors(view) for view in _views()]))
    return path


def learn(pictures: list[np.ndarray], seed: int = 0) -> str:
    """The vocabulary's text.

    Args:
        pictures: (N, 32) uint8 ORB descriptors of each picture.
        seed: of the clusters' first centres.

    Returns:
        A line `branches levels 0 0` (L1 score, tf-idf), and a line `parent is_leaf 32 bytes weight` a node, numbered
        from 1; the root, 0, has none. No line break at the end: the reader would take it for another node.
    """
    rng = np.random.default_rng(seed)
    # As -1 and 1 the nearest centre is that of the greatest product, and a cluster's median is its sum's sign.
    signs = np.unpackbits(np.concatenate(pictures), axis=1).astype(np.float32) * 2 - 1  # (N, 256)
    picture_of = np.repeat(np.arange(len(pictures)), [len(p) for p in pictures])
    lines, open_nodes = [f"{BRANCHES} {LEVELS} 0 0"], [(0, np.arange(len(signs)), 1)]
    for parent, members, level in open_nodes:  # grows while it is walked
        centres, nearest = _clusters(signs[members], rng)
        for number, centre in enumerate(centres):
            inside = members[nearest == number]
            if not len(inside):
                continue
            leaf = level == LEVELS or len(inside) < _SMALLEST
            weight = np.log(len(pictures) / len(np.unique(picture_of[inside])))
            values = " ".join(str(byte) for byte in np.packbits(centre > 0))
            lines.append(f"{parent} {int(leaf)} {values} {weight:.6f}")
            if not leaf:
                open_nodes.append((len(lines) - 1, inside, level + 1))
    return "\n".join(lines)


def _clusters(signs: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(BRANCHES, 256) centres of -1 and 1, and the (N,) number of the one nearest to each of (N, 256) descriptors."""
    centres = signs[rng.choice(len(signs), BRANCHES, replace=False)]
    for _ in range(_ROUNDS):
        nearest = (signs @ centres.T).argmax(axis=1)
        for number in np.unique(nearest):
            centres[number] = np.where(signs[nearest == number].sum(axis=0) >= 0, 1, -1)
    return centres, (signs @ centres.T).argmax(axis=1)


def _views() -> list[np.ndarray]:
    """Pictures of rooms, (H, W, 3) uint8."""
    rooms = [sample_room(room_seed(_SEED, number)) for number in range(_ROOMS)]
    return [dataset_frame(_SEED, i, _SIZE, rooms[i // VIEWS_PER_ROOM]).rgb for i in range(_ROOMS * VIEWS_PER_ROOM)]


def _descriptors(rgb: np.ndarray) -> np.ndarray:
    """(N, 32) uint8, with the pattern of bits that ORB-SLAM3 has too."""
    orb = cv2.ORB.create(_FEATURES, fastThreshold=10)
    found = orb.detectAndCompute(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), None)[1]
    return np.zeros((0, 32), np.uint8) if found is None else found
