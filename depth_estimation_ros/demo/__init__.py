"""`make demo`: camera, node and viewer as three processes over real DDS, with a supervisor that reports and judges.

Run as `python -m depth_estimation_ros.demo`. `sources`, `room` and `tally` are pure; `camera` and `viewer` know rclpy.
"""
