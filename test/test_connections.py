"""What the doctor says of who is on the graph and how they are connected."""

from dataclasses import replace

import pytest
from watched_graph import CAMERA, COMPRESSED, ENDS, IMAGE, NODE, READS, SLAM, all_of, depth, diagnosed, found

from depth_estimation_ros.doctor.observations import Endpoint, Qos


@pytest.mark.parametrize("clock", [(), (Endpoint(NODE, "/clock", "rosgraph_msgs/msg/Clock"),)])
def test_a_node_that_subscribes_to_no_image_is_not_configured(clock):
    name, text = found(subscribers=(READS["depth"], *clock), depths=all_of(depth))
    assert name == "not configured"
    assert f"ros2 lifecycle set {NODE} configure" in text


def test_images_that_nobody_publishes_are_named_with_those_that_are():
    name, text = found(
        publishers=(replace(ENDS["image"], topic="/cam/image_raw"), ENDS["info"], ENDS["depth"]), images=()
    )
    assert name == "no publisher"
    assert "nobody publishes /image" in text
    assert "/cam/image_raw has publishers: launch with image:=/cam/image_raw" in text


def test_a_missing_camera_info_makes_the_metres_wrong():
    name, text = found(publishers=(ENDS["image"], ENDS["depth"]), infos=())
    assert name == "no publisher"
    assert "nobody publishes /info (depth then assumes the network's focal length" in text


def test_the_nodes_own_images_are_no_camera():
    _, text = found(publishers=(ENDS["info"], ENDS["depth"]), images=())
    assert "has publishers" not in text


@pytest.mark.parametrize(
    ("offered", "requested", "policy", "values"),
    [
        (Qos("best_effort"), Qos("reliable"), "reliability", ("best_effort", "reliable")),
        (Qos(), Qos(durability="transient_local"), "durability", ("volatile", "transient_local")),
        (Qos(), Qos(deadline_s=0.5), "deadline", ("inf", "0.5")),
        (Qos(deadline_s=0.6), Qos(deadline_s=0.5), "deadline", ("0.6", "0.5")),
        (Qos(), Qos(liveliness="manual_by_topic"), "liveliness", ("automatic", "manual_by_topic")),
    ],
)
def test_quality_of_service_that_cannot_match_names_both_sides(offered, requested, policy, values):
    publishers = (ENDS["image"], ENDS["info"], replace(ENDS["depth"], qos=offered))
    subscribers = (READS["image"], READS["info"], replace(READS["depth"], qos=requested))
    name, text = found(publishers=publishers, subscribers=subscribers)
    assert name == "qos"
    assert f"/depth/image: {NODE} offers {policy} {values[0]} and {SLAM} requests {values[1]}" in text
    assert f"set {policy} of {SLAM} to {values[0]}" in text


@pytest.mark.parametrize(
    ("offered", "requested"),
    [
        (Qos("reliable"), Qos("best_effort")),
        (Qos(durability="transient_local"), Qos()),
        (Qos(deadline_s=0.5), Qos()),
        (Qos(deadline_s=0.5), Qos(deadline_s=0.5)),
        (Qos(liveliness="manual_by_topic"), Qos()),
        (Qos("best_effort"), Qos("best_effort")),
    ],
)
def test_quality_of_service_that_is_more_than_was_requested_matches(offered, requested):
    publishers = (ENDS["image"], ENDS["info"], replace(ENDS["depth"], qos=offered))
    subscribers = (READS["image"], READS["info"], replace(READS["depth"], qos=requested))
    assert diagnosed(publishers=publishers, subscribers=subscribers) == []


def test_two_types_on_one_topic_are_named():
    name, text = found(subscribers=(replace(READS["image"], type=COMPRESSED), READS["info"], READS["depth"]))
    assert name == "type"
    assert f"{CAMERA} publishes {IMAGE} and {NODE} expects {COMPRESSED}" in text
