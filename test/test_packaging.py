"""What an installation puts where: pip into a prefix of its own, without network."""

import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NAME = "depth_estimation_ros"
SHARE = f"share/{NAME}"
CODE = ("depth_models", NAME)
BUILT_FROM = (
    *CODE,
    "launch",
    "config",
    "resource",
    "scripts",
    "package.xml",
    "setup.py",
    "setup.cfg",
    "pyproject.toml",
)
MANIFEST = ET.parse(ROOT / "package.xml").getroot()


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of what a build reads, as it writes beside its source; with weights, whatever is bundled."""
    folder = tmp_path_factory.mktemp("source")
    for name in BUILT_FROM:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder)
    weights = folder / "depth_models" / "weights" / "stand_in.safetensors"
    weights.parent.mkdir(exist_ok=True)
    weights.write_bytes(b"weights")
    return folder


@pytest.fixture(scope="module")
def prefix(source, tmp_path_factory):
    """A prefix that holds nothing but the package."""
    folder = tmp_path_factory.mktemp("prefix")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    command += ["--no-compile", "--ignore-installed", "--disable-pip-version-check", "--no-warn-script-location"]
    result = subprocess.run([*command, "--prefix", folder, source], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


@pytest.fixture(scope="module")
def installed(prefix):
    """Paths of the installed files, relative to the prefix."""
    return files(prefix)


def site_packages(prefix):
    (folder,) = prefix.glob("lib/python*/site-packages")
    return folder


def files(folder, pattern="*"):
    """Relative paths of a folder's files."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob(pattern) if path.is_file()}


def test_ros_finds_the_package_its_launch_files_and_all_of_its_configuration(source, installed):
    assert f"share/ament_index/resource_index/packages/{NAME}" in installed
    share = {path.removeprefix(f"{SHARE}/") for path in installed if path.startswith(f"{SHARE}/")}
    expected = {"package.xml"} | {f"launch/{path}" for path in files(source / "launch", "*.launch.py")}
    expected |= {f"config/{path}" for path in files(source / "config")}
    assert {"launch/depth.launch.py", "config/depth_node.yaml", "config/fastdds.xml"} <= expected
    assert {path for path in share if not path.startswith("weights/")} == expected


def test_the_executables_are_where_ros_looks_and_can_be_run(prefix, installed):
    names = {"depth_node", "depth_doctor"}
    assert {path for path in installed if path.startswith(f"lib/{NAME}/")} == {f"lib/{NAME}/{name}" for name in names}
    assert all(os.access(prefix / "lib" / NAME / name, os.X_OK) for name in names)


def test_the_path_has_the_command_line_and_nothing_that_needs_ros(prefix, installed):
    assert {path for path in installed if path.startswith("bin/")} == {"bin/depth-models"}
    assert os.access(prefix / "bin" / "depth-models", os.X_OK)


def test_every_module_is_installed_and_nothing_beside_the_modules(source, prefix):
    folder = site_packages(prefix)
    for name in CODE:
        assert files(folder / name) == files(source / name, "*.py")
    assert {path.name.partition("-")[0] for path in folder.iterdir()} == set(CODE)


def test_weights_are_installed_once(source, installed):
    names = files(source / "depth_models" / "weights")
    assert "manifest.json" in names
    assert Counter(path.rpartition("/")[2] for path in installed if path.rpartition("/")[2] in names) == Counter(names)
    assert f"{SHARE}/weights/stand_in.safetensors" in installed


def test_the_installed_code_finds_the_installed_weights_and_configuration(prefix):
    code = "from depth_models.files import share_folder as f; print(f('weights'), f('config'), sep='\\n')"
    environment = os.environ | {"PYTHONPATH": str(site_packages(prefix))}
    result = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=prefix, env=environment, capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == [str(prefix / SHARE / "weights"), str(prefix / SHARE / "config")]


def test_pip_and_ros_are_told_the_same_name_and_version(prefix):
    (metadata,) = site_packages(prefix).glob("*.dist-info/METADATA")
    lines = metadata.read_text().splitlines()
    assert f"Version: {MANIFEST.findtext('version')}" in lines
    assert f"Summary: {MANIFEST.findtext('description')}" in lines
    assert f"License: {MANIFEST.findtext('license')}" in lines
    assert f"Name: {MANIFEST.findtext('name')}" in lines


def test_the_manifest_is_of_format_3_and_built_by_ament_python():
    assert MANIFEST.get("format") == "3"
    assert MANIFEST.findtext("export/build_type") == "ament_python"
    assert (ROOT / MANIFEST.find("license").get("file")).is_file()
