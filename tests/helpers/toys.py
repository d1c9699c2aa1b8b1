"""Exact toy models."""

import numpy as np

import kernels


def make_toy(variables: tuple[str, ...] = ("x", "y")) -> kernels.Model:
    """Independent AR(1) processes at 16 times, variance 1 and 4 in turn, as an exact Gaussian model."""
    times = np.arange(16) * 0.5
    correlation = 0.8 ** np.abs(np.subtract.outer(np.arange(16), np.arange(16)))
    covariance = np.kron(
        correlation, np.diag([1.0, 4.0] * len(variables))[: len(variables), : len(variables)]
    )
    layout = kernels.Layout(variables=variables, times=times, time_units="s", variable_units={"x": "m"})
    denoiser = kernels.GaussianDenoiser(np.zeros((16, len(variables))), covariance)
    return kernels.Model.from_denoiser(denoiser, layout, card={"name": "toy"})
