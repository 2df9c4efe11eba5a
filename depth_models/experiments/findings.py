"""The paper's claims, and whether the numbers here bear them out.

A verdict takes `FEWEST_FRAMES` to validate and to test on, and networks that have learnt: the validation MAE at the
best epoch is `LEARNT` times that of the best constant depth, or less. Without them a claim is not decidable.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from depth_models.experiments.curves import Overfitting

FEWEST_FRAMES = 24
LEARNT = 0.9
MARGIN = 1.2  # a difference by less than this factor decides nothing
_SOME_DETAIL = 0.1  # of the truth's; below it there is none to lose
_PAPERS_EPOCH = 8  # after which the paper saw multiscale overfit
CONFIRMED, REFUTED, OPEN = "confirmed", "refuted", "not decidable"


@dataclass(frozen=True)
class Finding:
    """A claim of the paper.

    Attributes:
        claim: in a sentence.
        verdict: `CONFIRMED`, `REFUTED` or `OPEN`.
        because: the numbers that decide, in a sentence or two.
    """

    claim: str
    verdict: str
    because: str


@dataclass(frozen=True)
class Footing:
    """What the numbers of a run stand on.

    Attributes:
        frames: that validate, or that are tested if those are fewer.
        error: its validation MAE at its best epoch, over that of the best constant depth.
    """

    frames: int
    error: float

    @property
    def lack(self) -> str:
        """Why no verdict can be based on them; empty where one can."""
        if self.frames < FEWEST_FRAMES:
            return f"has only {self.frames} frames to validate or to test on, and a verdict takes {FEWEST_FRAMES}"
        if not self.error <= LEARNT:  # so for NaN too
            return (
                f"has not learnt enough: its validation MAE is {self.error:.2f} times that of the best constant depth, "
                f"and a verdict takes {LEARNT:.2f} or less"
            )
        return ""


def founded(finding: Finding, footing: Mapping[str, Footing]) -> Finding:
    """A finding, or that its claim is not decidable, and why.

    Args:
        finding: from the numbers of some runs.
        footing: of those runs, by name.
    """
    lacks = [f"{name} {footing.lack}" for name, footing in footing.items() if footing.lack]
    return replace(finding, verdict=OPEN, because=f"{'; '.join(lacks)}. {finding.because}") if lacks else finding


def comparable(
    values: Mapping[str, Mapping[str, float]], footing: Mapping[str, Mapping[str, Footing]]
) -> dict[str, dict[str, float]]:
    """`values` by network and loss, with NaN for every network that has a run without footing."""
    known = {n for n, row in footing.items() if not any(footing.lack for footing in row.values())}
    return {n: dict(row) if n in known else dict.fromkeys(row, math.nan) for n, row in values.items()}


def uncounted(footing: Mapping[str, Mapping[str, Footing]]) -> str:
    """Which networks `comparable` leaves out, and why, in sentences; empty where none is."""
    said = []
    for network, row in footing.items():
        lacks = [f"{network} with {loss} {footing.lack}." for loss, footing in row.items() if footing.lack]
        said += [f"Not counted: {lacks[0]}"] if lacks else []
    return " ".join(said)


def extreme(claim: str, what: str, values: Mapping[str, Mapping[str, float]], which: str, sign: int) -> Finding:
    """Is one loss the lowest (or highest) for most networks?

    Args:
        claim: in a sentence.
        what: the number's name, for the reason.
        values: by network, by loss; positive, NaN where not known.
        which: the loss of the claim.
        sign: -1 if it claims the lowest value, 1 for the highest.

    Returns:
        Confirmed where it is so for more than half of the networks, by `MARGIN`, and the contrary for none; refuted
        where it is not so, by `MARGIN`, for more than half.
    """
    said: dict[str, list[str]] = {"yes": [], "no": [], "even": []}
    for network, row in values.items():
        others = [value for loss, value in row.items() if loss != which]
        said[_wins(row[which], others, sign)].append(network)
    half = len(values) / 2
    verdict = OPEN
    if len(said["yes"]) > half and not said["no"]:
        verdict = CONFIRMED
    elif len(said["no"]) > half:
        verdict = REFUTED
    word = "highest" if sign > 0 else "lowest"
    names = {key: ", ".join(networks) or "no network" for key, networks in said.items()}
    return Finding(
        claim,
        verdict,
        f"{what} of {which} is the {word}, by {MARGIN - 1:.0%} or more, for {names['yes']}; another loss's is for "
        f"{names['no']}; too close, or not known, for {names['even']}.",
    )


def _wins(own: float, others: list[float], sign: int) -> str:
    if not all(math.isfinite(v) and v > 0 for v in (own, *others)):
        return "even"
    rival = max(others) if sign > 0 else min(others)
    ratio = (own / rival) ** sign
    return "yes" if ratio >= MARGIN else "no" if ratio <= 1 / MARGIN else "even"


def steadiness(scatter: Mapping[str, Mapping[str, float]]) -> list[Finding]:
    """The two claims on steadiness, from the scatter of the validation MAE by network and loss."""
    what = "Scatter of the validation MAE"
    return [
        extreme("Smooth L1 trains most steadily.", what, scatter, "smooth_l1", -1),
        extreme("L2 is volatile.", what, scatter, "l2", 1),
    ]


def loses_detail(detail: Mapping[str, Mapping[str, float]]) -> Finding:
    """L1's claim, from the detail (`looks.detail`) by network and loss; networks with hardly any do not count."""
    unknown = dict.fromkeys(("l1", "l2", "smooth_l1"), math.nan)
    some = {n: row if max(row.values()) >= _SOME_DETAIL else unknown for n, row in detail.items()}
    return extreme("L1 loses detail.", "Detail", some, "l1", -1)


