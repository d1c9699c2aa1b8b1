"""Diffusion: noise schedules, the noise's covariance, and the Gaussian perturbation kernel."""
