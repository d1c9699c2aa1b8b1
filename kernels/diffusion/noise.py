"""Covariance Σ of the perturbing noise over time: white, pink or brown.

    x_σ = x₀ + σ L ε,   Σ = L Lᵀ,   L = F⁻¹ diag(a) F   (circulant, symmetric, positive)

with amplitudes a(f) ∝ f^(−α/2) at the Fourier frequencies of a trajectory: α = 0 white, 1 pink, 2
brown; a(0) = a(f₁), and Σ a² over all frequencies is such that each coordinate has unit variance.

Noise of covariance Σ is white noise in the coordinates L⁻¹ x. So nothing that samples, guides or
weights knows of Σ: the `Standardizer` carries L, and standardised trajectories are whitened ones.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

__all__ = ["NOISES", "amplitudes", "coloured", "log_det", "whitened"]

Trajectories = Float[Array | np.ndarray, "*batch time variable"]
Amplitudes = Float[Array | np.ndarray, " frequency"]
NOISES = {"white": 0.0, "pink": 1.0, "brown": 2.0}  # α: power falls as f^−α


def amplitudes(noise: str, num_times: int) -> Float[np.ndarray, " frequency"]:
    """Amplitudes a(f) at the `num_times // 2 + 1` frequencies of a real Fourier transform.

    Raises:
        ValueError: no such noise.
    """
    if noise not in NOISES:
        raise ValueError(f"`noise` must be one of {', '.join(NOISES)}; got {noise!r}.")
    frequencies = np.maximum(np.arange(num_times // 2 + 1), 1.0)
    power = frequencies ** -NOISES[noise]
    return np.sqrt(power * num_times / np.sum(power * _multiplicities(num_times)))


def _multiplicities(num_times: int) -> Float[np.ndarray, " frequency"]:
    """Multiplicity of each frequency in the full Fourier transform, 1 or 2.

    Frequency 0 and the highest one of an even length occur once.
    """
    counts = np.full(num_times // 2 + 1, 2.0)
    counts[0] = 1.0
    if num_times % 2 == 0:
        counts[-1] = 1.0
    return counts


def coloured(x: Trajectories, amplitude: Amplitudes) -> Float[Array, "*batch time variable"]:
    """Map whitened trajectories x to L x, with coloured noise."""
    spectrum = jnp.fft.rfft(x, axis=-2) * amplitude[:, None]
    return jnp.fft.irfft(spectrum, n=x.shape[-2], axis=-2).astype(x.dtype)


def whitened(x: Trajectories, amplitude: Amplitudes) -> Float[Array, "*batch time variable"]:
    """Map trajectories x to L⁻¹ x, in which the noise is white."""
    return coloured(x, 1.0 / amplitude)


def log_det(amplitude: Amplitudes, num_times: int) -> float:
    """Logarithm of |det L| for one variable."""
    return float(np.sum(_multiplicities(num_times) * np.log(np.asarray(amplitude, np.float64))))
