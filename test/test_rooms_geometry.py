"""Rooms: rays, depth and poses against formulas in float64."""

import numpy as np
import pytest

pytest.importorskip("embreex")

from depth_models.data.rooms import Camera, look_at, random_view, render, sample_room
from depth_models.data.rooms.layout import Room
from depth_models.data.rooms.materials import Materials
from depth_models.data.rooms.mesh import MeshBuilder
from depth_models.data.rooms.plan import Plan
from depth_models.data.rooms.shading import shading_table
from depth_models.data.rooms.textures import TextureBank
from depth_models.data.rooms.trace import Tracer

WIDTH, DEPTH, CEILING = 4.0, 5.0, 2.5
BOX_LOW, BOX_HIGH = np.array([2.8, 2.0, 0.0]), np.array([3.3, 2.6, 0.8])


@pytest.fixture(scope="module")
def box_room() -> Room:
    """An empty room of known size with one box in it."""
    rng = np.random.default_rng(0)
    m, b = Materials(rng, TextureBank()), MeshBuilder()
    paint = m.add("plain", [np.array([0.5, 0.5, 0.5])])
    w, d, h = WIDTH, DEPTH, CEILING
    b.quad([0, 0, 0], [w, 0, 0], [0, d, 0], paint)
    b.quad([0, d, h], [w, 0, 0], [0, -d, 0], paint)
    b.quad([w, 0, 0], [-w, 0, 0], [0, 0, h], paint)
    b.quad([0, d, 0], [w, 0, 0], [0, 0, h], paint)
    b.quad([0, 0, 0], [0, d, 0], [0, 0, h], paint)
    b.quad([w, d, 0], [0, -d, 0], [0, 0, h], paint)
    (x, y, _), size = (BOX_LOW + BOX_HIGH) / 2, BOX_HIGH - BOX_LOW
    b.box(x, y, 0, size[0], size[1], size[2], paint)
    mesh, table = b.build(), m.table()
    light_map = np.ones((*mesh.atlas_shape, 3), np.float32)
    plan = Plan(np.array([[0, 0], [w, 0], [w, d], [0, d]]))
    shading = shading_table(mesh, table)
    return Room(0, "box", h, plan, [], np.zeros((0, 3)), mesh, table, shading, light_map, m.bank, Tracer(mesh))


