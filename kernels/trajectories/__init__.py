"""Trajectories: what their axes mean, the units of networks, and the boundary to xarray and to files."""
