"""What the doctor says of what it saw."""

from dataclasses import replace

import pytest
from watched_graph import (
    CAMERA,
    ENDS,
    HEALTHY,
    MAKERS,
    NODE,
    PERIOD_S,
    SLAM,
    all_of,
    depth,
    diagnosed,
    found,
    image,
    info,
)

from depth_estimation_ros.doctor.diagnosis import diagnose
from depth_estimation_ros.doctor.observations import Consumer, Observations


def test_a_graph_on_which_all_is_well_has_no_finding():
    assert diagnose(HEALTHY) == []
    assert HEALTHY.image_rate == pytest.approx(10.0)
    assert HEALTHY.latency_s == pytest.approx(0.04)


def test_an_empty_graph_lacks_a_node_and_publishers_and_nothing_else():
    empty = Observations(3.0, None, "/image", "/info", "/depth/image")
    assert [finding.name for finding in diagnose(empty)] == ["no node", "no publisher", "no publisher"]
    assert (empty.image_rate, empty.latency_s) == (0.0, None)


def test_a_camera_that_sends_nothing_is_silent():
    name, text = found(images=(), infos=(), depths=())
    assert name == "silent"
    assert f"{CAMERA} announced it, and no image came in 3 s" in text


def test_images_that_cannot_be_decoded_are_named_once():
    name, text = found(images=all_of(image, refusal="image of encoding 'bayer_rggb16': not one of rgb8"), depths=())
    assert name == "refused"
    assert "'bayer_rggb16': not one of rgb8" in text


@pytest.mark.parametrize(
    ("changes", "name", "text"),
    [
        ({"sizes": ((128, 96), (32, 24))}, "size", "64 x 48 pixels, and camera_info is of 128 x 96 or 32 x 24"),
        ({"frame_id": "base"}, "frame", "frame_id is 'optical', and that of camera_info 'base'"),
        ({"is_calibrated": False}, "zero K", "K has no focal length"),
        ({"is_distorted": True}, "distorted", "rectify true"),
    ],
)
def test_a_camera_info_that_does_not_fit_its_image_is_named(changes, name, text):
    finding = found(infos=all_of(info, **changes))
    assert finding[0] == name
    assert text in finding[1]


def test_a_binned_image_fits_its_camera_info():
    assert diagnosed(infos=all_of(info, sizes=((128, 96), (64, 48)))) == []


def test_stamps_that_differ_are_counted():
    infos = tuple(info(n, stamp_ns=n if n < 10 else 1000 + n) for n in range(30))
    name, text = found(infos=infos)
    assert name == "stamp"
    assert "10 of 30 images have a camera_info of the same stamp" in text


def test_one_message_more_at_an_end_of_the_watch_is_no_fault():
    assert diagnosed(infos=HEALTHY.infos[1:], images=HEALTHY.images[:-1]) == []


def test_distortion_is_no_fault_where_somebody_rectifies():
    distorted = all_of(info, is_distorted=True)
    assert diagnosed(infos=distorted, rectifies=True) == []
    publishers = (replace(ENDS["image"], topic="/image_rect"), ENDS["info"], ENDS["depth"])
    assert diagnosed(infos=distorted, image_topic="/image_rect", publishers=publishers) == []


def test_usable_images_without_any_depth_point_to_the_nodes_state():
    name, text = found(depths=())
    assert name == "no depth"
    assert f"`ros2 lifecycle get {NODE}` must say active" in text


@pytest.mark.parametrize(
    ("encoding", "median_m", "text"),
    [
        ("32FC1", 2500.0, "32FC1 means metres, and these look like millimetres"),
        ("16UC1", 0.003, "16UC1 means millimetres, and these look like metres"),
    ],
)
def test_depth_in_the_unit_of_another_encoding_is_named(encoding, median_m, text):
    finding = found(depths=all_of(depth, 29, encoding=encoding, median_m=median_m))
    assert finding[0] == "unit"
    assert text in finding[1]
    assert diagnosed(depths=all_of(depth, 29, encoding=encoding, median_m=2.5)) == []


def test_depth_without_any_valid_pixel_has_no_unit():
    assert diagnosed(depths=all_of(depth, 29, median_m=None)) == []


