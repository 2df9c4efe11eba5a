"""Errors of one trajectory by evo; a program of its own, started by runs.py in the benchmark's environment.

python score.py REFERENCE.txt ESTIMATE.txt

Both in TUM's layout. Prints a JSON document: `path_m`, the reference's length over the frames that both have; `scale`,
metres of the estimate to one of the reference; `rigid` and `scaled`, each with the RMSE of the absolute error `ate_m`
after alignment without and with scale, `rpe`, the RMSE of the motion's error over 1 m of the reference's way (null if
it is shorter), and the aligned `positions`.
"""

from __future__ import annotations

import copy
import json
import sys
from typing import Any

import numpy as np
from evo.core import metrics, sync
from evo.core.filters import FilterException
from evo.tools import file_interface


def errors(reference: Any, estimate: Any, with_scale: bool) -> tuple[dict[str, Any], float]:
    """The errors after alignment, and the scale that alignment gave to the estimate."""
    aligned = copy.deepcopy(estimate)
    _, _, scale = aligned.align(reference, correct_scale=with_scale)
    absolute = metrics.APE(metrics.PoseRelation.translation_part)
    absolute.process_data((reference, aligned))
    relative = metrics.RPE(
        metrics.PoseRelation.translation_part, 1.0, metrics.Unit.meters, 0.1, all_pairs=True, pairs_from_reference=True
    )
    try:
        relative.process_data((reference, aligned))
        rpe = relative.get_statistic(metrics.StatisticsType.rmse)
    except FilterException:
        rpe = None
    ate_m = absolute.get_statistic(metrics.StatisticsType.rmse)
    return {"ate_m": ate_m, "rpe": rpe, "positions": np.round(aligned.positions_xyz, 4).tolist()}, scale


def main() -> None:
    """Print the document."""
    read = file_interface.read_tum_trajectory_file
    reference, estimate = sync.associate_trajectories(read(sys.argv[1]), read(sys.argv[2]))
    rigid, _ = errors(reference, estimate, False)
    scaled, scale = errors(reference, estimate, True)
    print(json.dumps({"path_m": reference.path_length, "scale": 1 / scale, "rigid": rigid, "scaled": scaled}))


if __name__ == "__main__":
    main()
