"""What `scripts/faults` runs: the scenarios of tests/faults, longer and with more talk."""
