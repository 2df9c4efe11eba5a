"""What the doctor sees of a graph on which all is well, to be changed by tests."""

from dataclasses import replace

from depth_estimation_ros.doctor.diagnosis import diagnose
from depth_estimation_ros.doctor.observations import DepthSeen, Endpoint, ImageSeen, InfoSeen, Observations, Qos

IMAGE, COMPRESSED, INFO = (f"sensor_msgs/msg/{name}" for name in ("Image", "CompressedImage", "CameraInfo"))
NODE, CAMERA, SLAM = "/depth_estimator", "/camera", "/slam"
PERIOD_S, LATENCY_S = 0.1, 0.04
ENDS = {
    "image": Endpoint(CAMERA, "/image", IMAGE, Qos("best_effort")),
    "info": Endpoint(CAMERA, "/info", INFO, Qos("best_effort")),
    "depth": Endpoint(NODE, "/depth/image", IMAGE),
}
READS = {
    "image": Endpoint(NODE, "/image", IMAGE, Qos("best_effort")),
    "info": Endpoint(NODE, "/info", INFO, Qos("best_effort")),
    "depth": Endpoint(SLAM, "/depth/image", IMAGE),
}


def image(number, **changes):
    seen = ImageSeen(number, 50 + number * PERIOD_S, "optical", 64, 48, 64 * 48 * 3)
    return replace(seen, **changes)


def info(number, **changes):
    return replace(InfoSeen(number, 50 + number * PERIOD_S, "optical", ((64, 48),), True, False), **changes)


def depth(number, **changes):
    return replace(DepthSeen(number, 50 + number * PERIOD_S + LATENCY_S, "32FC1", 2.5), **changes)


MAKERS = {"images": image, "infos": info, "depths": depth}
HEALTHY = Observations(
    duration_s=3.0, node=NODE, image_topic="/image", camera_info_topic="/info", depth_topic="/depth/image",
    publishers=tuple(ENDS.values()), subscribers=tuple(READS.values()), images=tuple(map(image, range(30))),
    infos=tuple(map(info, range(30))), depths=tuple(map(depth, range(29))), segments_bytes=(70_000_000,),
)  # fmt: skip


def diagnosed(**changes):
    return diagnose(replace(HEALTHY, **changes))


def found(**changes):
    (finding,) = diagnosed(**changes)
    return finding.name, f"{finding.what}; {finding.fix}"


def all_of(make, count=30, **changes):
    return tuple(make(number, **changes) for number in range(count))
