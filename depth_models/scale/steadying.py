"""One scale for all frames of a sequence, kept from frame to frame by what they show in common.

A network's scale wanders with every frame. How it changed since an earlier frame (the reference) can be measured to
0.2 % or so on the surfaces that both show, so that only the reference's own scale error stays unknown. A Kalman filter
estimates its logarithm, and with it the network's mean error, around which frames err by `FRAME_SIGMA`. Without anchors
the mean error is taken to be zero, as nothing better is known; anchors that agree tell both, and the mean error stays
known when they are gone. Real changes of distance are no change of scale, so nothing lags behind them.

Anchors that know single points tell more than a scale: what is left of their errors is taken out from place to place
(`shape`). Their points count for a moment longer than their own frame, so that the correction does not flicker and also
reaches frames between those that have points.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from depth_models.scale.change import Change, Reference
from depth_models.scale.consensus import TOLERANCE, Agreement, Consensus, Reading
from depth_models.scale.shape import reshaped, shape_errors
from depth_models.scale.views import View
from depth_models.types import Camera

MEAN_SIGMA = 0.3  # of the logarithm of a network's mean scale error
FRAME_SIGMA = 0.04  # of that of a frame's around the mean
CORRELATION_S = 1.0  # frames closer than that err alike, and so do anchors' readings
# Of the reference's log scale over a second (random walk). Measured changes add up to less, but what they hold fast may
# be wrong: with that much a scale is an average of about a second, which takes away the jitter and leaves the mean.
DRIFT = 0.04
MEAN_DRIFT = 0.01  # likewise of the mean, while anchors tell it
LEAST_READING_SIGMA = 0.02
SURPRISE = 0.25  # between the log scales that are estimated and agreed on; one surface alone may differ by half of it
LEAST_KEPT = 0.6  # of the reference's corners, and of its pixels; below, a new reference is taken
MOST_MOVED = 0.1  # of the median depth
LONGEST_STEP_S, FIRST_STEP_S = 1.0, 1 / 30
POINTS_S = 0.2  # for which points count at their place in the picture, although the camera moves


@dataclass(frozen=True)
class ScaleState:
    """How the scale is kept.

    Attributes:
        factor: what the last frame's depth was multiplied with.
        sigma: standard deviation of the logarithm of the scale that it then has.
        anchors: names of the anchors that the scale rests on; empty where it is the network's prior.
        learned_from: names of anchors that corrected the network's prior before; empty if none did.
        shaped_by: names of those whose points corrected the last frame from place to place; empty if none did.
        since_reset: frames for which the scale has been kept.
        resets: times that it was lost and begun anew.
        reason: of the last reset; '' if there was none.
    """

    factor: float
    sigma: float
    anchors: tuple[str, ...]
    learned_from: tuple[str, ...]
    shaped_by: tuple[str, ...]
    since_reset: int
    resets: int
    reason: str


@dataclass(frozen=True)
class _Points:
    """What an anchor's points found wrong with a frame in its kept scale: as in `Reading`, but for `errors`."""

    stamp_s: float
    name: str
    places: np.ndarray
    errors: np.ndarray


