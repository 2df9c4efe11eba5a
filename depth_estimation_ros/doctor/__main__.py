"""`python -m depth_estimation_ros.doctor`: depth_doctor where there is no `ros2 run`."""

from depth_estimation_ros.doctor.run import main

raise SystemExit(main())
