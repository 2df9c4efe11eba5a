"""The paper's experiments by one command: runs that fit a budget of time, their findings, and a report."""
