"""How the package's programs join ROS, and what they say when they cannot."""

from __future__ import annotations

import sys

import rclpy
from rclpy.signals import SignalHandlerOptions

from depth_estimation_ros.fastdds import use_profile
from depth_models.errors import DepthModelsError


def join(program: str, args: list[str] | None) -> int:
    """Initialise rclpy under the package's Fast DDS profile and without its signal handlers; else say why not.

    Args:
        program: for messages, which go to standard error.
        args: command line; None for that of the process.

    Returns:
        The exit status: 0 if ROS is joined; 1 if the package is not whole or security lacks its keys; 2 for bad ROS
        arguments.
    """
    try:
        use_profile()
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    except DepthModelsError as error:
        print(f"{program}: {error}", file=sys.stderr)
        return 1
    except RuntimeError as error:
        is_security = "SECURITY" in str(error)  # no keystore or no enclave; rcl has one type for all errors
        print(f"{program}: {'ROS security' if is_security else 'bad ROS arguments'}: {error}", file=sys.stderr)
        return 1 if is_security else 2
    return 0
