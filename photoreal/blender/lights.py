"""Light: daylight through the windows, sun, lamps; by day, in the evening, or both at once."""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Vector

from photoreal.blender.materials import glowing
from photoreal.blender.meshes import lathe, moved
from photoreal.floor import INWARD
from photoreal.plan import Plan, RoomPlan

Rng = np.random.Generator


@dataclass(frozen=True)
class Light:
    """How a flat is lit: radiance of the sky outside, of the sun (0 for none), and power of a ceiling lamp, watts."""

    sky: float
    sun: float
    lamp_w: float
    warmth: float

    @classmethod
    def sample(cls, rng: Rng) -> Light:
        """By day, by day with lamps, or in the evening."""
        kind = rng.choice(["day", "mixed", "evening"], p=[0.5, 0.3, 0.2])
        sky = 0.03 if kind == "evening" else float(rng.uniform(2.0, 10.0))
        sun = float(rng.uniform(4, 25)) if kind != "evening" and rng.random() < 0.5 else 0.0
        lamp = 0.0 if kind == "day" else float(rng.uniform(25, 90))
        return cls(sky, sun, lamp, float(rng.uniform(0, 1)))


def build_lights(rng: Rng, plan: Plan, light: Light) -> None:
    """The sky, its light at each window, the sun, and ceiling lamps."""
    _world(rng, light)
    if light.sun:
        _sun(rng, light)
    for room in plan.rooms:
        windows = [hole for hole in room.holes if hole.kind == "window"]
        for hole in windows:
            _window(room, hole, light)
        lamp = light.lamp_w or (0.0 if windows and room.kind != "corridor" else float(rng.uniform(15, 40)))
        if lamp:
            _ceiling(rng, room, plan.height, lamp, light.warmth)


def _world(rng: Rng, light: Light) -> None:
    """A sky that only cameras see; what it sends through a window comes from a lamp there."""
    world = bpy.data.worlds.new("sky")
    bpy.context.scene.world = world
    world.use_nodes = True
    background = world.node_tree.nodes["Background"]
    blue, grey = np.array([0.45, 0.65, 0.95]), np.array([0.85, 0.88, 0.92])
    colour = blue + (grey - blue) * rng.uniform(0, 1)
    background.inputs["Color"].default_value = (*colour, 1)
    background.inputs["Strength"].default_value = light.sky
    world.cycles_visibility.diffuse = world.cycles_visibility.glossy = False
    world.cycles_visibility.transmission = True
    world.light_settings.ao_factor, world.light_settings.distance = 0.5, 1.5


def _lamp(name: str, kind: str, energy: float, colour):
    data = bpy.data.lights.new(name, kind)
    data.energy, data.color = energy, colour
    thing = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(thing)
    return thing


def _window(room: RoomPlan, hole, light: Light) -> None:
    width, height = hole.b - hole.a, hole.z1 - hole.z0
    energy = np.pi * width * height * light.sky * 0.6
    lamp = _lamp("window", "AREA", float(energy), (0.88, 0.94, 1.0))
    lamp.data.shape, lamp.data.size, lamp.data.size_y = "RECTANGLE", width, height
    lamp.visible_camera = lamp.visible_glossy = False
    x, y = room.wall_point(hole.wall, (hole.a + hole.b) / 2, -0.08)
    yaw = INWARD[hole.wall]
    into = Vector((np.cos(yaw), np.sin(yaw), -0.15))
    lamp.location, lamp.rotation_euler = (x, y, (hole.z0 + hole.z1) / 2), into.to_track_quat("-Z", "Y").to_euler()


def _sun(rng: Rng, light: Light) -> None:
    lamp = _lamp("sun", "SUN", light.sun, (1.0, 0.93, 0.82))
    lamp.data.angle = np.radians(1.0)
    azimuth, height = rng.uniform(0, 2 * np.pi), np.radians(rng.uniform(15, 55))
    way = -Vector((np.cos(azimuth) * np.cos(height), np.sin(azimuth) * np.cos(height), np.sin(height)))
    lamp.rotation_euler = way.to_track_quat("-Z", "Y").to_euler()


def _ceiling(rng: Rng, room: RoomPlan, height: float, power: float, warmth: float) -> None:
    """Lamps in a grid of about one for nine square metres: globes that hang, or panels in the ceiling."""
    f = room.floor
    nx, ny = max(1, round(f.width / 3.2)), max(1, round(f.depth / 3.2))
    colour = np.array([1, 0.78, 0.55]) * warmth + np.array([1, 0.97, 0.93]) * (1 - warmth)
    hanging = rng.random() < 0.5 and room.kind not in ("office", "classroom", "workshop", "corridor")
    for i in range(nx):
        for j in range(ny):
            x, y = f.x0 + f.width * (i + 0.5) / nx, f.y0 + f.depth * (j + 0.5) / ny
            if hanging:
                lamp = _lamp("lamp", "POINT", power, colour)
                lamp.data.shadow_soft_size = 0.12
                lamp.location = (x, y, height - 0.55)
                a = np.linspace(-np.pi / 2, np.pi / 2, 12)
                globe = lathe("globe", np.c_[0.11 * np.cos(a), 0.11 * np.sin(a)], glowing(colour, 8.0))
                globe.visible_shadow = False
                moved(globe, x, y, height - 0.55)
                continue
            lamp = _lamp("panel", "AREA", power, colour)
            lamp.data.shape, lamp.data.size, lamp.data.size_y = "RECTANGLE", 0.6, float(rng.choice([0.6, 1.2]))
            lamp.location = (x, y, height - 0.03)
