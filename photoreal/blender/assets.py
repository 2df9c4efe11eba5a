"""Furniture of Infinigen's factories, where that package is installed; each piece is held to real sizes.

The factories are called one by one, without Infinigen's scene solver; their pieces stand back at low x and look along
+x, as ours do. Materials are cut down to what shades fast, and their colours muted.
"""

from __future__ import annotations

import importlib
from functools import cache
from importlib.util import find_spec

import bpy
import numpy as np
from mathutils import Matrix

from photoreal.blender.furnish import Make
from photoreal.blender.materials import Palette
from photoreal.blender.meshes import bounds, removed

Rng = np.random.Generator
_SHARE = 0.6
_STRETCH = (0.85, 1.18)  # how far a piece may be scaled to be of a real height


def either(name: str, low: tuple[float, float, float], high: tuple[float, float, float], own: Make) -> Make:
    """A maker that mostly takes a factory's piece, and else our own.

    Args:
        name: module and class, such as 'seating.SofaFactory'.
        low, high: how far a real piece reaches along x (away from its back), y and z, metres.
        own: what is made where chance has it, Infinigen is not installed, or its piece is of no such size.
    """

    def make(rng: Rng, palette: Palette):
        if find_spec("infinigen") and rng.random() < _SHARE:
            thing = _spawned(name, int(rng.integers(1 << 30)))
            if _fits(thing, np.array(low), np.array(high)):
                _cut_down(thing, rng)
                return thing
            removed(thing)
        return own(rng, palette)

    return make


def _spawned(name: str, seed: int):
    """A factory's piece as one mesh."""
    import gin

    module, factory = name.split(".")
    with gin.unlock_config():
        module, fixed_seed = _module(module)
        with fixed_seed(seed):
            maker = getattr(module, factory)(seed)
            thing = maker.spawn_asset(seed)
            maker.finalize_assets(thing)
    thing.data.transform(thing.matrix_basis)
    thing.matrix_basis = Matrix()
    return thing


@cache
def _module(name: str):
    """A module of factories, and what seeds them."""
    core = importlib.import_module("infinigen.core.init")
    core.require_blender_addon = lambda *_, **__: False  # or it would try to download add-ons that we do not use
    return importlib.import_module(f"infinigen.assets.objects.{name}"), importlib.import_module(
        "infinigen.core.util.math"
    ).FixedSeed


def _fits(thing, low: np.ndarray, high: np.ndarray) -> bool:
    """Whether a piece is of a real size, once it is scaled a little to be of a real height."""
    size = np.ptp(bounds(thing), axis=0)
    scale = np.clip(np.clip(size[2], low[2], high[2]) / size[2], *_STRETCH)
    if (size * scale < low - 1e-6).any() or (size * scale > high + 1e-6).any():
        return False
    thing.data.transform(Matrix.Scale(float(scale), 4))
    return True


def _cut_down(thing, rng: Rng) -> None:
    """Make a piece's materials cheap, and their colours those of furniture."""
    for material in {slot.material for slot in thing.material_slots if slot.material and slot.material.node_tree}:
        tree, saturation = material.node_tree, float(rng.uniform(0.2, 0.8))
        for node in list(tree.nodes):
            if node.type == "OUTPUT_MATERIAL":
                for link in node.inputs["Displacement"].links:
                    tree.links.remove(link)
            elif node.type == "TEX_NOISE" and not node.inputs["Detail"].is_linked:
                node.inputs["Detail"].default_value = min(node.inputs["Detail"].default_value, 2.0)
            elif node.type == "BEVEL":
                node.samples = 2
            elif node.type == "BSDF_PRINCIPLED":
                _mute(tree, node.inputs["Base Color"], saturation)


def _mute(tree: bpy.types.NodeTree, colour, saturation: float) -> None:
    """Put less saturation between a colour and what it is for."""
    node = tree.nodes.new("ShaderNodeHueSaturation")
    node.inputs["Saturation"].default_value = saturation
    if colour.is_linked:
        tree.links.new(colour.links[0].from_socket, node.inputs["Color"])
    else:
        node.inputs["Color"].default_value = colour.default_value
    tree.links.new(node.outputs["Color"], colour)
