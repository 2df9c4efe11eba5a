"""The node `depth_estimator`: images in, depth out. The thin layer that knows rclpy; the work is in `pipeline`.

One thread spins and only stores messages; one worker thread decodes, predicts and publishes. Between them is a mailbox
of one slot, so the depth is always that of the newest image.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from dataclasses import dataclass

import rclpy
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CameraInfo, Image

from depth_estimation_ros.conversions import MessageError
from depth_estimation_ros.declaration import declare_parameters, declared_values
from depth_estimation_ros.fastdds import use_profile
from depth_estimation_ros.outputs import OUTPUTS, Output
from depth_estimation_ros.parameters import SPECS, NodeParameters, ParameterError, validate
from depth_estimation_ros.pipeline import Mailbox, Pipeline, Statistics
from depth_models.errors import DepthModelsError

NAME = "depth_estimator"
REPORT_PERIOD_S = 5.0
STOP_PERIOD_S = 0.2  # how often an idle node looks whether a signal came
_RELIABILITY = {"reliable": ReliabilityPolicy.RELIABLE, "best_effort": ReliabilityPolicy.BEST_EFFORT}


@dataclass(frozen=True)
class _Arrival:
    image: Image
    time_s: float  # monotonic


class DepthNode(LifecycleNode):
    """Subscribes to `image` and `camera_info`, publishes what `OUTPUTS` lists.

    Raises:
        ParameterError: a parameter given at start is unknown or out of range.
    """

    def __init__(self) -> None:
        super().__init__(NAME, automatically_declare_parameters_from_overrides=True)
        self._pipeline: Pipeline | None = None
        self._outputs: list[Output] = []
        self._subscriptions_made: list[rclpy.subscription.Subscription] = []
        self._camera_info: CameraInfo | None = None
        self._mailbox: Mailbox[_Arrival] | None = None  # there while active
        self._worker: threading.Thread | None = None
        self._warned: set[str] = set()  # reasons against a camera_info
        self._statistics = Statistics()
        declare_parameters(self)
        self.add_on_set_parameters_callback(self._on_set_parameters)
        self.create_timer(REPORT_PERIOD_S, self._report, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def _on_set_parameters(self, changes: list[Parameter]) -> SetParametersResult:
        values = {p.name: p.value for p in changes if p.name in SPECS}
        try:
            checked = validate(values)
        except ParameterError as error:
            return SetParametersResult(successful=False, reason=str(error))
        fixed = [name for name in values if not SPECS[name].live]
        if fixed and self._pipeline is not None:
            reason = f"{', '.join(fixed)} is read when the node is configured: call the transition cleanup first"
            return SetParametersResult(successful=False, reason=reason)
        if "max_depth" in values and self._pipeline is not None:
            self._pipeline.max_depth = checked.max_depth
        return SetParametersResult(successful=True)

    # Life cycle

    def start(self) -> bool:
        """Configure and activate; returns whether both worked."""
        success = TransitionCallbackReturn.SUCCESS
        return self.trigger_configure() == success and self.trigger_activate() == success

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the network, then join the graph."""
        try:
            self._configure(declared_values(self))
        except DepthModelsError as error:
            self.get_logger().error(f"cannot configure: {error}")
        except Exception as error:  # rclpy would swallow it; a driver or an out-of-memory error must be seen
            self.get_logger().error(f"cannot configure: {type(error).__name__}: {error}")
        else:
            return TransitionCallbackReturn.SUCCESS
        self._release()
        return TransitionCallbackReturn.FAILURE

    def _configure(self, values: NodeParameters) -> None:
        from depth_models.predictor import DepthPredictor  # torch: seconds

        predictor = DepthPredictor.from_checkpoint(values.checkpoint, values.device, values.backend, values.precision)
        self._pipeline = Pipeline(predictor, values.depth_encoding, values.max_depth, self._warn_of_camera_info)
        qos = _qos(values.depth_reliability, values.depth_queue)
        self._outputs = [output(self, qos) for output in OUTPUTS]
        qos = _qos(values.image_reliability, depth=1)
        self._subscriptions_made = [
            self.create_subscription(Image, "image", self._on_image, qos),
            self.create_subscription(CameraInfo, "camera_info", self._on_camera_info, qos),
        ]
        self.get_logger().info(
            f"loaded {predictor.checkpoint.network} from {predictor.checkpoint.source} on {predictor.device} "
            f"({predictor.precision}); images come from {self.resolve_topic_name('image')}"
        )

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start the worker."""
        super().on_activate(state)
        mailbox: Mailbox[_Arrival] = Mailbox()
        worker = threading.Thread(target=self._work, args=(mailbox, self._pipeline), name="depth worker")
        worker.start()
        self._mailbox, self._worker = mailbox, worker
        return TransitionCallbackReturn.SUCCESS

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop the worker; it finishes the image that it has."""
        self._stop_worker()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Leave the graph and free the network."""
        self._release()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """As cleanup, from any state."""
        self._release()
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """As cleanup, after a transition that raised; the node can be configured again."""
        self.get_logger().error(f"a transition from the state {state.label!r} failed; the node is unconfigured")
        self._release()
        return TransitionCallbackReturn.SUCCESS

    def destroy_node(self) -> None:
        """Stop the worker, then destroy."""
        self._stop_worker()
        super().destroy_node()

    def _stop_worker(self) -> None:
        if self._mailbox is not None and self._worker is not None:
            self._mailbox.close()
            self._worker.join()
        self._mailbox = self._worker = None

    def _release(self) -> None:
        self._stop_worker()
        for subscription in self._subscriptions_made:
            self.destroy_subscription(subscription)
        for output in self._outputs:
            output.destroy()
        self._subscriptions_made, self._outputs, self._pipeline, self._camera_info = [], [], None, None
        self._warned.clear()

    # Messages

    def _on_image(self, message: Image) -> None:
        if self._mailbox is None:
            return
        self._statistics.count("received")
        if self._mailbox.put(_Arrival(message, time.monotonic())):
            self._statistics.count("dropped")

    def _on_camera_info(self, message: CameraInfo) -> None:
        self._camera_info = message

    def _work(self, mailbox: Mailbox[_Arrival], pipeline: Pipeline) -> None:
        while (arrival := mailbox.get()) is not None:
            try:
                self._answer(arrival, pipeline)
            except MessageError as error:
                self._statistics.count("rejected")
                self.get_logger().warning(
                    f"{self.resolve_topic_name('image')}: {error}", throttle_duration_sec=REPORT_PERIOD_S
                )
            except Exception as error:  # whatever it is, the next image may be answered
                self._statistics.count("rejected")
                self.get_logger().error(
                    f"{self.resolve_topic_name('image')}: no depth for this image: {type(error).__name__}: {error}",
                    throttle_duration_sec=REPORT_PERIOD_S,
                )

    def _answer(self, arrival: _Arrival, pipeline: Pipeline) -> None:
        if not any(output.is_wanted() for output in self._outputs):
            self._statistics.count("unheard")
            return
        frame = pipeline(arrival.image, self._camera_info)
        for output in self._outputs:
            output.publish(frame)
        self._statistics.published((time.monotonic() - arrival.time_s) * 1000.0)

    def _warn_of_camera_info(self, reason: str) -> None:
        if reason not in self._warned:
            self._warned.add(reason)
            self.get_logger().warning(f"{self.resolve_topic_name('camera_info')}: {reason}")

    def _report(self) -> None:
        if line := self._statistics.take_line():
            self.get_logger().info(line)


def _qos(reliability: str, depth: int) -> QoSProfile:
    return QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=depth, reliability=_RELIABILITY[reliability])


def main(args: list[str] | None = None) -> int:
    """Run the node until SIGINT or SIGTERM.

    Returns:
        0 after a clean stop; 1 if a parameter is refused, the automatic start fails or the package is not whole; 2 for
        bad ROS arguments.
    """
    # Only a flag: rclpy's own handlers would shut the context down under the running threads, and Python's would raise
    # KeyboardInterrupt anywhere in the clean-up, as a terminal and `ros2 launch` each send a SIGINT.
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        use_profile()
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    except DepthModelsError as error:
        print(f"depth_node: {error}", file=sys.stderr)
        return 1
    except RuntimeError as error:
        print(f"depth_node: bad ROS arguments: {error}", file=sys.stderr)
        return 2
    try:
        return _run(stop)
    except ParameterError as error:
        rclpy.logging.get_logger(NAME).fatal(str(error))
        return 1
    finally:
        rclpy.try_shutdown()


def _run(stop: threading.Event) -> int:
    node = DepthNode()
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    started = executor.create_task(node.start) if node.get_parameter("autostart").value else None
    try:
        while not stop.is_set():
            executor.spin_once(timeout_sec=STOP_PERIOD_S)
            if started is not None and started.done() and not started.result():
                node.get_logger().fatal("the automatic start failed; see above")
                return 1
        return 0
    finally:
        node.destroy_node()
        executor.shutdown()


if __name__ == "__main__":
    raise SystemExit(main())
