"""Pictures of depth without a plotting library: colour maps, and sheets of titled panels with their colour bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from depth_models.errors import DepthModelsError

INVALID_GREY = 128
INDOOR_RANGE_M = (0.0, 10.0)  # drawn where no pixel has a depth
ERROR_LIMIT = 0.5  # relative error of full colour
_NARROWEST = 0.1  # of the middle depth, so that a flat scene does not show noise in full colour
_MOST_STEPS = 8  # between the ticks of a colour bar
_INK, _PAPER = (32, 32, 32), (255, 255, 255)
# Blue is too near, red is too far; evenly light on both sides of white (Color Brewer's RdBu).
_BLUE_WHITE_RED = np.array(
    [(33, 102, 172), (103, 169, 207), (209, 229, 240), (255, 255, 255), (253, 219, 199), (239, 138, 98), (178, 24, 43)]
)


def depth_range(*maps: np.ndarray) -> tuple[float, float]:
    """Nearest and farthest depth worth colouring: the 2nd and 98th percentile over several maps together.

    Args:
        maps: (H, W) metres each; what is not positive and finite is invalid and does not count.

    Returns:
        near < far, metres; at least a tenth of their middle apart. `INDOOR_RANGE_M` if no pixel is valid.
    """
    valid = np.concatenate([m[_is_depth(m)] for m in maps]) if maps else np.empty(0)
    if not valid.size:
        return INDOOR_RANGE_M
    near, far = (float(v) for v in np.percentile(valid, [2, 98]))
    middle = (near + far) / 2
    half = max(far - near, _NARROWEST * middle) / 2
    return middle - half, middle + half


def colour_depth(metres: np.ndarray, near: float, far: float) -> np.ndarray:
    """Depth in viridis, as in the paper's figure 5: dark blue is near, bright yellow is far.

    Args:
        metres: (H, W); what is not positive and finite is invalid.
        near, far: metres of the map's two ends; depth beyond them has the end's colour.

    Returns:
        (H, W, 3) uint8 RGB, invalid pixels mid grey.

    Raises:
        DepthModelsError: near is not below far.
    """
    if not near < far:
        raise DepthModelsError(f"near is {near} m and far is {far} m; near must be below far (see depth_range)")
    return _coloured((metres - near) / (far - near), _is_depth(metres), _VIRIDIS)


def colour_error(relative_error: np.ndarray, limit: float) -> np.ndarray:
    """Relative depth error from blue (too near) over white (right) to red (too far).

    Args:
        relative_error: (H, W), (predicted - true) / true; NaN is invalid. 0.1 is 10 % too far.
        limit: error of the map's two ends, positive; a larger one has the end's colour.

    Returns:
        (H, W, 3) uint8 RGB, invalid pixels mid grey.

    Raises:
        DepthModelsError: limit is not positive.
    """
    if not limit > 0:
        raise DepthModelsError(f"the limit of relative errors is {limit}; it must be positive, such as 0.3 for 30 %")
    return _coloured(relative_error / (2 * limit) + 0.5, np.isfinite(relative_error), _DIVERGING)


@dataclass(frozen=True)
class ColourBar:
    """What a panel's colours mean.

    Attributes:
        low, high: values at the bar's ends, in `unit`.
        unit: written behind every number.
        colours: (256, 3) uint8 RGB from low to high.
    """

    low: float
    high: float
    unit: str
    colours: np.ndarray

    def ticks(self) -> list[tuple[float, str]]:
        """Round values within the bar, four to nine, and their labels."""
        step = _round_step((self.high - self.low) / _MOST_STEPS)
        slack = 1e-6  # in steps: a bar that ends at 0.30000001 ends at 0.3
        first, last = int(np.ceil(self.low / step - slack)), int(np.floor(self.high / step + slack))
        decimals = max(0, -int(np.floor(np.log10(step) + slack)))
        return [(i * step, f"{i * step:.{decimals}f} {self.unit}") for i in range(first, last + 1)]


@dataclass(frozen=True)
class Panel:
    """A titled picture.

    Attributes:
        title: one line.
        image: (H, W, 3) uint8 RGB.
        bar: drawn below the picture; None for a photograph.
    """

    title: str
    image: np.ndarray
    bar: ColourBar | None = None


def depth_panel(title: str, metres: np.ndarray, near: float, far: float) -> Panel:
    """Panel of `colour_depth`, with its bar in metres."""
    return Panel(title, colour_depth(metres, near, far), ColourBar(near, far, "m", _VIRIDIS))


def error_panel(title: str, relative_error: np.ndarray, limit: float) -> Panel:
    """Panel of `colour_error`, with its bar in per cent."""
    bar = ColourBar(-100 * limit, 100 * limit, "%", _DIVERGING)
    return Panel(title, colour_error(relative_error, limit), bar)


def comparison_panels(rgb: np.ndarray, truth: np.ndarray, predicted: np.ndarray) -> list[Panel]:
    """Image, true depth, predicted depth and relative error, for a `sheet`; both depths in the same colours.

    Args:
        rgb: (H, W, 3) uint8.
        truth, predicted: (H, W) metres; what is not positive and finite is invalid.
    """
    near, far = depth_range(truth, predicted)
    both = _is_depth(truth) & _is_depth(predicted)
    error = np.where(both, predicted, np.nan) / np.where(both, truth, 1.0) - 1
    percent = f" (mean {100 * np.abs(error[both]).mean():.0f} %)" if both.any() else ""
    return [
        Panel("Image", rgb),
        depth_panel("True depth", truth, near, far),
        depth_panel("Predicted depth", predicted, near, far),
        error_panel(f"Relative error{percent}: blue too near, red too far", error, ERROR_LIMIT),
    ]


def sheet(panels: Sequence[Panel], columns: int | None = None) -> np.ndarray:
    """Panels side by side on white paper; the lettering is in proportion to them, but never too small to read.

    Args:
        panels: one or more, all of one size.
        columns: panels in a row, 1 or more; None for all in one row.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        DepthModelsError: no panel, or panels of several sizes.
    """
    shapes = sorted({panel.image.shape for panel in panels})
    if len(shapes) != 1:
        raise DepthModelsError(f"a sheet needs one or more panels of one size, got {shapes or 'none'}")
    columns = min(columns or len(panels), len(panels))
    letter = max(13, round(min(shapes[0][:2]) / 22))
    has_bars = any(panel.bar is not None for panel in panels)
    cells = [_cell(panel, letter, has_bars) for panel in panels]
    height, width = len(cells[0]) + letter, max(cell.shape[1] for cell in cells) + letter  # a letter is the margin
    paper = np.full((-(-len(cells) // columns) * height + letter, columns * width + letter, 3), _PAPER, np.uint8)
    for i, cell in enumerate(cells):
        top, left = i // columns * height + letter, i % columns * width + letter
        paper[top : top + cell.shape[0], left : left + cell.shape[1]] = cell
    return paper


def _cell(panel: Panel, letter: int, with_bar: bool) -> np.ndarray:
    """Title, picture and, where any panel of the sheet has one, the bar or its empty place; (H, W, 3) uint8."""
    from PIL import Image, ImageDraw, ImageFont

    title_font, label_font = ImageFont.load_default(letter), ImageFont.load_default(0.8 * letter)
    image_height, image_width = panel.image.shape[:2]
    width = max(image_width, int(title_font.getlength(panel.title)) + 1, 16 * letter if panel.bar else 0)
    image_top = round(1.5 * letter)
    bar_top = image_top + image_height + letter // 2
    bar_bottom = bar_top + round(0.6 * letter)
    height = bar_bottom + round(1.3 * letter) if with_bar else image_top + image_height
    paper = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(paper)
    draw.text((0, letter), panel.title, _INK, title_font, anchor="ls")
    paper.paste(Image.fromarray(panel.image), (0, image_top))
    if panel.bar is None:
        return np.asarray(paper)
    bar_width = max(image_width, 16 * letter)
    ramp = np.broadcast_to(panel.bar.colours, (bar_bottom - bar_top, 256, 3))
    paper.paste(Image.fromarray(ramp.copy()).resize((bar_width, bar_bottom - bar_top)), (0, bar_top))
    for value, label in panel.bar.ticks():
        x = round((value - panel.bar.low) / (panel.bar.high - panel.bar.low) * (bar_width - 1))
        draw.line([(x, bar_bottom - letter // 4), (x, bar_bottom + letter // 5)], _INK)
        half = label_font.getlength(label) / 2
        at = np.clip(x, half, bar_width - half), bar_bottom + 1.15 * letter
        draw.text(at, label, _INK, label_font, anchor="ms")
    return np.asarray(paper)


def _is_depth(metres: np.ndarray) -> np.ndarray:
    return np.isfinite(metres) & (metres > 0)


def _coloured(position: np.ndarray, valid: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """(H, W) positions, 0 to 1 along the colours, to (H, W, 3) uint8."""
    index = np.rint(np.where(valid, position, 0).clip(0, 1) * 255).astype(np.uint8)
    return np.where(valid[..., None], colours[index], np.uint8(INVALID_GREY))


def _round_step(least: float) -> float:
    """1, 2 or 5 times a power of ten, `least` or more."""
    power = 10.0 ** np.floor(np.log10(least))
    return float(next(m * power for m in (1, 2, 5, 10) if m * power >= least * (1 - 1e-9)))


def _viridis() -> np.ndarray:
    return cv2.applyColorMap(np.arange(256, dtype=np.uint8)[:, None], cv2.COLORMAP_VIRIDIS)[:, 0, ::-1]


def _diverging() -> np.ndarray:
    at = np.linspace(0, 1, len(_BLUE_WHITE_RED))
    channels = [np.interp(np.linspace(0, 1, 256), at, channel) for channel in _BLUE_WHITE_RED.T]
    return np.rint(np.stack(channels, axis=1)).astype(np.uint8)


_VIRIDIS, _DIVERGING = _viridis(), _diverging()  # (256, 3) uint8 RGB
