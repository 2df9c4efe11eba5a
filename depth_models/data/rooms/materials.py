"""Materials of one room: patterns, colours in linear light, gloss and emission; and palettes to draw them from."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from depth_models.data.rooms.textures import TextureBank, texture_id

WOODS = ["#c8a06a", "#a9794a", "#7a4f2d", "#5a3620", "#e0c69a", "#d9b48a", "#3b2a20", "#b98a5e", "#efe3cc"]
WALLS = ["#f2efe8", "#e9e2d0", "#dfe6e6", "#e8d9c0", "#cfd8cf", "#d8c9b8", "#c3d0dc", "#f6f3ea", "#b8c4b0", "#e5d3d0"]
STRONG = ["#b2382e", "#2f5f9e", "#3d7a4a", "#d9a032", "#6a3d7c", "#2a8a90", "#d0643a", "#222a44", "#8c2f4a", "#e6cf4a"]
CLOTH = ["#7a7468", "#4c5560", "#8a5a3c", "#35404f", "#a89a80", "#5d6b4f", "#7b3b3b", "#b5b0a6", "#2f2f33", "#95a5b5"]
METAL = ["#9a9c9e", "#c4c6c8", "#3a3b3d", "#1f2022", "#6e6a62"]
STONE = ["#b9b2a6", "#8f8a82", "#d6d0c4", "#6c6a68", "#c9b79c", "#e6e2da", "#4d4b49"]


def linear(hex_colour: str) -> np.ndarray:
    """(3,) float64 linear light of an sRGB colour such as '#c8a06a'."""
    srgb = np.array([int(hex_colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


@dataclass
class Materials:
    """The materials of one room, drawn as they are asked for; every method returns a material's number."""

    rng: np.random.Generator
    bank: TextureBank
    texture: list[int] = field(default_factory=list)
    colours: list[np.ndarray] = field(default_factory=list)  # (3 colours, 3 channels) linear albedo
    tile_m: list[float] = field(default_factory=list)
    gloss: list[float] = field(default_factory=list)  # reflectance at normal incidence, 0 for matt
    emission: list[np.ndarray] = field(default_factory=list)  # (3,) radiance that the albedo is multiplied by
    infrared: list[bool] = field(default_factory=list)  # seen by a Kinect

    def add(self, kind, colours, tile_m=1.0, gloss=0.0, emission=None, infrared=True) -> int:
        """A material of one to three linear colours; `tile_m` metres a tile, 1 where the texture is fitted."""
        colours = [np.asarray(c, np.float64) for c in colours]
        while len(colours) < 3:
            colours.append(colours[-1] * (0.6 if len(colours) == 1 else 0.5))
        self.texture.append(texture_id(kind, int(self.rng.integers(1 << 16))))
        self.colours.append(np.clip(np.array(colours), 0.005, 0.92))
        self.tile_m.append(float(tile_m))
        self.gloss.append(float(gloss))
        self.emission.append(np.zeros(3) if emission is None else np.asarray(emission, np.float64))
        self.infrared.append(infrared)
        return len(self.texture) - 1

    def pick(self, palette: list[str], spread: float = 0.25) -> np.ndarray:
        """A linear colour of a palette, varied in lightness and a little in hue."""
        colour = linear(palette[self.rng.integers(len(palette))])
        return colour * np.exp(spread * self.rng.normal()) * np.exp(0.08 * self.rng.normal(size=3))

    def choose(self, *kinds: str) -> str:
        """One of the names."""
        return kinds[self.rng.integers(len(kinds))]

    def wood(self) -> int:
        """Furniture wood, varnished or not; sometimes painted."""
        gloss = self.rng.choice([0.0, 0.02, 0.04])
        if self.rng.random() < 0.25:
            return self.add("plain", [self.pick(WALLS + CLOTH)], 1.0, gloss)
        colour = self.pick(WOODS)
        return self.add("wood", [colour, colour * self.rng.uniform(0.45, 0.8)], self.rng.uniform(0.6, 1.2), gloss)

    def cloth(self) -> int:
        """Fabric of sofas, beds, cushions and curtains."""
        kind = self.choose("fabric", "fabric", "fabric", "stripes", "plaid", "motifs", "carpet")
        tile = {"fabric": 0.3, "carpet": 0.5}.get(kind, self.rng.uniform(0.4, 0.9))
        first = self.pick(CLOTH + STRONG)
        second = first * self.rng.uniform(0.6, 0.9) if kind in ("fabric", "carpet") else self.pick(CLOTH + WALLS)
        return self.add(kind, [first, second, self.pick(STRONG)], tile)

    def metal(self) -> int:
        """Painted or bare metal, dark plastic."""
        return self.add("plain", [self.pick(METAL)], 0.5, 0.05)

    def plastic(self) -> int:
        """Something bright and a little glossy."""
        return self.add("plain", [self.pick(STRONG + WALLS)], 0.5, self.rng.choice([0.0, 0.04]))

    def print(self) -> int:
        """Printed paper fitted to its face: covers, boxes, posters."""
        return self.add("poster", [self.pick(STRONG + WALLS), self.pick(STRONG + WALLS), self.pick(STRONG)])

    def picture(self) -> int:
        """A picture fitted to its frame."""
        return self.add("picture", [self.pick(WALLS + STRONG), self.pick(STRONG + WOODS), self.pick(STRONG)])

    def black_glass(self, lit: bool) -> int:
        """A screen, on or off."""
        if lit:
            paper, bar = self.pick(WALLS), self.pick(STRONG)
            return self.add("screen", [self.pick(STRONG, 0.5), paper, bar], 1, 0.03, np.full(3, 0.8), infrared=False)
        return self.add("plain", [np.full(3, 0.012)], 1.0, 0.05, infrared=False)

    def wall(self, scene: str) -> int:
        """Walls: mostly paint, sometimes paper, bricks, tiles or panelling."""
        first = self.pick(WALLS if self.rng.random() < 0.8 else CLOTH + STRONG, 0.15)
        draw = self.rng.random()
        if scene in ("bathroom", "kitchen") and draw < 0.5:
            return self.add("tiles", [first, first * 0.8, self.pick(STONE)], self.rng.uniform(0.4, 1.2), 0.04)
        if draw < 0.6:
            return self.add(self.choose("plaster", "plain"), [first, first * 0.85], self.rng.uniform(0.8, 2.0))
        if draw < 0.85:
            kind = self.choose("stripes", "motifs", "motifs")
            return self.add(
                kind, [first, first * self.rng.uniform(0.6, 0.9), self.pick(WALLS)], self.rng.uniform(0.5, 1.2)
            )
        if draw < 0.93:
            return self.add("bricks", [linear("#a5573c"), self.pick(["#7c3f2c", "#c07a58"]), self.pick(STONE)], 0.92)
        return self.add("planks", [self.pick(WOODS), self.pick(WOODS)], 1.2, 0.02)

    def floor(self) -> int:
        """Floors: boards, carpet, tiles, stone; about half of them shine a little."""
        kind = self.choose("planks", "planks", "carpet", "carpet", "tiles", "tiles", "speckle", "marble", "wood")
        gloss = 0.0 if kind == "carpet" else self.rng.choice([0.0, 0.02, 0.04])
        if kind in ("planks", "wood"):
            colour = self.pick(WOODS)
            return self.add(kind, [colour, colour * self.rng.uniform(0.5, 0.8)], self.rng.uniform(1.2, 1.8), gloss)
        palette = CLOTH + STONE if kind == "carpet" else STONE + WALLS
        first = self.pick(palette)
        tile = {"carpet": 0.6, "tiles": 1.2, "speckle": 0.8, "marble": 2.0}[kind]
        return self.add(kind, [first, first * self.rng.uniform(0.5, 1.1), self.pick(STONE)], tile, gloss)

    def ceiling(self) -> int:
        """White paint, plaster, or panels of 0.6 m."""
        if self.rng.random() < 0.2:
            return self.add("tiles", [linear("#e8e6e0"), linear("#dcdad4"), linear("#a8a8a4")], 1.8)
        return self.add(self.choose("plain", "plaster"), [self.pick(["#f4f2ee", "#efeae0"], 0.05)], 1.5)

    def table(self) -> dict[str, np.ndarray]:
        """The materials as arrays, by attribute name, with `mean` the mean albedo; draws their patterns."""
        weights = np.array([self.bank.mean(t) for t in self.texture])
        a, b, g = weights.T[:, :, None]
        colours = np.array(self.colours)
        mean = g * (colours[:, 0] + a * (colours[:, 1] - colours[:, 0]) + b * (colours[:, 2] - colours[:, 0]))
        return {
            "texture": np.array(self.texture, np.int32),
            "colours": colours.astype(np.float32),
            "per_metre": (1 / np.array(self.tile_m)).astype(np.float32),
            "gloss": np.array(self.gloss, np.float32),
            "emission": np.array(self.emission, np.float32),
            "infrared": np.array(self.infrared),
            "mean": mean.astype(np.float32),
        }
