"""The node with a network that costs what it is told: what is tested is all that is around it. Starts without torch.

The depth of a pixel is a tenth of its red value plus one, in metres. STUB_SECONDS in the environment is the time of
inference.
"""

import os
import time

import numpy as np

from depth_estimation_ros.depth_node import main
from depth_estimation_ros.model import Model
from depth_models.types import Depth


class StubModel:
    def __call__(self, rgb, fx=None, fy=None):
        time.sleep(float(os.environ.get("STUB_SECONDS", "0")))
        metres = (rgb[..., 0].astype(np.float32) + 1) / 10
        return Depth(metres, np.ones(metres.shape, bool))

    def description(self):
        return {"model": "stub", "weights": "none", "device": "cpu", "backend": "none", "precision": "fp32"}


if __name__ == "__main__":
    Model.load = classmethod(lambda cls, parameters: StubModel())
    raise SystemExit(main())
