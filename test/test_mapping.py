"""`depth-models map`: shapes whose surface is known come out where they are."""

import json

import numpy as np
import pytest
import yaml
from PIL import Image

pytest.importorskip("open3d")

from depth_models import DepthModelsError
from depth_models.cli import main
from depth_models.data.posed import PosedSequence
from depth_models.mapping import fuse, picture, surface_error, world_of

VOXEL_M = 0.02
F_PX, WIDTH, HEIGHT = 80.0, 96, 72
CX, CY = 47.5, 35.5
WALL_M = 1.5
CENTRE, RADIUS_M = np.array([0.0, 0.0, 1.5]), 0.4


def rays():
    v, u = np.mgrid[:HEIGHT, :WIDTH]
    return np.stack([(u - CX) / F_PX, (v - CY) / F_PX, np.ones(u.shape)], axis=-1)


def wall(position):
    """Depth of the plane z = WALL_M, seen by a camera at `position` that looks along z."""
    return np.full((HEIGHT, WIDTH), WALL_M - position[2])


def sphere(position):
    """Depth of a sphere, 0 beside it: the nearer root of |position + t ray - centre| = radius."""
    ray, offset = rays(), np.asarray(position) - CENTRE
    a, b, c = (ray**2).sum(-1), 2 * ray @ offset, offset @ offset - RADIUS_M**2
    inside = b * b - 4 * a * c
    return np.where(inside > 0, (-b - np.sqrt(np.maximum(inside, 0))) / (2 * a), 0)


@pytest.fixture
def write(tmp_path):
    def sequence(depth_at, positions, name="room"):
        """Cameras at `positions` (metres) that look along z, with grey pictures."""
        folder = tmp_path / name
        for part in ("rgb", "depth"):
            (folder / part).mkdir(parents=True)
        rows = {"rgb": [], "depth": [], "groundtruth": []}
        for n, position in enumerate(positions):
            units = np.rint(depth_at(position) * 5000).astype(np.uint16)
            Image.fromarray(units).save(folder / "depth" / f"{n}.png")
            Image.fromarray(np.full((HEIGHT, WIDTH, 3), 128, np.uint8)).save(folder / "rgb" / f"{n}.png")
            for part in ("rgb", "depth"):
                rows[part].append(f"{n} {part}/{n}.png")
            rows["groundtruth"].append(f"{n} {' '.join(map(str, position))} 0 0 0 1")
        for part, lines in rows.items():
            (folder / f"{part}.txt").write_text("\n".join(lines) + "\n")
        camera = {"fx": F_PX, "fy": F_PX, "cx": CX, "cy": CY, "width": WIDTH, "height": HEIGHT}
        (folder / "camera.yaml").write_text(yaml.safe_dump(camera))
        return folder

    return sequence


STEPS = [(0.05 * n, 0.02 * n, 0.04 * n) for n in range(4)]


def test_a_wall_comes_out_within_a_voxel_of_where_it_is(write):
    sequence = PosedSequence(write(wall, STEPS))
    surface = fuse(sequence, sequence.metres, VOXEL_M)
    z = np.asarray(surface.mesh.vertices)[:, 2]
    assert len(z) > 1000
    assert np.abs(z - WALL_M).max() < VOXEL_M
    assert abs(np.median(z) - WALL_M) < VOXEL_M / 10
    np.testing.assert_allclose(surface.up, [0, -1, 0], atol=1e-9)  # the cameras' y points down
    assert (surface.frames, surface.left_out) == (4, 0)


def test_a_sphere_comes_out_within_a_voxel_of_where_it_is(write):
    sequence = PosedSequence(write(sphere, STEPS))
    points = np.asarray(fuse(sequence, sequence.metres, VOXEL_M).mesh.vertices)
    off = np.linalg.norm(points - CENTRE, axis=1) - RADIUS_M
    assert len(off) > 500
    assert np.quantile(np.abs(off), 0.95) < VOXEL_M
    assert abs(np.median(off)) < VOXEL_M / 4