def test_depth_of_another_encoding_is_named():
    name, text = found(depths=all_of(depth, 29, encoding="mono16", median_m=None, refusal="encoding 'mono16'"))
    assert (name, "32FC1 (metres)" in text) == ("depth refused", True)


@pytest.mark.parametrize(("segment", "name"), [(549_408, "profile"), (70_000_000, "lost"), (None, "lost")])
def test_lost_images_are_counted_by_camera_info_and_small_shared_memory_is_blamed(segment, name):
    images = tuple(image(n, size_bytes=921_600) for n in (3, 9, 21))
    depths = tuple(depth(n) for n in (3, 9, 21))
    segments = (70_000_000, segment) if segment else ()
    finding = found(images=images, depths=depths, segments_bytes=segments)
    assert finding[0] == name
    assert "about 27 of 30 images were lost" in finding[1]
    assert ("FASTDDS_DEFAULT_PROFILES_FILE" in finding[1]) == (name == "profile")


def test_images_lost_together_with_their_camera_info_are_counted_by_the_gaps_between_stamps():
    arrived = (0, 1, 9, 12, 21, 22, 28)
    kept = {kind: tuple(make(n, stamp_ns=n * 100) for n in arrived) for kind, make in MAKERS.items()}
    name, text = found(**kept)
    assert (name, "about 22 of 29 images were lost" in text) == ("lost", True)


def test_camera_info_without_any_image_means_that_all_were_lost():
    name, text = found(images=(), depths=(), infos=HEALTHY.infos[:2], segments_bytes=(549_408,))
    assert (name, "about 2 of 2 images were lost" in text) == ("profile", True)


def test_stamps_that_jitter_or_start_again_are_no_loss():
    stamps = [n * 1000 + (150, -150, 40)[n % 3] + (10**9 if n > 15 else 0) for n in range(30)]
    kept = {kind: tuple(make(n, stamp_ns=stamps[n]) for n in range(30)) for kind, make in MAKERS.items()}
    assert diagnosed(**kept) == []


def test_small_shared_memory_is_no_fault_while_nothing_is_lost():
    assert diagnosed(segments_bytes=(549_408,)) == []


def test_a_network_that_is_too_slow_for_the_rate_is_named():
    slow = tuple(depth(n, arrival_s=50 + n * PERIOD_S + 0.3) for n in range(0, 28, 3))
    name, text = found(depths=slow)
    assert name == "slow"
    assert "36% of the images at 10.0 Hz have depth, 300 ms late" in text  # 10 of numbers 0 to 27
    name, text = found(depths=(depth(3, arrival_s=50 + 3 * PERIOD_S + 2.0),))
    assert name == "slow"
    assert "3% of the images at 10.0 Hz have depth, 2000 ms late" in text  # one of 30


def test_images_left_out_on_purpose_are_no_slowness():
    every_third = tuple(depth(n) for n in range(0, 28, 3))
    assert diagnosed(depths=every_third, max_rate=10 / 3) == []
    late = tuple(replace(seen, arrival_s=seen.arrival_s + 0.2) for seen in every_third)
    assert diagnosed(depths=late, max_rate=10 / 3) == []
    assert [finding.name for finding in diagnosed(depths=late, max_rate=8.0)] == ["slow"]


def test_a_pipeline_that_is_late_and_keeps_up_is_not_slow():
    assert diagnosed(depths=tuple(depth(n, arrival_s=50 + n * PERIOD_S + 0.5) for n in range(25))) == []


@pytest.mark.parametrize(("queue", "is_enough"), [(4, False), (5, True), (10, True)])
def test_a_queue_must_hold_the_images_that_come_until_their_depth(queue, is_enough):
    depths = tuple(depth(n, arrival_s=50 + n * PERIOD_S + 0.35) for n in range(26))  # 3.5 images later
    findings = diagnosed(depths=depths, consumers=(Consumer(SLAM, queue, "sync_queue_size"),))
    assert bool(findings) != is_enough
    for finding in findings:
        assert finding.name == "queue"
        assert f"{SLAM} pairs /image with depth and keeps 4 images (sync_queue_size)" in finding.what
        assert "350 ms later, 4 images on" in finding.what
        assert "set sync_queue_size to 5 or more" in finding.fix
