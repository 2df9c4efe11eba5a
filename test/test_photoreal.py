"""The photo-realistic renderer without Blender: plans, floors, surfaces, views and exposure as numbers."""

import subprocess
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from depth_models.types import Camera
from photoreal import pictures
from photoreal.camera import develop
from photoreal.floor import INWARD, Floor
from photoreal.plan import DOOR_HEIGHT_M, WALL_M, Hole, Rect, RoomPlan, panels, sample_plan
from photoreal.surfaces import Surface, surfaces
from photoreal.views import HEIGHT_M, PITCH_DEG, View, good, near_view, rays, room_view

ROOT = Path(__file__).resolve().parent.parent
PLANS = [sample_plan(np.random.default_rng(seed)) for seed in range(150)]


def inside_of(room, wall, a, n):
    """The wall's own axes in the world, as the documentation of `Hole` says."""
    f = room.floor
    if wall in ("south", "north"):
        return f.x0 + a, f.y0 + n if wall == "south" else f.y1 - n
    return f.x0 + n if wall == "west" else f.x1 - n, f.y0 + a


def test_rooms_of_a_flat_do_not_meet_and_are_of_real_sizes():
    for plan in PLANS:
        assert 2.4 <= plan.height <= 4.2
        for one, other in combinations(plan.rooms, 2):
            assert not one.floor.grown(WALL_M / 2 - 1e-6).overlaps(other.floor.grown(WALL_M / 2 - 1e-6))
        for room in plan.rooms:
            assert min(room.floor.width, room.floor.depth) >= 1.1
            assert max(room.floor.width, room.floor.depth) <= 12
    assert {room.kind for plan in PLANS for room in plan.rooms} >= {"office", "corridor", "workshop", "kitchen"}


def test_holes_lie_in_their_walls_apart_from_each_other_and_doors_are_two_metres_high():
    for room in (room for plan in PLANS for room in plan.rooms):
        for hole in room.holes:
            assert 0 < hole.a < hole.b < room.length(hole.wall)
            assert hole.kind == "window" or hole.z0 == 0
            assert "door" not in hole.kind or hole.z1 == DOOR_HEIGHT_M == 2.0
        for one, other in combinations(room.holes, 2):
            assert one.wall != other.wall or one.b < other.a or other.b < one.a


def test_a_door_between_two_rooms_is_one_hole_through_both_walls():
    joined = 0
    for plan in PLANS:
        for south, north in zip(plan.rooms, plan.rooms[1:], strict=False):
            (upper,) = (hole for hole in south.holes if hole.wall == "north" and hole.z0 == 0)
            lower = [hole for hole in north.holes if hole.wall == "south" and hole.z0 == 0]
            assert [(hole.a, hole.b, hole.z1) for hole in lower] == [(upper.a, upper.b, upper.z1)]
            assert north.floor.y0 - south.floor.y1 == pytest.approx(WALL_M)
            joined += 1
    assert joined > 100


def test_a_walls_panels_cover_it_once_except_for_the_holes():
    holes = (Hole("window", "south", 2.0, 3.0, 0.9, 2.1), Hole("door", "south", 0.4, 1.2, 0.0, 2.0))
    covered = np.zeros((460, 250), int)  # cells of a centimetre, from 0.1 m before the wall on
    for a0, a1, z0, z1 in panels(4.4, 2.5, holes, 0.1):
        covered[round((a0 + 0.1) * 100) : round((a1 + 0.1) * 100), round(z0 * 100) : round(z1 * 100)] += 1
    expected = np.ones_like(covered)
    expected[210:310, 90:210] = expected[50:130, :200] = 0
    np.testing.assert_array_equal(covered, expected)


def test_a_point_at_a_wall_and_the_way_into_the_room():
    for room in PLANS[0].rooms:
        for wall, yaw in INWARD.items():
            at, deeper = (np.array(room.wall_point(wall, 0.7, n)) for n in (0.0, 0.5))
            np.testing.assert_allclose(at, inside_of(room, wall, 0.7, 0.0))
            np.testing.assert_allclose(deeper - at, [0.5 * np.cos(yaw), 0.5 * np.sin(yaw)], atol=1e-12)


