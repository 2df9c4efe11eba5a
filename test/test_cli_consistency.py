"""`depth-models consistency`: folders in TUM's layout and bags, what is printed and what is kept."""

import json

import numpy as np
import pytest
import yaml
from box_room import CAMERA, see, walk
from PIL import Image

from depth_models import DepthPredictor
from depth_models.cli import main
from depth_models.data.rooms.sequence import _tum_pose

FRAMES = 6


@pytest.fixture
def folder(tmp_path):
    """A sequence whose every second depth image is 10 % too far."""
    path = tmp_path / "walk"
    stamps, poses = walk(FRAMES)
    for name in ("rgb", "depth"):
        (path / name).mkdir(parents=True)
    for i, (stamp, where) in enumerate(zip(stamps, poses, strict=True)):
        rgb, metres = see(where)
        Image.fromarray(rgb).save(path / "rgb" / f"{stamp}.png")
        units = np.rint(metres * 5000 * (1 + 0.1 * (i % 2))).astype(np.uint16)
        Image.fromarray(units).save(path / "depth" / f"{stamp}.png")
    for name in ("rgb", "depth"):
        (path / f"{name}.txt").write_text("".join(f"{stamp} {name}/{stamp}.png\n" for stamp in stamps))
    lines = [" ".join(map(str, (stamp, *_tum_pose(where)))) for stamp, where in zip(stamps, poses, strict=True)]
    (path / "groundtruth.txt").write_text("\n".join(lines))
    names = ("fx", "fy", "cx", "cy", "width", "height")
    (path / "camera.yaml").write_text(yaml.safe_dump({name: getattr(CAMERA, name) for name in names}))
    return path


def test_a_folders_own_depth_is_measured_printed_and_drawn(folder, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["consistency", str(folder), "--gap", "0.1", "--out", str(out), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document == json.loads((out / "consistency.json").read_text())
    (result,) = document["results"]
    assert (result["name"], result["frames"], result["lost"]) == ("depth images", FRAMES, 0)
    assert result["scale"]["jitter"] == pytest.approx(np.log(1.1), rel=0.03)
    assert result["reprojection"]["abs_rel"] == pytest.approx(0.095, abs=0.005)  # 0.1 and 1 - 1 / 1.1
    assert Image.open(out / "scale.png").size[0] > 500


def test_the_steadied_depth_stands_beside_the_raw(folder, capsys):
    assert main(["consistency", str(folder), "--steady-scale", "--json"]) == 0
    raw, steady = json.loads(capsys.readouterr().out)["results"]
    assert steady["name"] == "depth images, steady"
    assert steady["scale"]["jitter"] < raw["scale"]["jitter"] / 3
    assert main(["consistency", str(folder)]) == 0
    assert "jitter of log scale, a frame" in capsys.readouterr().out


def test_a_checkpoints_depth_is_measured_against_the_folders(folder, weights, capsys):
    assert main(["consistency", str(folder), weights, "--device", "cpu", "--json"]) == 0
    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert (result["name"], result["scale_from"]) == (weights, "truth")
    camera, predictor = CAMERA, DepthPredictor.from_checkpoint(weights, "cpu")
    rgb, metres = see(walk(FRAMES)[1][2])
    log = np.median(np.log(predictor(rgb, fx=camera.fx, fy=camera.fy).metres / metres))
    assert result["log_scale"][2] == pytest.approx(log, abs=1e-3)


def test_a_checkpoints_depth_of_a_bag_is_measured(tmp_path, weights, capsys):
    pytest.importorskip("rosbags")
    from bag_files import camera_info, image, write_bag

    messages = []
    for i, where in enumerate(walk(FRAMES)[1]):
        info = camera_info(i, CAMERA.width, CAMERA.height)
        info.k = CAMERA.K.ravel()
        messages += [("/cam/image", i / 10, image(i, see(where)[0])), ("/cam/camera_info", i / 10, info)]
    bag = write_bag(tmp_path / "bag", messages)
    assert main(["consistency", str(bag), weights, "--device", "cpu", "--json"]) == 0
    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert (result["frames"], result["scale_from"], result["abs_rel"]) == (FRAMES, "correspondences", None)
    assert result["scale"]["jitter"] is not None
    without_info = write_bag(tmp_path / "bare", [m for m in messages if m[0] == "/cam/image"])
    assert main(["consistency", str(without_info), weights, "--device", "cpu"]) == 1
    assert "no camera_info of /cam/image" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stopped:
        main(["consistency", str(bag)])
    assert stopped.value.code == 2


def test_what_is_no_sequence_is_named(folder, tmp_path, capsys):
    assert main(["consistency", str(tmp_path / "absent")]) == 1
    assert "camera is not known" in capsys.readouterr().err
    (folder / "depth.txt").unlink()
    assert main(["consistency", str(folder)]) == 1
    assert f"{FRAMES} pictures have no depth image" in capsys.readouterr().err
