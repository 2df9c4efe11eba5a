"""Entry point: watches for signals, then loads the rest."""

from depth_estimation_ros.demo.interrupts import Interrupts

if __name__ == "__main__":
    interrupts = Interrupts()
    from depth_estimation_ros.demo.supervisor import main

    raise SystemExit(main(interrupts))
