"""Training: one run in one folder, which goes on where it stopped."""

from depth_models.training.run import train
from depth_models.training.start import fine_tuning

__all__ = ["fine_tuning", "train"]
