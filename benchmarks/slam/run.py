"""What ORB-SLAM3 makes of this package's depth: trajectories and their errors, for each way to get depth.

python benchmarks/slam/run.py                      six rooms' camera paths, rendered here; renews docs/slam.md
python benchmarks/slam/run.py SEQUENCE... --page slam.md    folders in TUM RGB-D's layout

A result is kept in the cache as soon as it is there, and a second call goes on from what is kept.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import environment
import page
import runs
import variants
import vocabulary
from tqdm import tqdm

from depth_models.checkpoint import find_checkpoint
from depth_models.data.posed import PosedSequence
from depth_models.data.rooms.sequence import write_sequence
from depth_models.errors import DepthModelsError

ROOMS = (9000, 9001, 9002, 9003, 9004, 9006)  # seeds; chosen for the length of their path alone, 3.2 to 4.1 m
FRAMES, SIZE = 300, (240, 320)
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "depth_estimation_ros" / "slam"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "slam.md"
SECONDS_A_FRAME, SECONDS_TO_START = 2.0, 120.0  # a run that takes longer hangs


def rooms(cache: Path) -> list[Path]:
    """Folders of the rooms' camera paths; rendered where they are missing, which takes some minutes each."""
    folders = [cache / "sequences" / f"rooms-{seed}" for seed in ROOMS]
    for seed, folder in zip(ROOMS, folders, strict=True):
        if not folder.is_dir():
            with tqdm(total=FRAMES, desc=folder.name, unit="frame") as bar:
                write_sequence(folder, FRAMES, SIZE, seed, progress=lambda done, _: bar.update(done - bar.n))
    return folders


def results_of(
    folder: Path, tools: runs.Tools, checkpoint: Path, args: argparse.Namespace
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """(variant's name, its runs' results) of one sequence; `args.jobs` variants are in work at the same time."""
    sequence, reference = PosedSequence(folder), folder / "groundtruth.txt"
    predict = variants.predict_of(checkpoint, sequence)
    fed = {"period_s": runs.PERIOD_S, "settings": runs.settings(sequence), "vocabulary": _digest(tools.vocabulary)}
    digest = _digest(checkpoint)
    seconds = SECONDS_TO_START + SECONDS_A_FRAME * len(sequence)

    def row(variant: variants.Variant) -> list[dict[str, Any]]:
        made_of = {"frames": len(sequence), "about": variant.about, **fed}
        made_of |= {"checkpoint": digest} if variant.network else {}
        paths = [args.cache / "results" / sequence.name / variant.name / f"{n}.json" for n in range(args.runs)]
        missing = [path for path in paths if runs.cached(path, made_of) is None]
        with tempfile.TemporaryDirectory(prefix="slam-depth-") as temporary:
            depths = None
            if missing and variant.depth is not None:
                depths = runs.write_depth(Path(temporary), variant.depth(sequence, predict))
            for path in missing:
                runs.store(path, made_of, runs.run(tools, sequence, reference, depths, seconds))
        return [runs.cached(path, made_of) or {} for path in paths]

    with ThreadPoolExecutor(args.jobs) as pool:
        yield from zip([variant.name for variant in variants.VARIANTS], pool.map(row, variants.VARIANTS), strict=True)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> int:
    """Run what is not in the cache, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sequences", metavar="SEQUENCE", type=Path, nargs="*", help="default: the rooms' paths")
    parser.add_argument("--checkpoint", metavar="CKPT", default="unet", help="bundled name or file (default: unet)")
    parser.add_argument("--runs", type=int, default=3, help="of each, for ORB-SLAM3 is not deterministic (default: 3)")
    parser.add_argument("--jobs", type=int, default=1, help="rows at the same time (default: 1)")
    parser.add_argument("--cache", metavar="DIR", type=Path, default=CACHE, help=f"default: {CACHE}")
    parser.add_argument("--vocabulary", metavar="FILE", type=Path, help="ORB-SLAM's ORBvoc.txt (default: learned here)")
    parser.add_argument("--page", metavar="FILE", type=Path, help="default: docs/slam.md, for the rooms' paths only")
    args = parser.parse_args()
    if args.sequences and args.page is None:
        parser.error("--page FILE is needed with SEQUENCE: docs/slam.md is for the rooms' paths")
    try:
        learned = args.vocabulary or vocabulary.rooms_vocabulary(args.cache / "vocabulary.txt")
        tools = runs.Tools(environment.python_of(args.cache), learned)
        folders = args.sequences or rooms(args.cache)
        for folder in folders:
            runs.check(PosedSequence(folder))
        checkpoint = find_checkpoint(args.checkpoint)
        results: dict[str, dict[str, list[dict[str, Any]]]] = {}
        with tqdm(total=len(folders) * len(variants.VARIANTS), unit="row") as bar:
            for folder in folders:
                of_sequence = results.setdefault(folder.absolute().name, {})
                for name, of_variant in results_of(folder, tools, checkpoint, args):
                    of_sequence[name] = of_variant
                    bar.update()
                page.write(args.page or PAGE, results, folders[: len(results)])  # what there is so far
    except DepthModelsError as error:
        print(f"slam benchmark: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
