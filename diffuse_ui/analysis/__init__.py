"""An ensemble given the event beside one without it: arrays, curves, scenes, tables."""
