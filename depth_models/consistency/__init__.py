"""Whether the depth of a sequence agrees with itself over time: its scale, its surfaces, its edges."""
