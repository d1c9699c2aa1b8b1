"""Semantics of events: from a tree and a layout to C(x), whether it holds, and which part decided."""
