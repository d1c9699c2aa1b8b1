"""Comparison of an ensemble given the event with one without it: arrays, curves, tables."""