def slab(origin: np.ndarray, way: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where lines enter and leave an axis-aligned box, in lengths of `way` (Kay and Kajiya's slab method)."""
    with np.errstate(divide="ignore"):
        a, b = (low - origin) / way, (high - origin) / way
    return np.minimum(a, b).max(axis=1), np.maximum(a, b).min(axis=1)


def lines(camera: Camera, pose: np.ndarray) -> np.ndarray:
    """(H * W, 3) world directions with unit extent along the optical axis, from K's inverse."""
    y, x = np.indices((camera.height, camera.width)).reshape(2, -1)
    return (pose[:3, :3] @ np.linalg.inv(camera.K) @ np.stack([x, y, np.ones_like(x)])).T


def test_depth_equals_analytic_intersection(box_room):
    camera = Camera.from_fov(80, 60, 75)
    pose = look_at(np.array([0.7, 0.9, 1.5]), yaw=0.6, pitch=-0.25, roll=0.1)
    frame = render(box_room, camera, pose, np.random.default_rng(0))
    way = lines(camera, pose)
    _, wall = slab(pose[:3, 3], way, np.zeros(3), np.array([WIDTH, DEPTH, CEILING]))
    enter, leave = slab(pose[:3, 3], way, BOX_LOW, BOX_HIGH)
    expected = np.where((enter < leave) & (enter > 0), enter, wall).reshape(60, 80)
    assert (enter < leave).sum() > 100  # the box is in view
    # At the box's outline float32 rays may fall to the other side.
    wrong = np.abs(frame.depth - expected) > 1e-5
    assert wrong.mean() < 0.002
    assert frame.depth.dtype == np.float32
    assert frame.raw_depth.dtype == np.float32


def test_depth_is_z_not_ray_length(box_room):
    """A wall square to the optical axis has one depth, whatever the pixel."""
    camera = Camera.from_fov(64, 48, 90)
    pose = look_at(np.array([1.0, 4.0, 1.2]), yaw=np.pi, pitch=0.0, roll=0.0)
    depth = render(box_room, camera, pose, np.random.default_rng(0)).depth
    centre = depth[20:28, 24:40]
    np.testing.assert_allclose(centre, 1.0, atol=1e-6)
    length = np.linalg.norm(lines(camera, pose), axis=1).reshape(48, 64) * depth
    assert length[20, 24] > 1.01 * depth[20, 24]


def test_camera_conventions():
    camera = Camera.from_fov(640, 480, 60)
    assert camera.K.tolist() == [[camera.fx, 0, 319.5], [0, camera.fy, 239.5], [0, 0, 1]]
    assert camera.fx == pytest.approx(320 / np.tan(np.radians(30)))
    assert camera.horizontal_fov_deg == pytest.approx(60)
    pose = look_at(np.array([1.0, 2.0, 1.5]), yaw=np.pi / 2, pitch=0.0, roll=0.0)
    np.testing.assert_allclose(pose[:3, :3] @ pose[:3, :3].T, np.eye(3), atol=1e-12)
    assert np.linalg.det(pose[:3, :3]) == pytest.approx(1)
    # Looking along +y: x points right (world +x), y points down (world -z).
    np.testing.assert_allclose(pose[:3, :3], [[1, 0, 0], [0, 0, 1], [0, -1, 0]], atol=1e-12)
    clockwise = look_at(np.zeros(3), 0.0, 0.0, 0.1)
    assert clockwise[2, 0] < 0  # rolled clockwise, the right side dips


@pytest.mark.parametrize("seed", [3, 7, 11])
def test_second_view_agrees(seed):
    """What one view measures, reprojected into another view of the room, has the depth measured there."""
    room = sample_room(seed)
    rng = np.random.default_rng(seed)
    camera, pose = random_view(room, rng, (240, 320), kind="human")
    first = render(room, camera, pose, rng)
    moved = pose.copy()
    moved[:3, 3] += pose[:3, :3] @ [0.06, -0.03, 0.05]
    second = render(room, camera, moved, rng)
    points = pose[:3, 3] + first.depth.reshape(-1, 1) * lines(camera, pose)
    seen = (points - moved[:3, 3]) @ moved[:3, :3]
    xy = seen @ camera.K.T
    x, y = (xy[:, :2] / xy[:, 2:]).T
    inside = (x > 1) & (y > 1) & (x < camera.width - 2) & (y < camera.height - 2)
    x, y, z = x[inside], y[inside], seen[inside, 2]
    # Inverse depth is linear over a plane's image, so bilinear interpolation of it is exact there.
    x0, y0 = x.astype(int), y.astype(int)
    corners = np.stack([second.depth[y0 + j, x0 + i] for j in (0, 1) for i in (0, 1)]).astype(np.float64)
    u, v = x - x0, y - y0
    weights = np.stack([(1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v])
    there = 1 / (weights / corners).sum(axis=0)
    # A pixel counts where the second view is continuous and does not have something in front of the point.
    usable = (np.ptp(corners, axis=0) < 0.02 * z) & (there > z - 0.02)
    assert usable.mean() > 0.5
    error = np.abs(there - z)[usable]
    assert np.median(error) < 1e-6
    assert (error < 1e-3).mean() > 0.9  # the rest lies in creases, where interpolation rounds the corner


def test_points_lie_in_the_room():
    """No ray leaks: every point is within the outline, but for the depth of doors and windows."""
    for seed in range(4):
        room = sample_room(seed)
        rng = np.random.default_rng(seed)
        camera, pose = random_view(room, rng, (60, 80))
        frame = render(room, camera, pose, rng)
        points = pose[:3, 3] + frame.depth.reshape(-1, 1) * lines(camera, pose)
        low, high = room.plan.outline.min(axis=0), room.plan.outline.max(axis=0)
        assert np.isfinite(frame.depth).all()
        assert (points[:, :2] > low - 0.26).all()
        assert (points[:, :2] < high + 0.26).all()
        assert points[:, 2].min() > -1e-5
        assert points[:, 2].max() < room.ceiling + 1e-5


def test_kinect_shadows_lie_left_of_near_things(box_room):
    camera = Camera.from_fov(160, 120, 60)
    pose = look_at(np.array([1.2, 2.3, 0.6]), yaw=0.0, pitch=0.0, roll=0.0)
    frame = render(box_room, camera, pose, np.random.default_rng(0))
    row = 60
    on_box = frame.depth[row] < 2.0
    left, right = np.flatnonzero(on_box)[[0, -1]]
    assert (frame.raw_depth[row, left - 3 : left] == 0).all()
    assert (frame.raw_depth[row, right + 2 : right + 5] > 0).all()
    measured = frame.raw_depth > 0
    quantum = frame.depth**2 / (580 * 0.075 * 8)
    assert measured.mean() > 0.8
    assert (np.abs(frame.raw_depth - frame.depth)[measured] < 3 * quantum[measured] + 1e-4).all()
