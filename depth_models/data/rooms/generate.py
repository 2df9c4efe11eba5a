"""A data set of rooms: many rooms, some views each, rendered by several processes into one .mat file."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from depth_models.data.rooms.camera import Frame
from depth_models.data.rooms.layout import Room, sample_room
from depth_models.data.rooms.matfile import MatWriter, PackedFrame, pack
from depth_models.data.rooms.render import render
from depth_models.data.rooms.views import random_view
from depth_models.data.rooms.workers import Progress, check_arguments, mapped
from depth_models.errors import DepthModelsError
from depth_models.files import written_whole

GENERATOR = "depth_models.data.rooms"
VERSION = 1  # changes when the same seed gives other frames
VIEWS_PER_ROOM = 8


def room_seed(seed: int, room: int) -> int:
    """Seed of a data set's room of the given number."""
    return int(np.random.SeedSequence([seed, room]).generate_state(1, np.uint64)[0])


def dataset_frame(seed: int, index: int, size: tuple[int, int], room: Room | None = None) -> Frame:
    """Frame number `index` of the data set of a seed; `room` saves building its room again."""
    number, view = divmod(index, VIEWS_PER_ROOM)
    return _view(seed, number, view, size, sample_room(room_seed(seed, number)) if room is None else room)


def _view(seed: int, number: int, view: int, size: tuple[int, int], room: Room) -> Frame:
    rng = np.random.Generator(np.random.PCG64([seed, number, view]))
    camera, pose = random_view(room, rng, size)
    return render(room, camera, pose, rng)


def _pack_room(number: int, frames: int, views: int, size: tuple[int, int], seed: int) -> list[PackedFrame]:
    """The packed frames of one room of a data set."""
    room = sample_room(room_seed(seed, number))
    scene, packed = f"{room.scene}_{number:04d}", []
    for view in range(min(views, frames - number * views)):
        frame = _view(seed, number, view, size, room)
        packed.append(pack(frame, scene, f"{seed}-{number * views + view:06d}"))
    return packed


def generate(
    out: str | Path,
    frames: int,
    size: tuple[int, int] = (480, 640),
    seed: int = 0,
    workers: int = 2,
    progress: Progress = lambda done, frames: None,
    views: int = VIEWS_PER_ROOM,
) -> Path:
    """Render a data set into one file in NYUv2's layout (see matfile.py).

    Args:
        out: the .mat file; it appears whole or not at all.
        frames: how many.
        size: (height, width) pixels.
        seed: 0 or more; the same seed gives the same frames, whatever the number of workers.
        workers: processes.
        progress: called with frames done and frames in all.
        views: of each room, 1 or more; those of one room do not depend on how many there are.

    Returns:
        The path of the file.

    Raises:
        DepthModelsError: an argument out of range, embreex is missing, the file cannot be written, or a process died.
    """
    check_arguments(frames, size, seed, workers)
    if views < 1:
        raise DepthModelsError(f"views={views}: a room is seen once or more")
    command = (
        f"depth-models data rooms --frames {frames} --size {size[0]}x{size[1]} --seed {seed} --out {Path(out).name}"
    )
    command += f" --views {views}" * (views != VIEWS_PER_ROOM)
    attributes = {"generator": GENERATOR, "version": VERSION, "seed": seed, "command": command}
    job = partial(_pack_room, frames=frames, views=views, size=size, seed=seed)
    rooms = range(-(-frames // views))
    done = 0
    with (
        written_whole(out) as temporary,
        MatWriter(temporary, frames, size, attributes) as writer,
        mapped(job, rooms, workers) as results,
    ):
        for packed in results:
            for frame in packed:
                writer.write(done, frame)
                done += 1
            progress(done, frames)
    return Path(out)
