"""ROS 2 wrapper of `depth_models`: one lifecycle node, and what it needs to talk to a camera."""
