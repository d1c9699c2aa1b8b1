"""Exports: code that repeats a run, and files of figures and data."""
