"""Sequences with poses: what belongs to a frame, and what is refused."""

import numpy as np
import pytest
import yaml
from PIL import Image

from depth_models import DepthModelsError
from depth_models.data.posed import PosedSequence, read_trajectory

CAMERA = {"fx": 4.0, "fy": 4.0, "cx": 1.5, "cy": 1.0, "width": 4, "height": 3}
HALF = 0.5**0.5


@pytest.fixture
def folder(tmp_path):
    """Three pictures, unsorted; the second has no depth, and the third no pose within 20 ms."""
    for name in ("rgb", "depth"):
        (tmp_path / name).mkdir()
    for n, time in enumerate((0.0, 0.1, 0.2)):
        Image.fromarray(np.full((3, 4, 3), 10 * n, np.uint8)).save(tmp_path / "rgb" / f"{time}.png")
        Image.fromarray(np.full((3, 4), 5000 * n, np.uint16)).save(tmp_path / "depth" / f"{time}.png")
    (tmp_path / "rgb.txt").write_text("0.2 rgb/0.2.png\n0.0 rgb/0.0.png\n0.1 rgb/0.1.png\n")
    (tmp_path / "depth.txt").write_text("0.005 depth/0.0.png\n0.199 depth/0.2.png\n")
    (tmp_path / "groundtruth.txt").write_text(
        f"# timestamp tx ty tz qx qy qz qw\n0.11 1 2 3 0 0 {HALF} {HALF}\n0.0 0 0 0 0 0 0 1\n0.23 0 0 0 0 0 0 1\n"
    )
    (tmp_path / "camera.yaml").write_text(yaml.safe_dump(CAMERA))
    return tmp_path


def test_a_frame_has_the_depth_and_the_pose_nearest_in_time_or_none(folder):
    sequence = PosedSequence(folder)
    assert [frame.stamp_s for frame in sequence.frames] == [0.0, 0.1, 0.2]
    assert [frame.depth is None for frame in sequence.frames] == [False, True, False]
    assert [frame.pose is None for frame in sequence.frames] == [False, False, True]
    # A quarter turn to the left about z takes x to y.
    np.testing.assert_allclose(sequence.frames[1].pose @ [1, 0, 0, 1], [1, 3, 3, 1], atol=1e-12)
    assert sequence.rgb(2)[0, 0, 0] == 20
    np.testing.assert_allclose(sequence.metres(2), 2.0)
    assert np.isnan(sequence.metres(0)).all()  # 0 is no depth
    with pytest.raises(DepthModelsError, match=r"0\.1\.png: has no depth image"):
        sequence.metres(1)


def test_other_poses_take_the_place_of_the_ground_truth_and_none_is_no_error(folder, tmp_path):
    (tmp_path / "slam.txt").write_text("0.2 7 0 0 0 0 0 1\n")
    assert [f.pose is None for f in PosedSequence(folder, tmp_path / "slam.txt").frames] == [True, True, False]
    (folder / "groundtruth.txt").unlink()
    assert all(frame.pose is None for frame in PosedSequence(folder).frames)


@pytest.mark.parametrize(
    ("file", "text", "reason"),
    [
        ("groundtruth.txt", "0 0 0 0 0 0 0 1\n1 0 0 nan 0 0 0 1\n", "line 2: .*eight finite numbers"),
        ("groundtruth.txt", "0 0 0 0 0 0 1\n", "line 1: .*eight finite numbers"),
        (
            "groundtruth.txt",
            "# none\n0 0 0 0 1 1 0 1\n",
            "line 2: the pose is not rigid: its quaternion has norm 1.732",
        ),
        ("groundtruth.txt", "# none\n", "holds no pose"),
        ("groundtruth.txt", "2 0 0 0 0 0 0 1\n0 0 0 0 0 0 0 1\n2 1 0 0 0 0 0 1\n", "stamp 2.000000 is there more than"),
        ("rgb.txt", "1 rgb/0.0.png\n1 rgb/0.1.png\n", "stamp 1.000000 is there more than once"),
        ("rgb.txt", "nan rgb/0.0.png\n", "a timestamp is not finite"),
        ("rgb.txt", "#\n", "names no picture"),
    ],
)
def test_what_cannot_be_meant_is_named(folder, file, text, reason):
    (folder / file).write_text(text)
    with pytest.raises(DepthModelsError, match=reason) as caught:
        PosedSequence(folder)
    assert str(folder / file) in str(caught.value)


def test_a_missing_file_of_poses_is_named(tmp_path):
    with pytest.raises(DepthModelsError, match=r"none\.txt: cannot be read"):
        read_trajectory(tmp_path / "none.txt")


def test_pictures_of_another_size_than_the_cameras_are_refused(folder):
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(folder / "rgb" / "0.0.png")
    Image.fromarray(np.zeros((4, 4), np.uint16)).save(folder / "depth" / "0.0.png")
    sequence = PosedSequence(folder)
    with pytest.raises(DepthModelsError, match=r"of \(4, 4\) pixels, and the sequence's camera has \(3, 4\)"):
        sequence.rgb(0)
    with pytest.raises(DepthModelsError, match=r"of \(4, 4\) pixels"):
        sequence.metres(0)
