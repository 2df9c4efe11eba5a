"""The node `depth_estimator`: images in, depth out. Parameters, life cycle and process; what it holds is in `session`.

One thread spins and only stores messages; the worker's decodes, predicts and publishes. Between them is a mailbox of
one slot, so the depth is always that of the newest image.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import rclpy
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter

from depth_estimation_ros.declaration import declare_parameters, declared_values
from depth_estimation_ros.diagnostics import Diagnostics
from depth_estimation_ros.health import Health, resting
from depth_estimation_ros.joining import join
from depth_estimation_ros.parameters import SPECS, ParameterError, validate
from depth_estimation_ros.session import Session
from depth_estimation_ros.stopping import Stop
from depth_models.errors import DepthModelsError

NAME = "depth_estimator"
REPORT_PERIOD_S = 5.0
STOP_PERIOD_S = 0.2  # how often an idle node looks whether a signal came


class DepthNode(LifecycleNode):
    """Holds a `Session` while it is configured, and publishes its diagnostics in every state.

    Args:
        loading: around the loading of the network, which takes long and may be left half done when the process ends.

    Raises:
        ParameterError: a parameter given at start is unknown or out of range.
    """

    def __init__(self, loading: Callable[[], AbstractContextManager] = nullcontext) -> None:
        super().__init__(NAME, automatically_declare_parameters_from_overrides=True)
        self._loading = loading
        self._session: Session | None = None
        self._resting, self._problem = "unconfigured", ""  # state without a session, and why it could not be left
        declare_parameters(self)
        self.add_on_set_parameters_callback(self._check_parameters)
        self.add_post_set_parameters_callback(self._apply_parameters)
        # Steady time goes on when ROS time stops or jumps.
        self.create_timer(REPORT_PERIOD_S, self._report, clock=Clock(clock_type=ClockType.STEADY_TIME))
        Diagnostics(self, self._health)

    def _check_parameters(self, changes: list[Parameter]) -> SetParametersResult:
        values = {p.name: p.value for p in changes if p.name in SPECS}
        try:
            validate(values)
        except ParameterError as error:
            return SetParametersResult(successful=False, reason=str(error))
        fixed = [n for n, value in values.items() if not SPECS[n].live and value != self.get_parameter(n).value]
        if fixed and self._session is not None:
            reason = f"{', '.join(fixed)} is read when the node is configured: call the transition cleanup first"
            return SetParametersResult(successful=False, reason=reason)
        return SetParametersResult(successful=True)

    def _apply_parameters(self, changes: list[Parameter]) -> None:
        if self._session is not None:
            self._session.apply(declared_values(self))

    def _report(self) -> None:
        if self._session is not None:
            self._session.report()

    def _health(self) -> Health:
        return resting(self._resting, self._problem, {}) if self._session is None else self._session.health()

    # Life cycle

    def start(self) -> bool:
        """Configure and activate; returns whether both worked."""
        success = TransitionCallbackReturn.SUCCESS
        return self.trigger_configure() == success and self.trigger_activate() == success

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the network, then join the graph."""
        self._problem = ""
        try:
            with self._loading():
                self._session = Session(self, declared_values(self))
        except DepthModelsError as error:
            self._problem = f"cannot configure: {error}"
        except Exception as error:  # rclpy would swallow it; a driver or an out-of-memory error must be seen
            self._problem = f"cannot configure: {type(error).__name__}: {error}"
        if self._problem:
            self.get_logger().error(self._problem)
            return TransitionCallbackReturn.FAILURE
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start to answer images."""
        super().on_activate(state)
        assert self._session is not None  # it is configured
        try:
            self._session.activate()
        except Exception as error:  # rclpy would swallow it and call on_error
            self._problem = f"cannot activate: {type(error).__name__}: {error}"
            raise
        return TransitionCallbackReturn.SUCCESS

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Answer the image in work, then no other; the network stays loaded."""
        if self._session is not None:
            self._session.deactivate()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Leave the graph and free the network."""
        self._release()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """As cleanup, from any state, for good."""
        self._release()
        self._resting = "finalized"
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """As cleanup, after a transition that raised; the node can be configured again."""
        self._problem = self._problem or f"a transition from the state {state.label!r} failed"
        self.get_logger().error(f"{self._problem}; the node is unconfigured")
        self._release()
        return TransitionCallbackReturn.SUCCESS

    # rclpy has no other place for this: its services call the private method by its mangled name.
    def _LifecycleNodeMixin__change_state(self, transition_id: int) -> TransitionCallbackReturn:
        """Refuse a transition that the state does not have; before Kilted rclpy raises then, and the node would end."""
        try:
            return super()._LifecycleNodeMixin__change_state(transition_id)  # type: ignore[misc]
        except RuntimeError as error:  # rclpy's RCLError is one
            self.get_logger().error(f"refused: {error}")
            return TransitionCallbackReturn.FAILURE

    def destroy_node(self) -> None:
        """Stop the worker, then destroy."""
        if self._session is not None:
            self._session.deactivate()
        super().destroy_node()

    def _release(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None


def main(args: list[str] | None = None) -> int:
    """Run the node until SIGINT or SIGTERM.

    Returns:
        0 after a clean stop; 1 if a parameter is refused, the automatic start fails, the package is not whole or ROS
        cannot be joined (security without its keys); 2 for bad ROS arguments.
    """
    stop = Stop()
    if status := join("depth_node", args):
        return status
    try:
        return _run(stop)
    except ParameterError as error:
        rclpy.logging.get_logger(NAME).fatal(str(error))
        return 1
    finally:
        rclpy.try_shutdown()
        stop.end()


def _run(stop: Stop) -> int:
    try:
        node = DepthNode(stop.interrupting)
    except RuntimeError as error:  # rcl's: the middleware cannot be used as its environment asks for
        rclpy.logging.get_logger(NAME).fatal(f"cannot join ROS: {error}")
        return 1
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
    except KeyboardInterrupt:  # by `stop`, while the network was loading
        return 0
    finally:
        stop.begin()
        node.destroy_node()
        executor.shutdown()


if __name__ == "__main__":
    raise SystemExit(main())
