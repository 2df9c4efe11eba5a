"""What the node makes of an image for whom: rectified, compressed, with its standard deviation, or nothing at all."""

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed: pip install 'depth_estimation_ros[ros]'")

import torch
from diagnostic_msgs.msg import DiagnosticArray
from own_node import node_in_this_process
from ros_rig import Rig, camera_info, metres, until
from sensor_msgs.msg import CompressedImage, Image

from depth_estimation_ros import outputs
from depth_models import Checkpoint, DepthPredictor, Preprocess, create_network

RGB = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)


@pytest.fixture
def rig(weights):
    """The other side of an unconfigured node in this process."""
    with node_in_this_process(f"weights:={weights}", "device:=cpu"):
        rig = Rig()
        yield rig
        rig.close()


def test_a_compressed_image_is_rectified_and_its_pinhole_goes_with_it(rig, weights):
    assert rig.set_parameter("image_transport", string_value="compressed") == (True, "")
    assert rig.set_parameter("rectify", bool_value=True) == (True, "")
    rig.start()
    rig.images = rig.node.create_publisher(CompressedImage, "image/compressed", 1)
    until(rig.images.get_subscription_count, "a subscription to image/compressed")
    rig.info = info = camera_info(160, 120)
    info.d = np.zeros(5)
    info.p = np.array([150.0, 0, 84.5, -15, 0, 150.0, 59.5, 0, 0, 0, 1, 0])  # 5 columns to the right of K's
    raw = rig.image(RGB)
    message = CompressedImage(header=raw.header, format="rgb8; png compressed bgr8")
    message.data.frombytes(cv2.imencode(".png", RGB[..., ::-1])[1].tobytes())
    relayed = rig.collect("rgb/image", Image)
    picture, out, depth = rig.answer_in(relayed, message), rig.answer_info(message), metres(rig.answer(message))
    moved = np.zeros_like(RGB)
    moved[:, 5:] = RGB[:, :-5]
    assert bytes(picture.data) == moved.tobytes()
    expected = DepthPredictor.from_checkpoint(weights, "cpu")(moved, fx=150.0, fy=150.0).metres
    np.testing.assert_allclose(depth[:, 5:], expected[:, 5:], rtol=1e-4)
    assert np.isnan(depth[:, :5]).all()
    assert out.header == picture.header == message.header
    np.testing.assert_array_equal(out.k, [150, 0, 84.5, 0, 150, 59.5, 0, 0, 1])
    np.testing.assert_array_equal(out.p, info.p)
    assert not np.any(out.d)


def test_what_nobody_subscribes_to_is_never_made(rig, monkeypatch):
    made = []
    for output in outputs.OUTPUTS:
        original = output.message
        monkeypatch.setattr(
            output, "message", lambda self, frame, original=original: made.append(self.topic) or original(self, frame)
        )
    rig.start()
    rig.answer(rig.image(RGB))
    rig.collect("depth/preview", Image)
    until(lambda: rig.answer(rig.image(RGB)) and "depth/preview" in made, "a preview")
    assert set(made) == {"depth/image", "depth/camera_info", "depth/preview"}


def test_sigma_is_published_beside_its_depth_and_doubtful_pixels_become_invalid_while_the_node_runs(rig, tmp_path):
    torch.manual_seed(0)
    network = create_network("unet", encoder="resnet18", decoder_channels=(32, 16, 16, 8, 8), sigma=True)
    sure = str(tmp_path / "sure.safetensors")
    Checkpoint.of(network, Preprocess(64, 96, (0.5,) * 3, (0.25,) * 3, focal_px=40.0)).save(sure)
    assert rig.set_parameter("weights", string_value=sure) == (True, "")
    rig.start()
    inbox, message = rig.collect("depth/sigma", Image), rig.image(RGB)
    sigma, depth = rig.answer_in(inbox, message), rig.answer(message)
    assert (sigma.encoding, sigma.header) == ("32FC1", message.header)
    expected = DepthPredictor.from_checkpoint(sure, "cpu")(RGB)
    np.testing.assert_allclose(metres(sigma), expected.sigma_metres, rtol=1e-3)
    threshold = float(np.median(expected.sigma_metres / expected.metres))
    assert rig.set_parameter("max_relative_sigma", double_value=threshold) == (True, "")
    message = rig.image(RGB)
    masked = metres(rig.answer(message))
    assert 0.3 < np.isnan(masked).mean() < 0.7
    assert np.array_equal(np.isnan(metres(rig.answer_in(inbox, message))), np.isnan(masked))
    np.testing.assert_array_equal(masked[~np.isnan(masked)], metres(depth)[~np.isnan(masked)])


def test_a_model_that_tells_no_sigma_leaves_the_topic_silent_and_the_depth_whole(rig):
    assert rig.set_parameter("max_relative_sigma", double_value=0.01) == (True, "")
    rig.start()
    inbox, diagnostics = rig.collect("depth/sigma", Image), rig.collect("/diagnostics", DiagnosticArray)
    assert np.isfinite(metres(rig.answer(rig.image(RGB)))).all()
    assert not inbox
    facts = until(
        lambda: [v for m in list(diagnostics) for s in m.status for v in s.values if v.key == "sigma"], "facts"
    )
    assert facts[-1].value.startswith("no")
