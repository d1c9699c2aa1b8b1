"""Between drawing and event: shapes, gestures that make them, edits that change them."""
