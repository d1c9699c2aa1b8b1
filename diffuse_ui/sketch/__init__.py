"""Parts and shapes of an event: found in its tree, drawn by hand, changed by dragging."""
