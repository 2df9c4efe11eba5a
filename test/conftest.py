"""What several test files need."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

PLANE_VIEWS, PLANE_SIZE = 8, (32, 48)  # views of a scene; height and width


def write_planes(path: Path, scenes: int) -> Path:
    """A data set in NYUv2's layout that is quick to write and to learn: slanted planes, the brighter the farther."""
    from depth_models.data.rooms.camera import Frame
    from depth_models.data.rooms.matfile import MatWriter, pack
    from depth_models.types import Camera

    rng, (height, width) = np.random.default_rng(0), PLANE_SIZE
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    with MatWriter(path, scenes * PLANE_VIEWS, PLANE_SIZE, {"seed": 0}) as file:
        for i in range(scenes * PLANE_VIEWS):
            slope_y, slope_x, middle = rng.uniform([-0.5, -0.5, 1.5], [0.5, 0.5, 3])
            depth = (middle + slope_y * y + slope_x * x).astype(np.float32)
            rgb = np.repeat(np.rint(depth * 60).astype(np.uint8)[..., None], 3, axis=2)
            f_px = rng.uniform(40, 60)
            camera = Camera(f_px, f_px, (width - 1) / 2, (height - 1) / 2, width, height)
            frame = Frame(rgb, depth, depth, camera, np.eye(4), 0, "plane")
            file.write(i, pack(frame, f"plane_{i // PLANE_VIEWS:04d}", str(i)))
    return path


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests, and the processes that they start, share no cache with the user, and 'auto' measures nothing in them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEPTH_MODELS_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("DEPTH_MODELS_BACKEND", "torch")
        yield


@pytest.fixture(autouse=True)
def _own_threads() -> Iterator[None]:
    """A test that sets torch's threads, as a back-end does, leaves them as they were: sums depend on their number."""
    torch = sys.modules.get("torch")  # test files load it where they need it, before any test runs
    threads = torch.get_num_threads() if torch else 0
    yield
    if torch:
        torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def planes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """80 frames of ten scenes: of the split `scene`, frames 0 to 63 train, 64 to 71 validate, 72 to 79 test."""
    pytest.importorskip("h5py")
    return write_planes(tmp_path_factory.mktemp("planes") / "planes.mat", 10)


@pytest.fixture
def few_planes(tmp_path: Path) -> Callable[[int], Path]:
    """Call it for a file of that many scenes."""
    pytest.importorskip("h5py")
    return lambda scenes: write_planes(tmp_path / "few_planes.mat", scenes)


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Path of a small checkpoint with random weights."""
    from depth_models import Checkpoint, Preprocess, create_network

    network = create_network("unet", encoder="resnet18", decoder_channels=(32, 16, 16, 8, 8))
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    Checkpoint.of(network, Preprocess(64, 96, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25), focal_px=40.0)).save(path)
    return str(path)
