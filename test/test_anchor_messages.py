"""Messages of anchors: which belong to an image, what they tell, and which are refused."""

from types import SimpleNamespace as Some

import numpy as np
import pytest
from box_room import CAMERA, HALF_M, pose, see

from depth_estimation_ros.anchors import KEPT_S, Anchors, cloud_points
from depth_estimation_ros.conversions import MessageError
from depth_estimation_ros.parameters import validate

FLOAT32 = 7


def header(time_s=100.0, frame_id="camera"):
    return Some(stamp=Some(sec=int(time_s), nanosec=round(time_s % 1 * 1e9)), frame_id=frame_id)


def range_message(metres, time_s=100.0, **fields):
    values = {"radiation_type": 1, "field_of_view": 0.1, "min_range": 0.1, "max_range": 5.0} | fields
    return Some(header=header(time_s), range=metres, **values)


def cloud(points, order="<", **fields):
    rows = np.zeros(len(points), [("x", f"{order}f4"), ("rgb", "u4"), ("y", f"{order}f4"), ("z", f"{order}f4")])
    rows["x"], rows["y"], rows["z"] = np.reshape(points, (-1, 3)).T
    kinds = [Some(name=n, offset=at, datatype=FLOAT32) for n, at in (("x", 0), ("rgb", 4), ("y", 8), ("z", 12))]
    values = {
        "header": header(), "fields": kinds, "height": 1, "width": len(points), "point_step": 16,
        "row_step": 16 * len(points), "is_bigendian": order == ">", "data": rows.tobytes(),
    }  # fmt: skip
    return Some(**values | fields)


def depth_message(known, encoding="32FC1", frame_id="camera"):
    known = np.asarray(known, "<f4")
    return Some(
        header=header(frame_id=frame_id), encoding=encoding, height=known.shape[0], width=known.shape[1],
        step=known.strides[0], is_bigendian=0, data=known.tobytes(),
    )  # fmt: skip


@pytest.fixture
def seen():
    """True depth of a wall 3 m ahead, read 1.2 times too far."""
    return see(pose())[1] * np.float32(1.2)


@pytest.fixture
def warnings():
    return []


@pytest.fixture
def anchors(warnings):
    return Anchors(validate({}), warnings.append)


def read(anchors, seen, is_calibrated=True):
    return {r.name: r for r in anchors.readings(header(), seen, CAMERA, is_calibrated)}


def test_the_message_nearest_in_time_counts_if_it_is_near_enough(anchors, seen):
    assert read(anchors, seen) == {}
    for metres, time_s in ((1.0, 99.92), (3.0, 100.01), (1.5, 100.05), (2.0, 101.0)):
        anchors.put("range", range_message(metres, time_s))
    reading = read(anchors, seen)["range"]
    assert reading.told == pytest.approx(np.log(3.0))
    np.testing.assert_allclose(reading.log_errors, np.log(1.2), atol=0.005)
    later = Anchors(validate({}), print)
    later.put("range", range_message(3.0, 100.2))
    later.put("range", range_message(3.0, 99.8))
    assert read(later, seen) == {}


def test_messages_are_let_go_when_no_image_of_their_time_is_still_to_be_answered(anchors, seen):
    anchors.put("points", cloud([[0, 0, 3.0]]))  # clouds of a lidar are megabytes each
    anchors.put("points", cloud([[0, 0, 3.0]], header=header(100.0 + KEPT_S)))
    assert set(read(anchors, seen)) == {"points"}
    anchors.put("points", cloud([[0, 0, 3.0]], header=header(100.2 + KEPT_S)))
    assert read(anchors, seen) == {}
    anchors.put("points", cloud([[0, 0, 3.0]]))  # a recording starts again
    assert set(read(anchors, seen)) == {"points"}


def test_the_range_sensor_is_where_the_parameter_says(anchors, seen):
    anchors.put("range", range_message(2.0))
    # Turned right by a quarter the beam meets a wall that is out of sight.
    anchors.parameters = validate({"range_pose": "0 0 0 1.5708 0"})
    assert read(anchors, seen)["range"].log_errors.size == 0
    anchors.parameters = validate({"range_pose": "0 0 1.0 0 0"})  # a metre nearer to the wall
    np.testing.assert_allclose(read(anchors, seen)["range"].log_errors, np.log(1.2), atol=0.005)


@pytest.mark.parametrize("told", [0.05, 5.1, 0.0, -1.0, float("nan"), float("inf")])
def test_a_range_out_of_the_sensors_reach_tells_nothing(anchors, seen, told):
    anchors.put("range", range_message(told))
    assert read(anchors, seen)["range"].log_errors.size == 0


@pytest.mark.parametrize("order", ["<", ">"])
def test_points_are_read_whatever_their_layout_and_tell_where_they_are_seen(anchors, seen, order):
    points = [[0.1, 0.2, 3.0], [-0.3, 0.0, 3.0], [np.nan, 0, 3], [0, 0, -3.0]]
    np.testing.assert_allclose(cloud_points(cloud(points, order)), points, rtol=1e-6)
    anchors.put("points", cloud(points, order))
    np.testing.assert_allclose(read(anchors, seen)["points"].log_errors, [np.log(1.2)] * 2, atol=1e-6)
    assert cloud_points(cloud([])).shape == (0, 3)


def test_a_sparse_depth_image_of_any_size_tells_even_without_a_calibration(anchors, seen):
    known = np.full((30, 40), np.nan)
    known[15, 20] = known[14, 18] = HALF_M[2]
    anchors.put("depth", depth_message(known))
    anchors.put("range", range_message(3.0))
    assert set(read(anchors, seen)) == {"depth", "range"}
    readings = read(anchors, seen, is_calibrated=False)
    assert set(readings) == {"depth"}
    np.testing.assert_allclose(readings["depth"].log_errors, np.log(1.2), atol=1e-6)


@pytest.mark.parametrize(
    ("name", "message", "reason"),
    [
        (
            "points",
            cloud([[0, 0, 3.0]], header=header(frame_id="lidar")),
            "in the frame 'lidar' and the image in 'camera'",
        ),
        ("points", cloud([[0, 0, 3.0]], fields=[]), "fields none; x, y and z must be float32"),
        ("points", cloud([[0, 0, 3.0]], width=2), "sizes must agree"),
        ("points", cloud([[0, 0, 3.0]], data=b"123"), "3 bytes of data"),
        ("points", cloud([[0, 0, 3.0]], point_step=8, row_step=8), "sizes must agree"),
        ("depth", depth_message(np.ones((30, 40)), frame_id="other"), "in the frame 'other'"),
        ("depth", depth_message(np.ones((30, 30))), "must be registered"),
        ("depth", depth_message(np.ones((30, 40)), encoding="rgb8"), "depth is one of 32FC1, 16UC1"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason_and_counted(anchors, seen, warnings, name, message, reason):
    anchors.put(name, message)
    assert read(anchors, seen) == {}
    assert anchors.refused == 1
    assert warnings[0].startswith(f"anchor/{name}: ")
    assert reason in warnings[0]
    with pytest.raises(MessageError):
        cloud_points(cloud([[0, 0, 3.0]], fields=[Some(name="x", offset=0, datatype=8)]))


def test_the_cameras_height_tells_where_it_is_given(anchors):
    tilted = see(pose(pitch=-0.35))[1]
    anchors.parameters = validate({"camera_height": float(HALF_M[1]) / 1.1, "camera_pitch": 0.35})
    reading = read(anchors, tilted)["camera_height"]
    np.testing.assert_allclose(reading.log_errors, np.log(1.1), atol=0.01)
    assert reading.told is None
