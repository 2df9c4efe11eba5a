"""Measures a sequence frame by frame, in order of time."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from depth_models.consistency.report import Report, Reprojection
from depth_models.consistency.scale_series import summarise
from depth_models.consistency.surfaces import Pair
from depth_models.consistency.triangulation import log_scale_by_poses
from depth_models.errors import DepthModelsError
from depth_models.scale.change import Reference
from depth_models.scale.motion import Motion
from depth_models.scale.views import View, reduced_depth
from depth_models.structure_metrics import plane_rms, plane_sums
from depth_models.types import Camera

LEAST_BASELINE = 0.1  # of the median depth, between frames that triangulate
LONGEST_BASELINE_S = 2.0
LATTICE_PX = 4  # between the pixels whose errors are averaged


@dataclass(frozen=True)
class Frame:
    """One frame to measure.

    Attributes:
        stamp_s: seconds.
        rgb: (H, W, 3) uint8.
        metres: (H, W) float32, the depth that is measured, NaN where invalid.
        truth: (H, W) float32 metres, NaN where invalid; None where it is not known.
        pose: (4, 4) camera to world, metres; None where it is not known.
    """

    stamp_s: float
    rgb: np.ndarray
    metres: np.ndarray
    truth: np.ndarray | None = None
    pose: np.ndarray | None = None


@dataclass(frozen=True)
class _Seen:
    stamp_s: float
    view: View
    true: View | None
    pose: np.ndarray | None


class Consistency:
    """Takes frames, and makes the report.

    Args:
        camera: of all frames.
        gap_s: time between the frames of the reprojection, seconds.
    """

    def __init__(self, camera: Camera, gap_s: float = 0.5) -> None:
        self._camera, self._gap_s = camera, gap_s
        self._recent: deque[_Seen] = deque()
        self._stamps: list[float] = []
        self._by_truth: list[float] = []  # log scale of each frame
        self._by_poses: list[float] = []
        self._changes: list[float] = [float("nan")]
        self._ratios: list[np.ndarray] = []  # depth by truth of each frame's pixels of a lattice
        self._reprojections: list[tuple[float, float, float, int]] = []  # gap, sum of errors, inliers, pixels
        self._flicker = np.zeros((2, 2))  # sums and counts, near edges and elsewhere
        self._planes = np.zeros(2)

    def add(self, frame: Frame) -> None:
        """Measure the next frame.

        Raises:
            DepthModelsError: it is not later than the one before, or not of the camera's size.
        """
        if self._stamps and not frame.stamp_s > self._stamps[-1]:
            raise DepthModelsError(f"the frame of {frame.stamp_s:.6f} s comes after that of {self._stamps[-1]:.6f} s")
        view = View.of(frame.rgb, frame.metres, self._camera)
        true = None if frame.truth is None else View(view.grey, reduced_depth(frame.truth), view.camera)
        seen = _Seen(frame.stamp_s, view, true, frame.pose)
        self._compare_with_truth(view, true)
        if self._recent:
            self._compare_with_last(self._recent[-1], seen)
        self._by_poses.append(self._scale_by_poses(seen))
        self._reproject(seen)
        self._stamps.append(frame.stamp_s)
        self._recent.append(seen)
        while self._recent[0].stamp_s < frame.stamp_s - max(self._gap_s, LONGEST_BASELINE_S) - 1e-6:
            self._recent.popleft()

    def _compare_with_truth(self, view: View, true: View | None) -> None:
        self._by_truth.append(float("nan"))
        if true is None:
            return
        both = np.isfinite(true.metres) & np.isfinite(view.metres)
        if not both.any():
            return
        self._by_truth[-1] = float(np.median(np.log(view.metres[both] / true.metres[both])))
        lattice = np.s_[LATTICE_PX // 2 :: LATTICE_PX, LATTICE_PX // 2 :: LATTICE_PX]
        self._ratios.append((view.metres[lattice] / true.metres[lattice])[both[lattice]])
        metres, truth = (np.where(both, v.metres, np.float32(1)) for v in (view, true))
        self._planes += plane_sums(metres, truth, both, view.camera)

    def _compare_with_last(self, last: _Seen, now: _Seen) -> None:
        pair, change = _pair(last, now), None
        if pair is not None and pair.true is not None:
            change = pair.true_change()
        elif (by_correspondences := Reference(last.view).change(now.view)) is not None:
            change = by_correspondences.log
        self._changes.append(float("nan") if change is None else change)
        if pair is not None:
            self._flicker += np.array(pair.flicker())

    def _scale_by_poses(self, now: _Seen) -> float:
        """Against the latest frame from which the camera has moved far enough."""
        depths = now.view.metres[np.isfinite(now.view.metres)]
        if now.pose is None or not depths.size:
            return float("nan")
        least = LEAST_BASELINE * float(np.median(depths))
        for other in reversed(self._recent):
            if other.pose is not None and np.linalg.norm(other.pose[:3, 3] - now.pose[:3, 3]) > least:
                return log_scale_by_poses(now.view, other.view, _motion_by_poses(now.pose, other.pose))
        return float("nan")

    def _reproject(self, now: _Seen) -> None:
        """From the latest frame that is old enough."""
        for other in reversed(self._recent):
            if other.stamp_s <= now.stamp_s - self._gap_s + 1e-6:
                pair = _pair(other, now) if other.pose is not None and now.pose is not None else None
                if pair is not None:
                    self._reprojections.append((now.stamp_s - other.stamp_s, *pair.reprojection()))
                return

    def report(self) -> Report:
        """Of all frames so far.

        Raises:
            DepthModelsError: fewer than two.
        """
        if len(self._stamps) < 2:
            raise DepthModelsError(f"consistency over time needs two frames or more, got {len(self._stamps)}")
        stamps, changes = np.array(self._stamps), np.array(self._changes)
        kind, logs = self._log_scales(changes)
        scale = summarise(stamps, logs, changes, kind != "correspondences")
        sums, counts = self._flicker
        edges, surfaces = (float(s / n) if n else None for s, n in zip(sums, counts, strict=True))
        abs_rel = scaled = None
        if self._ratios:
            ratios = np.concatenate(self._ratios)
            abs_rel, scaled = (float(np.abs(ratios / factor - 1).mean()) for factor in (1.0, scale.median))
        return Report(
            frames=len(stamps),
            scale_from=kind,
            scale=scale,
            abs_rel=abs_rel,
            abs_rel_scaled=scaled,
            reprojection=self._reprojection(),
            flicker_edges=edges,
            flicker_surfaces=surfaces,
            plane_rms_m=plane_rms(self._planes) if self._planes[1] else None,
            lost=int(np.isnan(changes[1:]).sum()),
            stamps_s=[float(stamp) for stamp in stamps],
            log_scale=[float(log) if np.isfinite(log) else None for log in logs],
        )

    def _log_scales(self, changes: np.ndarray) -> tuple[str, np.ndarray]:
        """Where the frames' scales come from, and their logarithms."""
        for kind, logs in (("truth", self._by_truth), ("poses", self._by_poses)):
            if np.isfinite(logs).any():
                return kind, np.array(logs)
        return "correspondences", np.cumsum(np.nan_to_num(changes))

    def _reprojection(self) -> Reprojection | None:
        if not sum(row[3] for row in self._reprojections):
            return None
        gaps, errors, inliers, pixels = np.array(self._reprojections).T
        total = pixels.sum()
        return Reprojection(
            float(np.median(gaps)), len(gaps), float(errors.sum() / total), float(inliers.sum() / total)
        )


def _pair(first: _Seen, second: _Seen) -> Pair | None:
    """With the motion that is known best; None where there is none."""
    true = None if first.true is None or second.true is None else (first.true, second.true)
    if first.pose is not None and second.pose is not None:
        motion: Motion | None = _motion_by_poses(first.pose, second.pose)
    else:
        views = true or (first.view, second.view)
        motion = Reference(views[0]).motion_to(views[1])
    return None if motion is None else Pair(first.view, second.view, true, motion)


def _motion_by_poses(first: np.ndarray, second: np.ndarray) -> Motion:
    move = np.linalg.inv(second) @ first
    return Motion(move[:3, :3], move[:3, 3])
