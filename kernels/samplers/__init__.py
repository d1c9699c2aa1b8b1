"""Samplers: from noise to trajectories through any denoiser. One file a kind of rule; loops in `drawing`."""
