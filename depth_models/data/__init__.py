"""Data sets: readers, splits, transforms, and the procedural rooms."""
