"""`python -m depth_models`, the same as `depth-models`."""

from depth_models.cli import main

raise SystemExit(main())