def furnished(room, seed):
    """Rectangles that are taken after many pieces were offered."""
    rng, floor = np.random.default_rng(seed), Floor(room)
    for _ in range(15):
        floor.against_wall(rng, tuple(rng.uniform((0.3, 0.4, 0.4), (0.9, 2.0, 2.2))))
        floor.standing(rng, tuple(rng.uniform(0.3, 1.5, 3)), (0.0, np.pi / 2, 0.3), 0.2)
    return floor.taken


@pytest.mark.parametrize("number", range(0, 40, 4))
def test_furniture_never_overlaps_nor_leaves_the_room_nor_blocks_a_door(number):
    for room in PLANS[number].rooms:
        taken = furnished(room, number)
        assert len(taken) > 1
        for one, other in combinations(taken, 2):
            assert not one.overlaps(other)
        for rect in taken:
            assert room.floor.contains(rect)
            for hole in room.holes:
                (x0, y0), (x1, y1) = (inside_of(room, hole.wall, a, n) for a, n in ((hole.a, 0), (hole.b, 0.9)))
                way = Rect(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
                assert hole.kind == "window" or not rect.overlaps(way)


def test_only_low_furniture_stands_below_a_window_and_a_piece_at_a_wall_looks_into_the_room():
    room = RoomPlan("office", Rect(0, 0, 3, 3), (Hole("window", "west", 0.1, 2.9, 0.9, 2.0),))
    rng = np.random.default_rng(0)
    assert Floor(room).against_wall(rng, (0.5, 1.0, 1.8), ("west",)) is None
    spot = Floor(room).against_wall(rng, (0.5, 1.0, 0.8), ("west",))
    rect = spot.rect
    assert (spot.yaw, rect.x0, rect.width, rect.depth) == pytest.approx((0.0, 0.025, 0.5, 1.0))
    spot = Floor(room).against_wall(rng, (0.5, 1.0, 1.8), ("north",))
    assert spot.rect.y1 == pytest.approx(2.975)
    assert (spot.yaw, spot.rect.width) == pytest.approx((-np.pi / 2, 1.0))


def test_things_on_a_surface_do_not_overlap_and_stay_under_what_is_above():
    surface = Surface(0.7, np.array([-0.5, -0.3]), np.full((50, 30), 0.4))
    surface.room[:, :10] = 0.1  # a low board over a part of it
    rng, placed = np.random.default_rng(1), []
    for _ in range(60):
        size, yaw = rng.uniform(0.05, 0.2, 3), rng.uniform(0, np.pi)
        place = surface.place(rng, tuple(size), yaw)
        if place:
            c, s = abs(np.cos(yaw)), abs(np.sin(yaw))
            w, d = c * size[0] + s * size[1], s * size[0] + c * size[1]
            placed.append((Rect(place[0] - w / 2, place[1] - d / 2, place[0] + w / 2, place[1] + d / 2), size[2]))
    assert len(placed) > 12
    for (one, _), (other, _) in combinations(placed, 2):
        assert not one.overlaps(other)
    whole, low = Rect(-0.5, -0.3, 0.5, 0.3), Rect(-0.5, -0.3, 0.5, -0.1)
    for rect, height in placed:
        assert whole.contains(rect)
        assert height < 0.1 or not rect.overlaps(low)


def test_a_place_that_is_asked_for_is_taken_once():
    surface = Surface(0.7, np.zeros(2), np.full((50, 50), 0.5))
    rng = np.random.default_rng(0)
    x, y = surface.place(rng, (0.2, 0.4, 0.1), 0.0, (0.5, 0.5))
    assert np.hypot(x - 0.5, y - 0.5) < 0.15
    assert surface.place(rng, (0.2, 0.4, 0.1), 0.0, (0.5, 0.5)) is None
    assert surface.place(rng, (0.2, 0.4, 0.6), 0.0) is None  # too high


def test_rays_from_above_become_surfaces_with_the_room_above_them():
    shelf = [(0.05, 0.28), (0.35, 0.06), (0.751, 0.6)]  # the second has too little room above it
    columns = [[list(shelf) if i < 9 else [] for _ in range(10)] for i in range(12)]
    columns[0][0].append((1.5, 0.5))  # a knob, too small to stand on
    low, high = surfaces(columns, np.zeros(2))
    assert (low.z, high.z) == (0.05, 0.751)  # to the hair: or things would float
    np.testing.assert_array_equal(low.room[:9], 0.28)
    np.testing.assert_array_equal(high.room[9:], 0)


def test_close_views_are_close_within_reach_of_hand_and_robot_and_see_their_target():
    rng, seen, views = np.random.default_rng(2), 0, []
    target = np.array([1.0, 2.0, 0.8])
    while len(views) < 300:
        view = near_view(rng, target, None if len(views) % 2 else 0.5)
        if view is not None:
            views.append(view)
    for view in views:
        rotation, position = view.pose[:3, :3], view.pose[:3, 3]
        np.testing.assert_allclose(rotation.T @ rotation, np.eye(3), atol=1e-12)
        assert 0.4 <= np.linalg.norm(position - target) <= 2.0
        assert HEIGHT_M[0] <= position[2] <= HEIGHT_M[1]
        assert PITCH_DEG[0] <= np.degrees(np.arcsin(rotation[2, 2])) <= PITCH_DEG[1]
        assert 50 <= view.fov_deg <= 90
        x, y, z = rotation.T @ (target - position)
        half = np.tan(np.radians(view.fov_deg / 2))
        seen += bool(z > 0 and abs(x / z) < half and abs(y / z) < 0.75 * half)
    assert seen > 250
    distances = [np.linalg.norm(view.pose[:2, 3] - target[:2]) for view in views]
    assert min(distances) < 0.5
    assert max(distances) > 1.5


def test_views_of_a_room_are_from_inside_it():
    room, rng = Rect(1, 2, 5, 6), np.random.default_rng(0)
    for _ in range(200):
        x, y, z = room_view(rng, room, 2.5).pose[:3, 3]
        assert 1.2 < x < 4.8
        assert 2.2 < y < 5.8
        assert HEIGHT_M[0] <= z <= HEIGHT_M[1]


def test_rays_are_those_of_the_pinhole_camera_that_the_file_tells():
    view = View(room_view(np.random.default_rng(4), Rect(0, 0, 4, 4), 2.5).pose, 60.0)
    camera = Camera.from_fov(320, 240, 60.0)
    corners = camera.rays(np.array([[-0.5, -0.5], [319.5, -0.5], [-0.5, 239.5], [319.5, 239.5]]), view.pose)
    np.testing.assert_allclose(rays(view, 2, 2, 240 / 320), corners, atol=1e-12)


def test_views_into_a_wall_or_out_of_the_house_are_not_worth_a_picture():
    rng = np.random.default_rng(0)
    varied = np.linspace(0.6, 3, 100)
    assert good(varied, rng)
    assert not good(np.r_[varied, 0.1], rng)  # something at the lens
    assert not good(np.r_[varied, np.full(60, np.inf)], rng)
    assert sum(good(np.full(100, 2.0), rng) for _ in range(1000)) in range(60, 140)  # a bare wall, one time in ten


def test_exposure_brings_any_light_to_a_middle_grey_and_highlights_do_not_wrap():
    rng = np.random.default_rng(0)
    scene = rng.lognormal(0, 0.5, (60, 80, 3))
    for level in (1e-3, 1.0, 1e3):
        image = develop(scene * level, np.random.default_rng(1))
        assert image.dtype == np.uint8
        assert 80 < np.median(image) < 160
    np.testing.assert_allclose(develop(scene * 1e-3, np.random.default_rng(1)), image, atol=1)
    scene[:10] = 1e4
    assert develop(scene, rng)[:10].min() > 240


def test_pictures_are_drawn_at_any_size_and_alike_from_a_seed():
    for size in (64, 128, 256):
        for draw in (pictures.painting, pictures.page, pictures.cover, pictures.screen, pictures.carton):
            one, other = (draw(np.random.default_rng(5), size) for _ in range(2))
            assert one.shape == (size, size, 3)
            assert one.dtype == np.uint8
            np.testing.assert_array_equal(one, other)


def test_the_programs_pure_part_needs_neither_torch_nor_blender():
    program = (
        "import sys, photoreal.__main__, photoreal.worker, photoreal.views, photoreal.surfaces; print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"torch", "bpy", "rclpy"} & set(done.stdout.split())


def test_the_package_does_not_know_the_renderer():
    files = [
        path for name in ("depth_models", "depth_estimation_ros", "launch") for path in (ROOT / name).rglob("*.py")
    ]
    assert len(files) > 100
    assert not [path for path in files if "photoreal" in path.read_text() or "import bpy" in path.read_text()]
