"""Runs: one specification, one stream of snapshots, the same numbers for everyone who asks."""
