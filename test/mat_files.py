"""Files in NYUv2's layout, as MATLAB writes it: axes reversed, strings as references to columns of UTF-16."""

from pathlib import Path

import numpy as np


def write_mat(path, rgb, chunk_frames=None, **arrays) -> Path:
    """Write one.

    Args:
        path: the file.
        rgb: (N, H, W, 3) uint8.
        chunk_frames: compressed chunks reach over so many frames, as MATLAB's do; None stores whole arrays.
        arrays: by name; depths of (N, H, W) are turned as rgb is, lists of strings become cell arrays.
    """
    import h5py

    with h5py.File(path, "w") as file:

        def put(name, array):
            array = np.asarray(array)
            turned = array.transpose(0, *range(array.ndim - 1, 0, -1)) if array.ndim > 2 else array
            options = {"chunks": (chunk_frames, *(max(1, n // 2) for n in turned.shape[1:])), "compression": "gzip"}
            file.create_dataset(name, data=turned, **options if chunk_frames and array.ndim > 2 else {})

        put("images", rgb)
        for name, values in arrays.items():
            if isinstance(values, list):
                references = []
                for i, text in enumerate(values):
                    file[f"#refs#/{name}{i}"] = np.array([[ord(c)] for c in text], np.uint16)
                    references.append(file[f"#refs#/{name}{i}"].ref)
                file.create_dataset(name, data=np.array([references], dtype=object), dtype=h5py.ref_dtype)
            else:
                put(name, values)
    return Path(path)


def nyu_arrays(frames, height=8, width=12, seed=0):
    """Arrays for `write_mat`; every value of every frame is its own."""
    rng = np.random.default_rng(seed)
    depths = rng.uniform(0.5, 9, (frames, height, width)).astype(np.float32)
    raw = depths.copy()
    raw[:, 2, 3] = 0  # a hole
    scenes = [f"kitchen_{i // 2:04d}" for i in range(frames)]
    return {
        "rgb": rng.integers(0, 256, (frames, height, width, 3), dtype=np.uint8),
        "depths": depths,
        "rawDepths": raw,
        "intrinsics": rng.uniform(5, 9, (frames, 4)),
        "scenes": scenes,
        "sceneTypes": ["kitchen"] * frames,
        "rawRgbFilenames": [f"{scene}/r-{i}.ppm" for i, scene in enumerate(scenes)],
    }
