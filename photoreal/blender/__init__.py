"""What knows Blender; imported by the worker alone."""
