"""The numbers of each experiment, from its finished runs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from depth_models.data.splits import make_split
from depth_models.data.transforms import mask_border
from depth_models.evaluation import evaluate
from depth_models.experiments import findings, looks, table1
from depth_models.experiments.curves import overfitting, scatter, spikes
from depth_models.experiments.plan import FINE, LOSSES, NETWORKS, PLAIN, Run
from depth_models.experiments.workspace import LOOKED_AT, Workspace

COMMON = ("mae", "rmse", "abs_rel")  # of the validation part, the same for every loss


def losses(work: Workspace) -> dict[str, Any]:
    """Every network with every loss: best validation metrics, steadiness, detail; and the paper's claims on them."""
    rows = [_loss_row(work, run) for run in work.compared]
    networks = [n for n in NETWORKS if all(Run(n, loss) in work.compared for loss in LOSSES)]
    footing = {n: {loss: _footing(work, Run(n, loss)) for loss in LOSSES} for n in networks}

    def table(name: str) -> dict[str, dict[str, float]]:
        values = {n: {row["loss"]: row[name] for row in rows if row["network"] == n} for n in networks}
        return findings.comparable(values, footing)

    said = [*findings.steadiness(table("scatter_mae")), findings.loses_detail(table("detail"))]
    return {
        "rows": rows,
        "findings": [asdict(finding) for finding in said],
        "uncounted": findings.uncounted(footing),
    }


def _footing(work: Workspace, run: Run) -> findings.Footing:
    """Of a run's numbers."""
    curves = work.curves(run)
    error = curves.val[int(np.argmin(curves.val_loss))]["mae"] / constant_mae(work, run)
    return findings.Footing(min(work.planned(run).frames["val"], len(work.indices["test"])), error)


def constant_mae(work: Workspace, run: Run) -> float:
    """MAE, metres, of the best constant depth on the frames that validate a run (and its network's other runs).

    Over the pixels that the validation counts, which leaves NYUv2's border out.
    """

    def compute() -> float:
        config, source = work.planned(run).config, work.source
        content = None if config.border else source.content
        split = make_split(config.split, source.scenes)
        return looks.constant_error(mask_border(source[index], content) for index in split.val)

    return work.number(f"{run.network}-constant", compute)


def _loss_row(work: Workspace, run: Run) -> dict[str, Any]:
    curves = work.curves(run)
    best = int(np.argmin(curves.val_loss))
    metrics = {name: [epoch[name] for epoch in curves.val] for name in COMMON}

    def detail() -> float:
        return looks.detail(work.predictor(run), work.samples("val", LOOKED_AT))

    return {
        "network": run.network,
        "loss": run.loss,
        "epochs": len(curves.val),
        "best_epoch": best + 1,
        **{name: values[best] for name, values in metrics.items()},
        "of_constant": _footing(work, run).error,
        "scatter_own": scatter(curves.val_loss),
        **{f"scatter_{name}": scatter(values) for name, values in metrics.items()},
        "spikes": spikes(curves.grad_norm),
        "detail": work.number(f"{run.name}-detail", detail),
    }


def table_1(work: Workspace) -> dict[str, Any]:
    """The four networks on the test part, and the published rows, as they are and as they should be read."""
    rows = {}
    for network in NETWORKS:
        run = Run(network)

        def test(run: Run = run) -> dict[str, Any]:
            report = evaluate(work.predictor(run), work.samples("test"))
            return {"frames": report.frames, "per_image": report.per_image, "pooled": report.pooled}

        result = work.number(f"{run.name}-test", test)
        published = table1.PUBLISHED[network]
        rows[network] = {
            "measured": asdict(table1.measured(result["per_image"])),
            "published": asdict(published),
            "corrected": asdict(table1.corrected(published)),
            **result,
        }
    return {"rows": rows, "explanation": table1.EXPLANATION}


def ablations(work: Workspace) -> dict[str, Any]:
    """What the paper says of augmentation, coarse path and overfitting, each with the number that decides."""
    plain, augmented = (_prior(work, run) for run in (PLAIN, Run("baseline")))
    fine, whole = (_spread(work, run) for run in (FINE, Run("multiscale")))
    curves = {
        run.name: overfitting(work.curves(run)) for run in (p.run for p in work.plan.runs) if run.loss == "smooth_l1"
    }
    baseline, multiscale = ({run.name: _footing(work, run)} for run in (PLAIN, Run("multiscale")))
    said = [
        findings.founded(findings.position_prior(plain, augmented), baseline),
        findings.founded(findings.needs_coarse(fine, whole), multiscale),
        findings.founded(findings.overfits(curves[Run("multiscale").name]), multiscale),
    ]
    return {
        "position_prior": {PLAIN.name: plain, Run("baseline").name: augmented},
        "spread": {FINE.name: fine, Run("multiscale").name: whole},
        "overfitting": {name: asdict(curve) for name, curve in curves.items()},
        "findings": [asdict(finding) for finding in said],
    }


def mean_training_depth(work: Workspace) -> np.ndarray:
    """`looks.GRID` metres, over the frames that the baseline trains on."""

    def compute() -> list[list[float]]:
        return looks.mean_depth(work.samples("train", 10 * LOOKED_AT)).tolist()

    return np.array(work.number("mean-training-depth", compute))


def _prior(work: Workspace, run: Run) -> dict[str, float]:
    def compute() -> dict[str, float]:
        predictor = work.predictor(run)
        sample = next(work.samples("test"))
        of_blank = looks.predict(predictor, sample, looks.blank(sample, predictor.checkpoint.preprocess.mean))
        return {
            "blank": looks.correlation(of_blank, mean_training_depth(work)),
            "mirror": looks.mirror_prior(predictor, work.samples("test", LOOKED_AT)),
        }

    return work.number(f"{run.name}-prior", compute)


def _spread(work: Workspace, run: Run) -> float:
    return work.number(f"{run.name}-spread", lambda: looks.spread(work.predictor(run), work.samples("test", LOOKED_AT)))
