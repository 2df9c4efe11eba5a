"""Stand-ins for launch, launch_ros and ament_index_python, which tests of launch files cannot expect to be there."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

LAUNCH = Path(__file__).resolve().parent.parent / "launch"
CLASSES = {
    "launch": ("LaunchContext", "LaunchDescription", "LaunchDescriptionEntity"),
    "launch.actions": (
        "DeclareLaunchArgument", "GroupAction", "IncludeLaunchDescription", "OpaqueFunction", "SetEnvironmentVariable"
    ),
    "launch.conditions": ("IfCondition",),
    "launch.launch_description_sources": ("PythonLaunchDescriptionSource",),
    "launch.substitutions": ("LaunchConfiguration",),
    "launch_ros": (),
    "launch_ros.actions": ("Node", "SetParameter"),
    "launch_ros.parameter_descriptions": ("ParameterValue",),
    "ament_index_python": (),
}  # fmt: skip


class Recorded(SimpleNamespace):
    """An entity of launch: its `kind`, positional `args`, and every keyword argument by name."""

    def perform(self, context):
        """The value of a LaunchConfiguration, from a dict."""
        return context[self.args[0]]


class PackageNotFoundError(KeyError):
    """As that of ament_index_python."""


def load(monkeypatch, name, installed=()):
    """The module of a launch file, made with the stand-ins.

    Args:
        name: without .launch.py.
        installed: packages that ament_index_python finds, each in /opt/PACKAGE.
    """
    for module_name, kinds in CLASSES.items():
        module = ModuleType(module_name)
        for kind in kinds:
            setattr(module, kind, lambda *args, kind=kind, **named: Recorded(kind=kind, args=args, **named))
        monkeypatch.setitem(sys.modules, module_name, module)

    def share(package):
        if package not in installed:
            raise PackageNotFoundError(package)
        return f"/opt/{package}"

    packages = ModuleType("ament_index_python.packages")
    packages.PackageNotFoundError, packages.get_package_share_directory = PackageNotFoundError, share
    monkeypatch.setitem(sys.modules, packages.__name__, packages)

    spec = importlib.util.spec_from_file_location(f"{name}_launch", LAUNCH / f"{name}.launch.py")
    module = importlib.util.module_from_spec(spec)  # as launch does, not in sys.modules
    spec.loader.exec_module(module)
    return module


def entities(module):
    """What a launch file describes, in order, groups opened."""
    found = list(module.generate_launch_description().args[0])
    return [e for entity in found for e in (entity.args[0] if entity.kind == "GroupAction" else [entity])]


def of_kind(module, kind):
    return [entity for entity in entities(module) if entity.kind == kind]


def defaults(module):
    """{argument: default}."""
    return {a.args[0]: a.default_value for a in of_kind(module, "DeclareLaunchArgument")}


def included(module):
    """Names of the launch files that it includes."""
    return [Path(e.args[0].args[0]).name for e in of_kind(module, "IncludeLaunchDescription")]
