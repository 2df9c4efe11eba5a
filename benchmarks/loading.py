"""What reading costs: a random frame of the .mat file and of the folder that it is prepared into; and samples a second
of this package's loader and of reading as the paper's code does. Each pair is measured in turns, in one run.

The paper's code holds the whole arrays in memory and makes each sample with PIL and torchvision, in one process, and
turns both image and depth to the nearest pixel, as torchvision does unless told otherwise; this package's reads the
prepared folder, with so many processes, turns images bilinearly, and makes masks and the factor to true metres beside.
Both augment with the paper's probabilities, batch by four, and end with normalised tensors of the frames' own size.
All files are in the page cache. Both run in this process, so the paper's code too profits from the memory that this
package's loader has the C library keep.

Where no chunk of FILE.mat reaches over several frames, as in what `depth-models data rooms` writes, its first FRAMES
are written again, compressed, with the chunks that HDF5 chooses by itself, which do reach over many.

python benchmarks/loading.py FILE.mat [FRAMES]
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from depth_models.data.loading import Loader
from depth_models.data.nyu import NyuFile
from depth_models.data.prepared import PreparedFolder, prepare
from depth_models.data.samples import PreparedSet, ShuffledBatches
from depth_models.data.transforms import Augmentation
from depth_models.networks.encoders import _import_smp
from depth_models.preprocess import Preprocess

_import_smp()  # makes torchvision importable, whose compiled part may not load
import torchvision.transforms.functional as TF  # noqa: E402

MEAN, STD = (0.5145, 0.4555, 0.4275), (0.2541, 0.2605, 0.2748)
BATCH, PASSES = 4, 4


class PaperSet(Dataset):
    """Samples as the paper's code makes them."""

    def __init__(self, path: Path) -> None:
        with h5py.File(path) as file:
            self._images, self._depths = file["images"][:], file["depths"][:]
        self._rng = np.random.default_rng(0)

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        image, depth = Image.fromarray(self._images[index].transpose(2, 1, 0)), Image.fromarray(self._depths[index].T)
        if self._rng.random() < 0.5:
            angle_deg = float(self._rng.uniform(-5, 5))
            image, depth = TF.rotate(image, angle_deg), TF.rotate(depth, angle_deg)
        if self._rng.random() < 0.6:
            image, depth = TF.hflip(image), TF.hflip(depth)
        if self._rng.random() < 0.2:
            image = TF.rgb_to_grayscale(image, 3)
        return TF.normalize(TF.to_tensor(image), MEAN, STD), TF.to_tensor(depth)


def with_automatic_chunks(path: Path, frames: int, out: Path) -> Path:
    """The first frames of a file, in chunks as HDF5 chooses them."""
    with h5py.File(path) as source, h5py.File(out, "w") as file:
        for name in ("images", "depths", "rawDepths"):
            array = source[name][:frames]
            file.create_dataset(name, data=array, chunks=True, compression="gzip", compression_opts=3)
        file["intrinsics"] = source["intrinsics"][:frames]
        file["text"] = np.array([[ord("a")]], np.uint16)
        for name in ("scenes", "sceneTypes"):
            file.create_dataset(name, data=np.full((1, frames), file["text"].ref, object), dtype=h5py.ref_dtype)
    return out


def in_turns(first: Callable[[], object], second: Callable[[], object], times: int) -> tuple[float, float]:
    """Median seconds of each, of this process' own time, so that other work on the machine does not count."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(times):
        for work, taken in zip((first, second), seconds, strict=True):
            start = time.process_time()
            work()
            taken.append(time.process_time() - start)
    return statistics.median(seconds[0]), statistics.median(seconds[1])


def random_frames(mat: NyuFile, folder: PreparedFolder) -> None:
    """Print what a random frame costs."""
    indices = np.random.default_rng(0).permutation(len(mat))
    orders = iter(indices), iter(indices)
    slow, fast = in_turns(lambda: mat[next(orders[0])], lambda: folder[next(orders[1])], min(40, len(mat)))
    print(f"random frame: .mat {slow * 1e3:.1f} ms, prepared folder {fast * 1e3:.2f} ms: {slow / fast:.0f} times less")


def samples_per_second(mat: Path, folder: PreparedFolder, workers: int) -> None:
    """Print what each loader gives, in passes over the data, of which all but the first are counted.

    By wall clock; without other processes by this one's own time, so that other work on the machine does not count.
    """
    clock = time.perf_counter if workers else time.process_time
    preprocess = Preprocess(*folder.size, MEAN, STD, focal_px=519.2)
    data, paper = PreparedSet(folder, preprocess, Augmentation(), 0), PaperSet(mat)
    batches = iter(Loader(data, ShuffledBatches(range(len(folder)), BATCH, PASSES, 0), BATCH, workers))
    ahead = 2 * workers  # batches that the processes loaded while they were not timed
    steps = len(folder) // BATCH - ahead
    rates: tuple[list[float], list[float]] = ([], [])
    for _ in range(PASSES):
        start = clock()
        samples = sum(len(images) for images, *_ in DataLoader(paper, BATCH, shuffle=True))
        rates[0].append(samples / (clock() - start))
        for _ in range(ahead):
            next(batches)
        start = clock()
        for _ in range(steps):
            preprocess.normalise(next(batches)[0])
        rates[1].append(steps * BATCH / (clock() - start))
    theirs, ours = (statistics.median(rate[1:]) for rate in rates)
    print(
        f"samples/s with {workers} processes: {ours:.1f}, as the paper's code {theirs:.1f}: {ours / theirs:.2f} times"
    )


def main() -> None:
    """Print both comparisons."""
    path, frames = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 182
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(dir=path.parent) as temporary:
        mat = path
        with h5py.File(path) as file:
            if (file["images"].chunks or (1,))[0] == 1:
                mat = with_automatic_chunks(path, frames, Path(temporary) / "chunked.mat")
        with h5py.File(mat) as file:
            for name in ("images", "depths"):
                array = file[name]
                print(f"{name}: {array.shape}, chunks {array.chunks}, compression {array.compression}")
        folder = PreparedFolder(prepare(mat, Path(temporary) / "prepared"))
        random_frames(NyuFile(mat), folder)
        for workers in (0, 2):
            samples_per_second(mat, folder, workers)
        shutil.rmtree(folder.path)


if __name__ == "__main__":
    main()
