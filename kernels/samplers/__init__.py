"""Samplers: from noise to trajectories through any denoiser. One file a rule; loops in `drawing`."""