class SteadyScale:
    """Gives depth one scale, frame by frame, causally.

    Where a frame does not show enough of what came before (a cut, a covered lens, a bare wall), the scale begins anew:
    it is that of the frame's own raw depth, less what anchors have taught of the network's mean error.
    """

    def __init__(self) -> None:
        self._resets = -1  # the first beginning is none
        self._consensus = Consensus()
        self.reset("")

    def reset(self, reason: str) -> None:
        """Forget everything, what anchors have taught too; the next frame's depth is left as it is."""
        self._mean, self._mean_variance = 0.0, MEAN_SIGMA**2
        self._learned_from: tuple[str, ...] = ()
        self._lose(reason)

    def _lose(self, reason: str) -> None:
        """Begin a new scale with the next frame."""
        self._reference: Reference | None = None
        self._camera: Camera | None = None
        self._stamp_s = math.nan
        # Logarithms of the scale error: the reference's, and the mean.
        self._state = np.array([self._mean, self._mean])
        self._covariance = np.full((2, 2), self._mean_variance) + np.diag([FRAME_SIGMA**2, 0.0])
        self._since_reset, self._factor = 0, 1.0
        self._agreement: Agreement | None = None
        self._points: deque[_Points] = deque()
        self._shaped_by: tuple[str, ...] = ()
        self._consensus.clear()
        self._resets += 1
        self._reason = reason

    @property
    def state(self) -> ScaleState:
        """How it goes."""
        agreed = self._agreement
        return ScaleState(
            factor=self._factor,
            sigma=math.sqrt(self._covariance[0, 0]),
            anchors=() if agreed is None else agreed.names,
            learned_from=self._learned_from,
            shaped_by=self._shaped_by,
            since_reset=self._since_reset,
            resets=self._resets,
            reason=self._reason,
        )

    def __call__(
        self,
        rgb: np.ndarray,
        metres: np.ndarray,
        camera: Camera,
        stamp_s: float,
        readings: Sequence[Reading] = (),
    ) -> np.ndarray:
        """The next frame's depth in the scale of those before.

        Args:
            rgb: (H, W, 3) uint8.
            metres: (H, W) float32, NaN where invalid.
            camera: of (H, W).
            stamp_s: seconds.
            readings: what anchors say of `metres`.

        Returns:
            (H, W) float32 metres.

        Raises:
            DepthModelsError: the sizes differ.
        """
        view = View.of(rgb, metres, camera)
        if self._reference is not None and view.camera != self._camera:
            self._lose("another camera")
        if stamp_s < self._stamp_s:
            self._lose("time went back")
        change = None
        if self._reference is not None:
            change = self._reference.change(view)
            if change is None:
                self._lose("the frame shows too little of what came before")
        self._step(view, change, stamp_s, readings)
        return self._shaped(metres * np.float32(self._factor))

    def _shaped(self, metres: np.ndarray) -> np.ndarray:
        """Depth in the kept scale, corrected from place to place by the points that the scale rests on."""
        self._shaped_by = ()
        while self._points and self._points[0].stamp_s < self._stamp_s - POINTS_S:
            self._points.popleft()
        if not self._points:
            return metres
        places = np.concatenate([points.places for points in self._points])
        nodes = shape_errors(places, np.concatenate([points.errors for points in self._points]))
        if nodes is None:
            return metres
        self._shaped_by = tuple(sorted({points.name for points in self._points}))
        return reshaped(metres, nodes)

    def _is_believed(self, reading: Reading) -> bool:
        """Is the anchor one of those that the scale rests on, and this reading like its others?"""
        known = self._agreement is not None and reading.name in self._agreement.names
        return known and abs(float(np.median(reading.log_errors)) + math.log(self._factor)) < TOLERANCE

    def _step(self, view: View, change: Change | None, stamp_s: float, readings: Sequence[Reading]) -> None:
        """Take a frame whose scale has changed so since the reference; None makes it a reference."""
        step_s = min(stamp_s - self._stamp_s, LONGEST_STEP_S) if self._since_reset else FIRST_STEP_S
        log_change = 0.0 if change is None else change.log
        news = [reading for reading in readings if self._consensus.add(reading, stamp_s, log_change)]
        self._agreement = self._consensus.agreement(stamp_s)
        if step_s > 0:
            self._estimate(log_change, step_s)
        self._factor = math.exp(-(self._state[0] + log_change))
        self._points.extend(
            _Points(stamp_s, reading.name, reading.places, reading.log_errors + math.log(self._factor))
            for reading in news
            if len(reading.places) and self._is_believed(reading)
        )
        if change is None or _is_worn(change):
            self._reference, self._camera = Reference(view), view.camera
            self._state[0] += log_change
            self._covariance[0, 0] += 0.0 if change is None else change.sigma**2
            self._consensus.shift(log_change)
        self._stamp_s = stamp_s
        self._since_reset += 1

    def _estimate(self, log_change: float, step_s: float) -> None:
        """Take in what a frame tells of the scale errors, whose scale has changed so since the reference."""
        agreed, independent = self._agreement, CORRELATION_S / step_s
        self._covariance[0, 0] += DRIFT**2 * step_s
        self._measure(np.array([1.0, -1.0]), -log_change, FRAME_SIGMA**2 * independent)
        if agreed is None:
            return
        self._covariance[1, 1] += MEAN_DRIFT**2 * step_s
        if not self._learned_from or abs(agreed.log - self._state[0]) > SURPRISE:
            # Nothing is known yet, or what was is of another kind of place: take all readings of the past seconds at
            # once, and later ones each as it comes.
            self._covariance += MEAN_SIGMA**2
            self._measure(np.array([1.0, 0.0]), agreed.log, agreed.sigma**2)
        elif agreed.now is not None:
            sigma = math.hypot(LEAST_READING_SIGMA, agreed.spread)
            self._measure(np.array([1.0, 0.0]), agreed.now, sigma**2 * independent)
        self._learned_from = agreed.names
        self._mean, self._mean_variance = float(self._state[1]), float(self._covariance[1, 1])

    def _measure(self, of: np.ndarray, value: float, variance: float) -> None:
        """The Kalman filter's step: `of @ state` is `value`, give or take `variance`."""
        gain = self._covariance @ of / (of @ self._covariance @ of + variance)
        self._state += gain * (value - of @ self._state)
        self._covariance -= np.outer(gain, of @ self._covariance)


def _is_worn(change: Change) -> bool:
    """Does the reference tell too little of frames that are still to come?"""
    return min(change.kept, change.shared) < LEAST_KEPT or change.moved > MOST_MOVED
