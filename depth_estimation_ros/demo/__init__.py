"""`make demo`: camera, node and viewer as three processes over real DDS, with a supervisor that reports and judges.

`supervisor` is the first to read. Only `camera`, `viewer` and `graph` know rclpy.
"""
