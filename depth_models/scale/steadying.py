"""One scale for all frames of a sequence, kept from frame to frame by what they show in common.

A network's scale wanders with every frame. How it changed since an earlier frame (the reference) can be measured to
0.2 % or so on the surfaces that both show, so that only the reference's own scale stays unknown. It is estimated by a
Kalman filter of one number, the logarithm of the reference's scale error: every frame says that its own error is zero
on average, within `PRIOR_SIGMA`, which is what a network knows; an anchor (`depth_models.scale.anchors`) says more.
Real changes of distance are no change of scale, so nothing lags behind them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from depth_models.scale.change import Change, Reference
from depth_models.scale.views import View
from depth_models.types import Camera

PRIOR_SIGMA = 0.15  # of the log scale of a network's frames
PRIOR_CORRELATION_S = 1.0  # frames closer than that err alike
# Of the log scale over a second (random walk). Measured changes add up to less, but what they hold fast may be wrong:
# with 0.2 a scale is an average of about a second, which takes the jitter away and leaves the network's own mean.
DRIFT = 0.2
LEAST_KEPT = 0.6  # of the reference's corners, and of its pixels; below, a new reference is taken
MOST_MOVED = 0.1  # of the median depth
LONGEST_STEP_S = 1.0


@dataclass(frozen=True)
class ScaleState:
    """How the scale is kept.

    Attributes:
        factor: what the last frame's depth was multiplied with.
        sigma: standard deviation of the logarithm of the scale that it then has.
        since_reset: frames for which the scale has been kept.
        resets: times that it was lost and begun anew.
        reason: of the last reset; '' if there was none.
    """

    factor: float
    sigma: float
    since_reset: int
    resets: int
    reason: str


class SteadyScale:
    """Gives depth one scale, frame by frame, causally.

    Where a frame does not show enough of what came before (a cut, a covered lens, a bare wall), the scale is that of
    its own raw depth, and begins anew.
    """

    def __init__(self) -> None:
        self._resets, self._reason = 0, ""
        self._begin()

    def reset(self, reason: str) -> None:
        """Forget the frames so far; the next one's depth is left as it is."""
        self._begin()
        self._resets += 1
        self._reason = reason

    def _begin(self) -> None:
        self._reference: Reference | None = None
        self._camera: Camera | None = None
        self._stamp_s = math.nan
        self._log, self._variance = 0.0, PRIOR_SIGMA**2  # of the reference's scale error
        self._since_reset, self._factor = 0, 1.0

    @property
    def state(self) -> ScaleState:
        """How it goes."""
        return ScaleState(self._factor, math.sqrt(self._variance), self._since_reset, self._resets, self._reason)

    def __call__(self, rgb: np.ndarray, metres: np.ndarray, camera: Camera, stamp_s: float) -> np.ndarray:
        """The next frame's depth in the scale of those before.

        Args:
            rgb: (H, W, 3) uint8.
            metres: (H, W) float32, NaN where invalid.
            camera: of (H, W).
            stamp_s: seconds.

        Returns:
            (H, W) float32 metres.

        Raises:
            DepthModelsError: the sizes differ.
        """
        view = View.of(rgb, metres, camera)
        if self._reference is not None and view.camera != self._camera:
            self.reset("another camera")
        if stamp_s < self._stamp_s:
            self.reset("time went back")
        change = None
        if self._reference is not None:
            change = self._reference.change(view)
            if change is None:
                self.reset("the frame shows too little of what came before")
        self._step(view, change, stamp_s)
        return metres * np.float32(self._factor)

    def _step(self, view: View, change: Change | None, stamp_s: float) -> None:
        """Take a frame whose scale has changed so since the reference; None makes it a reference."""
        step_s = min(stamp_s - self._stamp_s, LONGEST_STEP_S) if self._since_reset else 1 / 30
        log_change = 0.0 if change is None else change.log
        self._variance += DRIFT**2 * step_s
        if step_s > 0:
            self._measure(log_change, 0.0, PRIOR_SIGMA**2 * PRIOR_CORRELATION_S / step_s)
        self._factor = math.exp(-(self._log + log_change))
        if change is None or _is_worn(change):
            self._reference, self._camera = Reference(view), view.camera
            self._log += log_change
            self._variance += 0.0 if change is None else change.sigma**2
        self._stamp_s = stamp_s
        self._since_reset += 1

    def _measure(self, log_change: float, log_error: float, variance: float) -> None:
        """Take in that a frame's log scale error is `log_error`, where its scale has changed since the reference."""
        gain = self._variance / (self._variance + variance)
        self._log += gain * (log_error - log_change - self._log)
        self._variance *= 1 - gain


def _is_worn(change: Change) -> bool:
    """Does the reference tell too little of frames that are still to come?"""
    return min(change.kept, change.shared) < LEAST_KEPT or change.moved > MOST_MOVED
