"""What the measurement of a sequence comes to."""

from __future__ import annotations

from dataclasses import dataclass

from depth_models.consistency.scale_series import ScaleSummary


@dataclass(frozen=True)
class Reprojection:
    """Depth of a frame, moved by the poses to one about `gap_s` later, against that frame's depth.

    Attributes:
        gap_s: median time between the two.
        pairs: of frames.
        abs_rel: mean relative difference. Surfaces that the truth hides do not count; without truth they do.
        inliers: fraction of the pixels whose depths agree within 5 %.
    """

    gap_s: float
    pairs: int
    abs_rel: float
    inliers: float


@dataclass(frozen=True)
class Report:
    """How consistent the depth of a sequence is. What could not be measured is None.

    Attributes:
        frames: how many.
        scale_from: 'truth', 'poses' (triangulated corners) or 'correspondences' (each frame against the one before: the
            scale is known up to a factor, and its drift is as good as the sum of many small changes).
        scale: see there.
        abs_rel: mean relative error of all pixels with truth.
        abs_rel_scaled: the same after division by the sequence's one median scale.
        reprojection: needs poses.
        flicker_edges, flicker_surfaces: mean absolute change of log depth from a frame to the next near depth edges,
            beyond what an edge that moves by one pixel gives, and elsewhere; the frames' change of scale is taken out.
        plane_rms_m: of planes of the truth (`depth_models.structure_metrics`), metres.
        lost: neighbouring frames that could not be compared.
        stamps_s, log_scale: of every frame; the log scale is None where not known.
    """

    frames: int
    scale_from: str
    scale: ScaleSummary
    abs_rel: float | None
    abs_rel_scaled: float | None
    reprojection: Reprojection | None
    flicker_edges: float | None
    flicker_surfaces: float | None
    plane_rms_m: float | None
    lost: int
    stamps_s: list[float]
    log_scale: list[float | None]


def rows(report: Report) -> dict[str, str]:
    """What people read, by label."""
    scale, reprojection = report.scale, report.reprojection
    gap = "" if reprojection is None else f" over {reprojection.gap_s:.2g} s"
    return {
        "frames (not compared)": f"{report.frames} ({report.lost})",
        "scale from": report.scale_from,
        "scale, median": _number(scale.median, ".3f"),
        "jitter of log scale, a frame": _number(scale.jitter, ".4f"),
        "drift of log scale, 1/s": _number(scale.drift_per_s, "+.4f"),
        "spread of log scale": _number(scale.spread, ".4f"),
        "AbsRel": _number(report.abs_rel, ".4f"),
        "AbsRel, one scale for all": _number(report.abs_rel_scaled, ".4f"),
        f"reprojection AbsRel{gap}": _number(reprojection.abs_rel if reprojection else None, ".4f"),
        "reprojection inliers (5 %)": _number(reprojection.inliers if reprojection else None, ".4f"),
        "flicker at edges": _number(report.flicker_edges, ".4f"),
        "flicker of surfaces": _number(report.flicker_surfaces, ".4f"),
        "planes, RMS (m)": _number(report.plane_rms_m, ".4f"),
    }


def _number(value: float | None, how: str) -> str:
    return "-" if value is None else format(value, how)