def test_the_error_of_a_wall_is_how_far_it_was_moved(write):
    sequence = PosedSequence(write(wall, STEPS[:1]))
    truth = fuse(sequence, sequence.metres, VOXEL_M)
    moved = fuse(sequence, lambda i: sequence.metres(i) + np.float32(0.1), VOXEL_M)
    error = surface_error(moved, truth)
    assert error.accuracy_median_m == pytest.approx(0.1, abs=0.005)
    assert error.completeness_median_m == pytest.approx(0.1, abs=0.005)
    assert (error.accuracy_near, error.completeness_near) == (0, 0)
    same = surface_error(truth, truth)
    assert same.accuracy_mean_m < 1e-6
    assert same.completeness_near == 1


def test_estimated_poses_are_brought_to_the_true_ones_at_the_first_frame_of_both(write, tmp_path):
    folder = write(wall, STEPS)
    half = 0.5**0.5  # SLAM's world is turned a quarter about z and begins elsewhere; its first frame was not tracked
    lines = [f"{n} {7 - y} {x} {z} 0 0 {half} {half}" for n, (x, y, z) in enumerate(STEPS)][1:]
    (tmp_path / "slam.txt").write_text("\n".join(lines))
    sequence = PosedSequence(folder, tmp_path / "slam.txt")
    world = world_of(sequence, PosedSequence(folder))
    for frame, true in zip(sequence.frames[1:], PosedSequence(folder).frames[1:], strict=True):
        np.testing.assert_allclose(world @ frame.pose, true.pose, atol=1e-9)


def test_invalid_depth_and_frames_without_a_pose_are_left_out(write):
    folder = write(wall, STEPS)
    (folder / "groundtruth.txt").write_text("0 0 0 0 0 0 0 1\n")
    sequence = PosedSequence(folder)

    def holes(index):
        metres = sequence.metres(index)
        metres[:20], metres[20:40] = np.nan, np.inf
        metres[40:45] = -1
        return metres

    surface = fuse(sequence, holes, VOXEL_M)
    assert (surface.frames, surface.left_out) == (1, 3)
    top = (45 - CY) / F_PX * WALL_M  # of the rows that are left; y points down
    assert np.asarray(surface.mesh.vertices)[:, 1].min() > top - 2 * VOXEL_M


def test_a_sequence_that_gives_no_surface_is_refused(write):
    sequence = PosedSequence(write(wall, STEPS[:1]))
    with pytest.raises(DepthModelsError, match=r"no surface: no depth between 0 and 1\.0 m"):
        fuse(sequence, sequence.metres, VOXEL_M, farthest_m=1.0)
    with pytest.raises(DepthModelsError, match="none of its 1 frames has both a pose and a depth"):
        fuse(sequence, lambda i: None, VOXEL_M)


def test_the_picture_shows_the_surface_on_white(write):
    sequence = PosedSequence(write(sphere, STEPS))
    image = picture(fuse(sequence, sequence.metres, VOXEL_M), width=200)
    assert image.shape[1:] == (200, 3)
    shown = (image < 255).any(axis=2)
    assert 0.2 < shown.mean() < 0.95
    assert shown[:2].sum() == shown[:, :2].sum() == 0  # a margin
    assert 40 < np.median(image[shown]) <= 128  # grey, darker where it turns away


def test_the_verb_writes_mesh_and_picture_and_says_the_error(write, tmp_path, capsys):
    folder, out = write(wall, STEPS), tmp_path / "out" / "wall.ply"
    assert main(["map", str(folder), "--out", str(out), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["error"] is None  # nothing to compare the truth with
    assert out.read_bytes().startswith(b"ply\n")
    assert np.asarray(Image.open(printed["picture"])).ndim == 3
    (tmp_path / "slam.txt").write_text("0 9 0 0 0 0 0 1\n")
    command = ["map", str(folder), "--out", str(out), "--poses", str(tmp_path / "slam.txt"), "--json"]
    assert main(command) == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["frames"], printed["left_out"]) == (1, 3)
    assert printed["error"]["accuracy_median_m"] < 0.001
    with pytest.raises(SystemExit, match="2"):
        main(["map", str(folder), "--out", str(tmp_path / "wall.obj")])
