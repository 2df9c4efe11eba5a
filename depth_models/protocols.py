"""Which pixels of a frame are compared with the truth: the protocols in use for NYU Depth V2, by name.

NYUv2's frames have a border without a picture, so most work compares inside a crop; but two crops go by the name of
Eigen, and one of them is written in two ways that differ by a pixel. Rows and columns below are Python's: from 0, the
end not included.

* `whole`: every pixel. For data without a border.
* `eigen`: rows 45:471, columns 41:601. What nearly all code since BTS (Lee et al. 2019, `bts_eval.py`, option
  `eigen_crop`) has, among it AdaBins, ZoeDepth and Depth Anything. It has MATLAB's numbers below as Python's.
* `toolbox`: rows 44:471, columns 40:601. The mask that `get_projection_mask.m` of NYU's toolbox makes: in MATLAB, which
  counts from 1 and includes the end, 45:471 and 41:601. A row and a column more than `eigen`.
* `eigen-output`: rows 20:459, columns 24:615. What DeepV2D (`eval_nyu.py`) has as "eigen crop". It is where the output
  of the network of Eigen et al. 2014 lies: 55 x 74 values of 8 x 8 pixels are 440 x 592, rows 20:460, columns 24:616,
  which is what DenseDepth takes, as it includes the ends.
"""

from __future__ import annotations

from dataclasses import dataclass

from depth_models.errors import DepthModelsError

NYU_SIZE = (480, 640)


@dataclass(frozen=True)
class Protocol:
    """Which pixels are compared.

    Attributes:
        name: key in `PROTOCOLS`.
        crop: (top, bottom, left, right) in a frame of 480 x 640, from 0, bottom and right not included; None for all.
    """

    name: str
    crop: tuple[int, int, int, int] | None = None

    def region(self, height: int, width: int) -> tuple[slice, slice]:
        """Rows and columns that are compared, of a frame of `height` x `width` pixels.

        Raises:
            DepthModelsError: a crop, and the frame is not of 480 x 640 pixels.
        """
        if self.crop is None:
            return slice(0, height), slice(0, width)
        if (height, width) != NYU_SIZE:
            raise DepthModelsError(
                f"protocol {self.name!r} crops frames of 480x640 pixels, and this one has {height}x{width}; "
                "use protocol 'whole'"
            )
        top, bottom, left, right = self.crop
        return slice(top, bottom), slice(left, right)


PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        Protocol("whole"),
        Protocol("eigen", (45, 471, 41, 601)),
        Protocol("toolbox", (44, 471, 40, 601)),
        Protocol("eigen-output", (20, 459, 24, 615)),
    )
}


def find_protocol(name: str) -> Protocol:
    """The protocol of a name.

    Raises:
        DepthModelsError: no such protocol.
    """
    if name not in PROTOCOLS:
        raise DepthModelsError(f"unknown protocol {name!r}; known protocols: {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]
