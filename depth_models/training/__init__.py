"""Training: one run in one folder, which goes on where it stopped."""

from depth_models.training.run import train

__all__ = ["train"]
