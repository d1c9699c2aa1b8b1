"""Result tabs, one in each file: the computation on a result, and its display."""
