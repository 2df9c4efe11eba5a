"""One picture and its depth by Cycles."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix, Vector

from photoreal.views import View, rays

FARTHEST_M = 20.0  # what is farther, the sky among it, has no depth: 0


def set_up(size: tuple[int, int], samples: int) -> None:
    """Cycles on one thread, few samples, denoised; `size` is (height, width)."""
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.render.threads_mode, scene.render.threads = "FIXED", 1
    scene.render.resolution_y, scene.render.resolution_x, scene.render.resolution_percentage = *size, 100
    scene.render.use_persistent_data = True
    scene.view_layers[0].use_pass_z = True
    image = scene.render.image_settings
    image.file_format, image.color_depth, image.exr_codec = "OPEN_EXR_MULTILAYER", "32", "NONE"
    cycles = scene.cycles
    cycles.device, cycles.samples, cycles.use_adaptive_sampling = "CPU", samples, False
    cycles.use_denoising, cycles.denoiser = True, "OPENIMAGEDENOISE"
    cycles.denoising_input_passes, cycles.denoising_prefilter = "RGB_ALBEDO_NORMAL", "FAST"
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 4, 3, 2
    cycles.transmission_bounces, cycles.transparent_max_bounces = 3, 4
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.sample_clamp_indirect, cycles.use_fast_gi = 6.0, True
    cycles.fast_gi_method, cycles.ao_bounces_render = "REPLACE", 2
    cycles.use_light_tree = False
    for material in bpy.data.materials:  # what glows is seen; lamps light the rooms
        material.cycles.emission_sampling = "NONE"


def place_camera(view: View) -> None:
    """Make the scene's camera the view's."""
    scene = bpy.context.scene
    if scene.camera is None:
        data = bpy.data.cameras.new("camera")
        scene.camera = bpy.data.objects.new("camera", data)
        scene.collection.objects.link(scene.camera)
    scene.camera.data.sensor_fit, scene.camera.data.angle = "HORIZONTAL", float(np.radians(view.fov_deg))
    scene.camera.data.clip_start, scene.camera.data.clip_end = 0.02, 200.0
    flip = np.diag([1.0, -1.0, -1.0, 1.0])  # Blender's cameras look along -z, y up
    scene.camera.matrix_world = Matrix((view.pose @ flip).tolist())


def render(view: View, seed: int, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Render.

    Returns:
        (H, W, 3) float32 linear radiance, and (H, W) float32 depth Z in metres, 0 where nothing is within 20 m.
    """
    import OpenEXR

    place_camera(view)
    scene = bpy.context.scene
    scene.cycles.seed = seed % (1 << 31)
    scene.render.filepath = str(folder / "frame.exr")
    bpy.ops.render.render(write_still=True)
    with OpenEXR.File(scene.render.filepath) as file:
        channels = {name: channel.pixels for name, channel in file.channels().items()}
    colour = next(pixels for name, pixels in channels.items() if "Combined" in name)
    depth = next(pixels for name, pixels in channels.items() if "Depth" in name or name.endswith(".Z"))
    depth = np.squeeze(np.asarray(depth, np.float32)).copy()
    depth[~(depth < FARTHEST_M)] = 0.0
    return np.asarray(colour, np.float32)[..., :3].copy(), depth


def cast(view: View, columns: int = 16, rows: int = 12) -> tuple[np.ndarray, float]:
    """(N,) depths over the picture, inf where nothing is hit, and the share of rays that hit a surface from behind."""
    scene, graph = bpy.context.scene, bpy.context.evaluated_depsgraph_get()
    start, found, behind = Vector(view.pose[:3, 3]), [], 0
    for ray in rays(view, columns, rows, scene.render.resolution_y / scene.render.resolution_x):
        way = Vector(ray)
        hit, place, normal, *_ = scene.ray_cast(graph, start, way.normalized())
        found.append((place - start).length / way.length if hit else np.inf)
        behind += bool(hit and normal.dot(way) > 0)
    return np.array(found), behind / len(found)
