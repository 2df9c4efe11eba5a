"""Imports run one way, and ROS stays in the thin layer that needs it."""

import ast
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# A module imports from rows above its own. `package.*` is a package whose modules may also import each other.
LAYERS = [
    ["depth_models.errors", "depth_models.data", "depth_models.data.official"],
    ["depth_models.types", "depth_models.files", "depth_models.images", "depth_models.distributed"],
    ["depth_models.compiling", "depth_models.telling", "depth_models.memory"],
    ["depth_models.enlarging", "depth_models.data.fetching"],
    ["depth_models.data.source"],
    ["depth_models.protocols", "depth_models.structure_metrics", "depth_models.sparsification"],
    ["depth_models.data.manifest", "depth_models.checkpoint_file"],
    ["depth_models.preprocess", "depth_models.losses", "depth_models.visualization", "depth_models.data.splits"],
    ["depth_models.metrics", "depth_models.data.transforms", "depth_models.data.nyu", "depth_models.data.rooms.*"],
    ["depth_models.comparison", "depth_models.data.prepared", "depth_models.data.pairs", "depth_models.data.joined"],
    ["depth_models.data.tum", "depth_models.scale.*"],
    ["depth_models.data.posed", "depth_models.consistency.*"],
    ["depth_models.config", "depth_models.data.sources", "depth_models.mapping"],
    ["depth_models.published", "depth_models.data.check", "depth_models.data.stats", "depth_models.data.samples"],
    ["depth_models.data.loading"],
    ["depth_models.networks.*"],
    ["depth_models.checkpoint", "depth_models.run_folder"],
    ["depth_models.backends.*"],
    ["depth_models.exporting", "depth_models.bench"],
    ["depth_models.predictor"],
    ["depth_models.training.*", "depth_models.evaluation", "depth_models.confidence"],
    ["depth_models.calibrate"],
    ["depth_models.averaging", "depth_models.depth_anything", "depth_models.store"],
    ["depth_models.experiments.*"],
    ["depth_estimation_ros", "depth_estimation_ros.parameters", "depth_estimation_ros.conversions"],
    ["depth_estimation_ros.calibration", "depth_estimation_ros.edge_filter", "depth_estimation_ros.points"],
    ["depth_estimation_ros.rectification", "depth_estimation_ros.preview", "depth_estimation_ros.scheduling"],
    ["depth_estimation_ros.model", "depth_estimation_ros.statistics", "depth_estimation_ros.stopping"],
    ["depth_estimation_ros.anchors"],
    ["depth_estimation_ros.scale_keeper"],
    ["depth_estimation_ros.library_log"],
    ["depth_estimation_ros.fastdds", "depth_estimation_ros.declaration", "depth_estimation_ros.pipeline"],
    ["depth_estimation_ros.joining"],
    ["depth_estimation_ros.outputs", "depth_estimation_ros.bag.*"],
    ["depth_estimation_ros.health", "depth_estimation_ros.inputs", "depth_estimation_ros.worker"],
    ["depth_estimation_ros.anchor_inputs"],
    ["depth_estimation_ros.diagnostics", "depth_estimation_ros.session"],
    ["depth_estimation_ros.depth_node", "depth_estimation_ros.doctor.*"],
    ["depth_models.cli.*"],
    ["depth_estimation_ros.demo.*"],
    ["depth_models.__main__"],
    ["depth_models"],  # the public face: it names everything, and nothing inside the package imports from it
]
KNOWS_ROS = tuple(
    f"depth_estimation_ros.{name}"
    for name in (
        "depth_node",
        "declaration",
        "joining",
        "diagnostics",
        "inputs",
        "anchor_inputs",
        "outputs",
        "session",
        "demo",
        "doctor.run",
        "doctor.graph",
        "doctor.watch",
    )
)
PURE = tuple(
    f"depth_estimation_ros.{name}"
    for name in ("parameters", "conversions", "pipeline", "fastdds", "bag", "doctor.diagnosis", "health", "worker")
)
# Bags hold messages, whose conversions are the node's. The verb, above both packages, is the one place of
# `depth_models` that reaches for them, and only when it runs: the library stays whole without its sister.
KNOWS_MESSAGES = ("depth_models.cli.bag",)


def is_ros(name):
    top = name.split(".")[0]
    known = ("rclpy", "rcl_interfaces", "builtin_interfaces", "launch", "launch_ros")
    return top in known or top.endswith(("_msgs", "_srvs"))


def module_files():
    for package in ("depth_models", "depth_estimation_ros"):
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


MODULES = dict(module_files())


@cache
def imports(module):
    """Names of all modules that a module imports, wherever in its text."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relative to itself; write the whole name"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else node.module for name in names}
    return found


def place(module):
    """(row, entry) of a module in LAYERS."""
    for row, entries in enumerate(LAYERS):
        for entry in entries:
            package = entry.removesuffix(".*")
            if module == package or (entry.endswith(".*") and module.startswith(f"{package}.")):
                return row, entry
    pytest.fail(f"{module} has no place in LAYERS of {__file__}: add it to the first row below all that it imports")


@pytest.mark.parametrize("module", MODULES)
def test_imports_run_one_way(module):
    row, entry = place(module)
    for name in sorted(imports(module) & MODULES.keys()):
        above, other = place(name)
        assert above < row or (other == entry and entry.endswith(".*")), f"{module} must not import {name}"


def test_the_rows_name_modules_that_exist():
    listed = {entry.removesuffix(".*") for entries in LAYERS for entry in entries}
    assert listed <= MODULES.keys()


def test_no_two_modules_import_each_other():
    graph = {module: imports(module) & MODULES.keys() for module in MODULES}
    TopologicalSorter(graph).prepare()  # raises CycleError and names the cycle


@pytest.mark.parametrize("module", MODULES)
def test_only_the_thin_layer_knows_ros(module):
    ros = {name for name in imports(module) if is_ros(name)}
    assert not ros or module.startswith(KNOWS_ROS), f"{module} imports {', '.join(sorted(ros))}"
    if module.split(".")[0] == "depth_models" and module not in KNOWS_MESSAGES:
        assert not {name for name in imports(module) if name.startswith("depth_estimation_ros")}


def run(program, *arguments):
    command = [sys.executable, "-W", "ignore", "-c", program, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_importing_depth_models_costs_no_torch_and_no_ros():
    loaded = run("import sys, depth_models; print(*sys.modules)")
    assert "depth_models.errors" in loaded
    assert not {"torch", "torchvision", "cv2", "PIL", "rclpy"} & set(loaded)


WITHOUT_ROS = """
import importlib, sys

class NoRos:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("rclpy", "rcl_interfaces") or name.split(".")[0].endswith(("_msgs", "_srvs")):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, NoRos())
try:
    import rclpy
except ModuleNotFoundError:
    print("absent")
for module in sys.argv[1:]:
    importlib.import_module(module)
    print(module)
"""


def test_depth_models_and_the_nodes_pure_parts_import_without_ros():
    modules = [name for name in MODULES if name.startswith("depth_models") and not name.endswith("__main__")]
    assert run(WITHOUT_ROS, *modules, *PURE) == ["absent", *modules, *PURE]


def test_the_blocked_ros_would_be_noticed():
    with pytest.raises(AssertionError, match="No module named 'rclpy'"):
        run(WITHOUT_ROS, "depth_estimation_ros.depth_node")
