"""A camera's way through a room in the layout of the TUM RGB-D benchmark."""

import numpy as np
import pytest
import yaml
from PIL import Image

pytest.importorskip("embreex")

from depth_models import DepthModelsError
from depth_models.data.rooms.sequence import RATE_HZ, Sequence, write_sequence

FRAMES, SIZE, SEED = 4, (48, 64), 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_sequence(tmp_path_factory.mktemp("sequence") / "room", FRAMES, SIZE, SEED, workers=1)


def listed(folder, name):
    return [line.split() for line in (folder / name).read_text().splitlines() if not line.startswith("#")]


def rotation(x, y, z, w):
    """Of a unit quaternion, from the textbook."""
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def test_pictures_are_the_sequences_frames(folder):
    colour, depth = listed(folder, "rgb.txt"), listed(folder, "depth.txt")
    assert [time for time, _ in colour] == [time for time, _ in depth] == [f"{i / RATE_HZ:.6f}" for i in range(FRAMES)]
    sequence = Sequence(FRAMES, SIZE, SEED)
    for i in (0, FRAMES - 1):
        frame = sequence.frame(i)
        np.testing.assert_array_equal(np.asarray(Image.open(folder / colour[i][1])), frame.rgb)
        units = np.asarray(Image.open(folder / depth[i][1]))
        assert units.dtype == np.uint16
        np.testing.assert_allclose(units / 5000, frame.depth, atol=1.01e-4)


def test_the_ground_truth_is_the_pose_of_every_frame(folder):
    _, poses = Sequence(FRAMES, SIZE, SEED).motion()
    for row, pose in zip(listed(folder, "groundtruth.txt"), poses, strict=True):
        numbers = np.array([float(v) for v in row[1:]])
        np.testing.assert_allclose(numbers[:3], pose[:3, 3], atol=1e-6)
        np.testing.assert_allclose(rotation(*numbers[3:]), pose[:3, :3], atol=1e-6)


def test_points_seen_in_the_first_frame_lie_where_the_last_frame_sees_them(folder):
    """By the files alone: unproject by depth and intrinsics, move by the poses, project, and compare the depth."""
    about = yaml.safe_load((folder / "camera.yaml").read_text())
    read = [
        np.asarray(Image.open(folder / file)) / about["depth_units_per_m"] for _, file in listed(folder, "depth.txt")
    ]
    poses = []
    for row in listed(folder, "groundtruth.txt"):
        numbers = [float(v) for v in row[1:]]
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = rotation(*numbers[3:]), numbers[:3]
        poses.append(pose)
    v, u = np.mgrid[: SIZE[0], : SIZE[1]]
    z = read[0]
    points = np.stack([(u - about["cx"]) / about["fx"] * z, (v - about["cy"]) / about["fy"] * z, z, np.ones_like(z)])
    moved = np.linalg.inv(poses[-1]) @ poses[0] @ points.reshape(4, -1)
    column = np.rint(moved[0] / moved[2] * about["fx"] + about["cx"]).astype(int)
    row = np.rint(moved[1] / moved[2] * about["fy"] + about["cy"]).astype(int)
    inside = (column >= 0) & (column < SIZE[1]) & (row >= 0) & (row < SIZE[0])
    assert inside.mean() > 0.8
    error = np.abs(read[-1][row[inside], column[inside]] / moved[2][inside] - 1)
    assert np.median(error) < 0.01
    assert not np.array_equal(poses[0], poses[-1])


def test_workers_do_not_change_the_pictures(folder, tmp_path):
    seen = []
    other = write_sequence(tmp_path / "room", FRAMES, SIZE, SEED, workers=2, progress=lambda *a: seen.append(a))
    files = sorted(p.relative_to(folder) for p in folder.rglob("*") if p.is_file())
    assert len(files) == 2 * FRAMES + 4
    assert all((folder / f).read_bytes() == (other / f).read_bytes() for f in files)
    assert seen == [(i, FRAMES) for i in range(1, FRAMES + 1)]


def test_a_run_that_was_stopped_leaves_nothing_and_what_is_there_stays(folder, tmp_path):
    def stop(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_sequence(tmp_path / "room", FRAMES, SIZE, SEED, workers=1, progress=stop)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(DepthModelsError, match="is there already"):
        write_sequence(folder, FRAMES, SIZE, SEED)
    with pytest.raises(DepthModelsError, match="cannot be written"):
        write_sequence(folder / "camera.yaml" / "room", FRAMES, SIZE, SEED)
