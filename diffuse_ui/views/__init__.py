"""Views of the app, one in each file; a view is built once in a window, then updated."""
