"""The yardstick: a Python depth node as people write it. Written for this benchmark, and part of nothing else.

Every step is what tutorials and public nodes do: cv_bridge's copies, Pillow and torchvision's transforms (here their
few lines of arithmetic), an eager network in fp32, enlarging by `interpolate`, `.cpu().numpy()`, bytes assigned.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from PIL import Image as Picture
from sensor_msgs.msg import Image
from torch import nn

from depth_models.preprocess import Preprocess


class TypicalNode:
    """An image message to a depth message.

    Args:
        network: in eval mode.
        preprocess: its canvas, mean and std. The image is squeezed to the canvas, whatever its aspect.
    """

    def __init__(self, network: nn.Module, preprocess: Preprocess) -> None:
        self.model, self.size = network, (preprocess.width, preprocess.height)
        self.mean = torch.tensor(preprocess.mean).view(3, 1, 1)
        self.std = torch.tensor(preprocess.std).view(3, 1, 1)

    def __call__(self, message: Image) -> Image:
        """32FC1 metres in the image's size."""
        bgr = imgmsg_to_cv2(message)
        rgb = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
        picture = Picture.fromarray(rgb).resize(self.size, Picture.Resampling.BILINEAR)  # transforms.Resize
        pixels = torch.from_numpy(np.array(picture, np.uint8, copy=True)).permute(2, 0, 1).contiguous()
        tensor = pixels.to(torch.float32).div(255)  # transforms.ToTensor
        tensor = tensor.clone().sub_(self.mean).div_(self.std)  # transforms.Normalize
        with torch.no_grad():
            depth = self.model(tensor.unsqueeze(0)).depth
            depth = nn.functional.interpolate(depth, bgr.shape[:2], mode="bicubic", align_corners=False)
        return cv2_to_imgmsg(depth.squeeze().cpu().numpy(), message)


def imgmsg_to_cv2(message: Image) -> np.ndarray:
    """As cv_bridge with desired_encoding='bgr8': a copy of the message's array, and one of its colours."""
    array = np.ndarray((message.height, message.width, 3), np.uint8, buffer=bytes(message.data))
    return cv2.cvtColor(array, cv2.COLOR_RGB2BGR)


def cv2_to_imgmsg(depth: np.ndarray, source: Image) -> Image:
    """As cv_bridge with encoding='32FC1', its data assigned as bytes."""
    message = Image(header=source.header, height=depth.shape[0], width=depth.shape[1], encoding="32FC1")
    message.step = 4 * depth.shape[1]
    message.data = depth.astype(np.float32).tobytes()
    return message
