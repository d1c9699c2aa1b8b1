"""The app's views, one a file; each is built once for a window and updated afterwards."""
