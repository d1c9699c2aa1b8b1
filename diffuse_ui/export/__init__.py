"""Exports: code that makes a run again, and files of figures and data."""
