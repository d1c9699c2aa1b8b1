"""The sketch canvas: curves, shapes, tools and the clauses below it."""
