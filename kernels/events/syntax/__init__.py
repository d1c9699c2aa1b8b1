"""Syntax of events: the tree, and its text, JSON, Python and English forms."""
