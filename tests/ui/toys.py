"""Exact toy models."""

import numpy as np

import kernels


def make_toy() -> kernels.Model:
    """Two independent AR(1) processes at 16 times, variance 1 and 4, as an exact Gaussian model."""
    times = np.arange(16) * 0.5
    correlation = 0.8 ** np.abs(np.subtract.outer(np.arange(16), np.arange(16)))
    covariance = np.kron(correlation, np.diag([1.0, 4.0]))
    layout = kernels.Layout(variables=("x", "y"), times=times, time_units="s", variable_units={"x": "m"})
    denoiser = kernels.GaussianDenoiser(np.zeros((16, 2)), covariance)
    return kernels.Model.from_denoiser(denoiser, layout, card={"name": "toy"})
