"""What stands in each kind of room."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from photoreal.blender import cases, fittings, small
from photoreal.blender import furniture as fu
from photoreal.blender.assets import either
from photoreal.blender.clutter import Clutter
from photoreal.blender.furnish import Furnisher, Target
from photoreal.blender.hangings import hang
from photoreal.blender.materials import Palette
from photoreal.blender.meshes import update
from photoreal.floor import Floor
from photoreal.plan import Plan

Rng = np.random.Generator
# Reach from the back, width and height of real pieces, metres.
SOFA = either("seating.SofaFactory", (0.7, 1.3, 0.65), (1.5, 2.8, 1.1), fu.sofa)
ARM_CHAIR = either("seating.ArmChairFactory", (0.7, 0.6, 0.65), (1.1, 1.3, 1.1), fu.sofa)
CHAIR = either("seating.ChairFactory", (0.38, 0.38, 0.75), (0.65, 0.65, 1.1), fu.chair)
OFFICE_CHAIR = either("seating.OfficeChairFactory", (0.45, 0.45, 0.75), (0.8, 0.8, 1.3), fu.office_chair)
DINING_TABLE = either("tables.TableDiningFactory", (0.7, 0.7, 0.7), (2.2, 1.6, 0.8), fu.table)
COFFEE_TABLE = either("tables.CoffeeTableFactory", (0.45, 0.45, 0.33), (1.5, 1.2, 0.52), fu.coffee_table)
SIDE_TABLE = either("tables.SideTableFactory", (0.3, 0.3, 0.4), (0.7, 0.7, 0.7), fu.coffee_table)
DESK = either("shelves.SimpleDeskFactory", (0.5, 1.0, 0.7), (0.9, 1.9, 0.78), fu.desk)
BOOKCASE = either("shelves.SimpleBookcaseFactory", (0.22, 0.5, 0.7), (0.45, 1.4, 2.2), cases.bookcase)
CELL_SHELF = either("shelves.CellShelfFactory", (0.25, 0.5, 0.7), (0.5, 2.2, 2.2), cases.bookcase)


def furnish(rng: Rng, palette: Palette, plan: Plan) -> list[Target]:
    """Furniture in all rooms, what hangs on the walls, then small things; the places worth a close look."""
    furnishers = []
    for room in plan.rooms:
        f = Furnisher(rng, palette, Floor(room))
        _RULES[room.kind](f)
        hang(rng, palette, f.floor, plan.height)
        for _ in f.some(0, 3):
            f.lying(small.FLOOR[int(rng.integers(len(small.FLOOR)))])
        furnishers.append(f)
    update()
    clutter = Clutter(rng, palette)
    targets = [target for f in furnishers for target in f.targets]
    for piece in (piece for f in furnishers for piece in f.pieces if piece.filled):
        targets += clutter.fill(piece)
    clutter.clean_up()
    update()
    return targets


def _office(f: Furnisher) -> None:
    for _ in f.some(1, 3):
        f.seats(f.wall(DESK, "desk"), OFFICE_CHAIR, "front")
    for _ in f.some(1, 3):
        f.wall(BOOKCASE if f.rng.random() < 0.7 else cases.metal_rack, "shelf")
    f.wall(cases.cabinet, "shelf", 0.6)
    f.free(fittings.partition, chance=0.3)
    f.seats(f.free(fu.round_table, "table", 0.6, 0.3), CHAIR, "front back left right")


def _living(f: Furnisher) -> None:
    f.wall(cases.television)
    f.wall(SOFA)
    f.free(COFFEE_TABLE, "table", 0.3)
    for _ in f.some(1, 2):
        f.wall(BOOKCASE, "shelf")
    f.wall(ARM_CHAIR, chance=0.4)
    f.wall(CELL_SHELF, "shelf", 0.4)
    f.wall(cases.cabinet, "shelf", 0.7)
    f.wall(fittings.floor_lamp, chance=0.6)
    f.wall(fittings.big_plant, chance=0.5)


def _bedroom(f: Furnisher) -> None:
    f.wall(fu.bed)
    f.wall(cases.nightstand, "table")
    f.wall(SIDE_TABLE, "table", 0.3)
    f.wall(cases.wardrobe, chance=0.8)
    f.seats(f.wall(DESK, "desk", 0.5), CHAIR, "front")
    f.wall(cases.cabinet, "shelf", 0.7)
    f.wall(BOOKCASE, "shelf", 0.5)
    f.wall(fittings.floor_lamp, chance=0.3)


def _dining(f: Furnisher) -> None:
    make = DINING_TABLE if f.rng.random() < 0.75 else fu.round_table
    f.seats(f.free(make, "table", 0.75), CHAIR, "front back left right")
    f.wall(cases.cabinet, "shelf")
    f.wall(BOOKCASE, "shelf", 0.6)
    f.wall(fittings.big_plant, chance=0.5)


def _kitchen(f: Furnisher) -> None:
    f.wall(cases.kitchen, "table")
    f.wall(cases.fridge)
    f.wall(cases.kitchen, "table", 0.7)
    f.seats(f.free(fu.round_table, "table", 0.55), CHAIR, "front back")
    f.wall(BOOKCASE, "shelf", 0.4)


def _study(f: Furnisher) -> None:
    f.seats(f.wall(DESK, "desk"), OFFICE_CHAIR, "front")
    for _ in f.some(1, 3):
        f.wall(BOOKCASE, "shelf")
    f.wall(ARM_CHAIR, chance=0.4)
    f.wall(CELL_SHELF, "shelf", 0.4)
    f.wall(cases.cabinet, "shelf", 0.5)
    f.wall(fittings.floor_lamp, chance=0.5)


def _classroom(f: Furnisher) -> None:
    for _ in f.some(4, 9):
        f.seats(f.free(DESK, "desk", 0.6), CHAIR, "front")
    for _ in range(3):
        f.wall(BOOKCASE if f.rng.random() < 0.5 else cases.cabinet, "shelf")


def _workshop(f: Furnisher) -> None:
    for _ in f.some(2, 5):
        f.seats(f.free(DESK, "desk", 0.7), OFFICE_CHAIR, "front back", 0.7)
        f.free(fittings.partition, margin=0.02, chance=0.4)
    for _ in f.some(2, 5):
        f.wall(cases.metal_rack if f.rng.random() < 0.6 else cases.cabinet, "shelf")
    for _ in f.some(1, 3):
        f.free(fittings.tripod, margin=0.1)
    for _ in f.some(2, 9):
        f.lying(small.big_carton)


def _corridor(f: Furnisher) -> None:
    f.wall(BOOKCASE, "shelf", 0.4)
    f.wall(cases.cabinet, "shelf", 0.4)
    f.wall(fittings.big_plant, chance=0.3)


_RULES: dict[str, Callable[[Furnisher], None]] = {
    "office": _office, "living_room": _living, "bedroom": _bedroom, "dining_room": _dining, "kitchen": _kitchen,
    "study": _study, "classroom": _classroom, "workshop": _workshop, "corridor": _corridor,
}  # fmt: skip
