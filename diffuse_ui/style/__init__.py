"""Colours, and numbers as people write them."""
