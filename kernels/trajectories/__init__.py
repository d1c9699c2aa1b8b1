"""Trajectories: their axes, standardised units, and the boundary to xarray and files."""