def position_prior(plain: Mapping[str, float], augmented: Mapping[str, float]) -> Finding:
    """Of the baseline without augmentation, from its 'blank' and 'mirror' numbers, each 1 for a pure prior.

    Args:
        plain: without augmentation.
        augmented: with it, for comparison.
    """
    claim = "Without augmentation the baseline learns where depth usually is, whatever the image shows."
    verdict = OPEN
    if all(value >= 0.5 for value in plain.values()):  # false for NaN, as below
        verdict = CONFIRMED
    elif all(value < 0.5 for value in plain.values()):
        verdict = REFUTED
    return Finding(
        claim,
        verdict,
        f"Its depth of a blank image correlates with the mean training depth by {plain['blank']:.2f}, and "
        f"{plain['mirror']:.0%} of its prediction stays in place when the image is mirrored; with augmentation "
        f"{augmented['blank']:.2f} and {augmented['mirror']:.0%}. Both numbers are 1 for a predictor that ignores the "
        "image; 0.5 decides. They see the form of the depth map alone: how far it is overall may still follow the "
        "image.",
    )


def needs_coarse(fine: float, whole: float) -> Finding:
    """Of multiscale without its coarse path, from the spreads (`looks.spread`) of both."""
    claim = "Without its coarse path multiscale predicts about the mean depth."
    verdict = OPEN
    if fine < 0.5 and whole >= MARGIN * fine:
        verdict = CONFIRMED
    elif fine >= 0.5:
        verdict = REFUTED
    return Finding(
        claim,
        verdict,
        f"Its predictions spread {fine:.2f} times as wide as the truth, and {whole:.2f} times with the coarse path; "
        "0 is one depth for all, and below 0.5, and clearly below the other, counts as about the mean.",
    )


def overfits(multiscale: Overfitting) -> Finding:
    """Of multiscale, from its own curve."""
    claim = f"Multiscale overfits after about {_PAPERS_EPOCH} epochs."
    best, epochs, rise = multiscale.best_epoch, multiscale.epochs, multiscale.rise
    verdict = OPEN
    if epochs >= 1.5 * _PAPERS_EPOCH:
        turned = best < epochs and rise >= 0.05 and multiscale.train_fall > 0
        if turned and _PAPERS_EPOCH / 2 <= best <= 1.5 * _PAPERS_EPOCH:
            verdict = CONFIRMED
        elif best > 1.5 * _PAPERS_EPOCH:
            verdict = REFUTED
    return Finding(
        claim,
        verdict,
        f"Of {epochs} epochs the validation loss is lowest in number {best}, and {rise:.1%} higher at the end, while "
        f"the training loss {'falls' if multiscale.train_fall >= 0 else 'rises'} by {abs(multiscale.train_fall):.1%}. "
        f"It takes {1.5 * _PAPERS_EPOCH:.0f} epochs, a rise of 5 % and a falling training loss to say so.",
    )
