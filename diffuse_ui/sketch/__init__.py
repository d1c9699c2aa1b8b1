"""Parts and shapes of an event: how they are found in its tree, drawn by hand, and changed by dragging."""
