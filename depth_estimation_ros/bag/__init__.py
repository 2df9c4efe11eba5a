"""Recorded bags and depth, without ROS: needs the package rosbags."""

from depth_estimation_ros.bag.recording import Topics
from depth_estimation_ros.bag.run import Report, add_depth, write_files

__all__ = ["Report", "Topics", "add_depth", "write_files"]
