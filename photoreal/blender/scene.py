"""A furnished flat in Blender, and the views of it."""

from __future__ import annotations

import bpy
import numpy as np

from photoreal.blender.furnish import Target
from photoreal.blender.interiors import furnish
from photoreal.blender.lights import Light, build_lights
from photoreal.blender.materials import Palette
from photoreal.blender.render import cast
from photoreal.blender.shell import build_shell
from photoreal.plan import Plan, RoomPlan, sample_plan
from photoreal.views import View, good, near_view, room_view

Rng = np.random.Generator
_NEAR = 0.6  # share of close views


def build(rng: Rng) -> tuple[Plan, list[Target]]:
    """Empty Blender, then build a flat."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    plan, palette, light = sample_plan(rng), Palette(rng), Light.sample(rng)
    build_shell(rng, plan, palette, light.sky)
    build_lights(rng, plan, light)
    return plan, furnish(rng, palette, plan)


def sample_views(rng: Rng, plan: Plan, targets: list[Target], count: int) -> list[tuple[View, RoomPlan]]:
    """Views worth rendering, with the room that each is taken in; fewer where a flat has none."""
    found = []
    for _ in range(count):
        near = bool(targets) and rng.random() < _NEAR
        for _ in range(60):
            view, room = _near(rng, targets) if near else _across(rng, plan)
            if view is None or not _inside(view, room, plan.height):
                continue
            depth, behind = cast(view)
            if behind < 0.15 and good(depth, rng):
                found.append((view, room))
                break
    return found


def _near(rng: Rng, targets: list[Target]) -> tuple[View | None, RoomPlan]:
    target = targets[int(rng.integers(len(targets)))]
    return near_view(rng, target.point, target.facing), target.room


def _across(rng: Rng, plan: Plan) -> tuple[View, RoomPlan]:
    shares = np.array([room.floor.width * room.floor.depth for room in plan.rooms])
    room = plan.rooms[int(rng.choice(len(plan.rooms), p=shares / shares.sum()))]
    return room_view(rng, room.floor, plan.height), room


def _inside(view: View, room: RoomPlan, height: float) -> bool:
    x, y, z = view.pose[:3, 3]
    f = room.floor
    return f.x0 + 0.1 < x < f.x1 - 0.1 and f.y0 + 0.1 < y < f.y1 - 0.1 and 0.15 < z < height - 0.1
