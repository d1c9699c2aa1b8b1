"""Semantics of events: C(x) of a tree on a layout, the truth, and the deciding part."""
