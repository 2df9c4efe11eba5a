"""What a configured node holds: network, topics, and while it is active the worker between them."""

from __future__ import annotations

from typing import Any

from rclpy.lifecycle import LifecycleNode
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from std_srvs.srv import Trigger

from depth_estimation_ros.anchor_inputs import AnchorInputs
from depth_estimation_ros.anchors import Anchors
from depth_estimation_ros.health import Health, resting, running
from depth_estimation_ros.inputs import Inputs
from depth_estimation_ros.library_log import forwarded
from depth_estimation_ros.model import Model
from depth_estimation_ros.outputs import OUTPUTS, Output
from depth_estimation_ros.parameters import NodeParameters
from depth_estimation_ros.pipeline import NO_SIGMA, DepthFrame, Pipeline
from depth_estimation_ros.scale_keeper import ScaleKeeper
from depth_estimation_ros.statistics import Statistics
from depth_estimation_ros.worker import Worker

LOG_PERIOD_S = 5.0  # the same complaint is not logged more often
MOST_WARNINGS = 20  # different ones of a camera_info, whose numbers a broken driver may change with every image
_RELIABILITY = {"reliable": ReliabilityPolicy.RELIABLE, "best_effort": ReliabilityPolicy.BEST_EFFORT}


class Session:
    """Loads the network, then joins the graph; `close` undoes both.

    Args:
        node: on whose behalf.
        values: its parameters; later ones come by `apply`.

    Raises:
        DepthModelsError: the network cannot be loaded.
    """

    def __init__(self, node: LifecycleNode, values: NodeParameters) -> None:
        self._node, self._values = node, values
        self._warned: set[str] = set()  # reasons against a camera_info
        self._worker: Worker | None = None  # there while active
        self._statistics = Statistics()  # since it was activated
        self._inputs: Inputs | None = None
        self._outputs: list[Output] = []
        with forwarded(node.get_logger()):
            self._model = Model.load(values)
        self._anchors = Anchors(values, self._warn_of_anchor)
        self._scale = ScaleKeeper(values.steady_scale, self._anchors)
        self._anchor_inputs: AnchorInputs | None = None
        self._reset_scale: Any = None  # the service
        self._pipeline = Pipeline(
            self._model,
            values.depth_encoding,
            values.max_depth,
            self._warn_of_camera_info,
            values.edge_filter,
            values.rectify,
            values.max_relative_sigma,
            self._scale,
        )
        try:
            self._join(values)
        except BaseException:
            self.close()
            raise

    def _join(self, values: NodeParameters) -> None:
        qos = _qos(values.depth_reliability, values.depth_queue)
        for output in OUTPUTS:
            self._outputs.append(output(self._node, qos))
        qos = _qos(values.image_reliability, depth=1)
        self._inputs = Inputs(self._node, values.image_transport, qos, self._on_image)
        self._anchor_inputs = AnchorInputs(self._node, self._anchors)
        self._reset_scale = self._node.create_service(Trigger, "~/reset_scale", self._on_reset_scale)
        facts = self._model.description()
        self._node.get_logger().info(
            f"loaded {facts['model']} from {facts['weights']} on {facts['device']} "
            f"({facts['backend']}, {facts['precision']}); images come from {self._inputs.image_topic}"
        )

    def activate(self) -> None:
        """Answer images from now on."""
        self._statistics = Statistics()
        self._worker = Worker(self._predict, self._outputs, self._statistics, self, self._ros_time_ns)
        self.apply(self._values)

    def deactivate(self) -> None:
        """Answer the image in work and no other; the network stays loaded."""
        if self._worker is not None:
            self._worker.stop()
            self._worker = None
            self.report()

    def close(self) -> None:
        """Leave the graph."""
        self.deactivate()
        if self._inputs is not None:
            self._inputs.destroy()
        if self._anchor_inputs is not None:
            self._anchor_inputs.destroy()
            self._anchor_inputs = None
        if self._reset_scale is not None:
            self._node.destroy_service(self._reset_scale)
            self._reset_scale = None
        for output in self._outputs:
            output.destroy()
        self._inputs, self._outputs = None, []

    def apply(self, values: NodeParameters) -> None:
        """Use new values of the live parameters."""
        self._values = values
        pipeline, worker = self._pipeline, self._worker
        pipeline.encoding, pipeline.max_depth = values.depth_encoding, values.max_depth
        pipeline.edge_filter, pipeline.max_relative_sigma = values.edge_filter, values.max_relative_sigma
        self._scale.steady, self._anchors.parameters = values.steady_scale, values
        if worker is not None:
            worker.max_age, worker.max_rate = values.max_age, values.max_rate

    def health(self) -> Health:
        """How it goes."""
        model = self._model.description()
        if self._worker is None:
            return resting("inactive", "", model)
        return running(self._statistics.snapshot(), self._values, model | self._scale.facts())

    def report(self) -> None:
        """Log what happened since the last report, if anything did."""
        if line := self._statistics.take_line():
            self._node.get_logger().info(line)

    def refused(self, text: str) -> None:
        """Log that an image could not be used, now and then."""
        topic = self._inputs.image_topic if self._inputs is not None else "image"
        self._node.get_logger().warning(f"{topic}: {text}", throttle_duration_sec=LOG_PERIOD_S)

    def failed(self, text: str) -> None:
        """Log that an image got no depth through no fault of its own, now and then."""
        self._node.get_logger().error(text, throttle_duration_sec=LOG_PERIOD_S)

    def _on_image(self, message: Any) -> None:
        if self._worker is not None:
            self._worker.take(message)

    def _predict(self, image: Any) -> DepthFrame:
        frame = self._pipeline(image, self._inputs.camera_info if self._inputs is not None else None)
        if frame.predicted.sigma_metres is None and self._values.max_relative_sigma > 0:
            self._node.get_logger().warning(f"max_relative_sigma is without effect: {NO_SIGMA}", once=True)
        return frame

    def _warn_of_anchor(self, reason: str) -> None:
        self._node.get_logger().warning(reason, throttle_duration_sec=LOG_PERIOD_S)

    def _on_reset_scale(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._scale.reset()
        response.success, response.message = True, "the scale begins anew with the next image"
        return response

    def _ros_time_ns(self) -> int:
        return self._node.get_clock().now().nanoseconds

    def _warn_of_camera_info(self, reason: str) -> None:
        if reason not in self._warned and len(self._warned) < MOST_WARNINGS:
            self._warned.add(reason)
            self._node.get_logger().warning(f"{self._node.resolve_topic_name('camera_info')}: {reason}")


def _qos(reliability: str, depth: int) -> QoSProfile:
    return QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=depth, reliability=_RELIABILITY[reliability])
