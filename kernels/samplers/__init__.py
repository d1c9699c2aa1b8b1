"""Samplers: from noise to trajectories through any denoiser; the loops are in `sampling`.

There is one file per kind of rule.
"""
