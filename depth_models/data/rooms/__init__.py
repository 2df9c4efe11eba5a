"""Procedural indoor RGB-D: rooms, views and camera paths with exact depth. Needs the extra `train` (embreex)."""

from depth_models.data.rooms.camera import Frame, look_at
from depth_models.data.rooms.layout import Room, sample_room
from depth_models.data.rooms.render import render
from depth_models.data.rooms.sensor import Look, sample_look
from depth_models.data.rooms.views import camera_path, random_view
from depth_models.types import Camera

__all__ = [
    "Camera",
    "Frame",
    "Look",
    "Room",
    "camera_path",
    "look_at",
    "random_view",
    "render",
    "sample_look",
    "sample_room",
]
