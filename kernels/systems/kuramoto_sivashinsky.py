"""Kuramoto–Sivashinsky equation: a chaotic field at 64 points of a ring of length 22.

    ∂u/∂time = −u ∂u/∂s − ∂²u/∂s² − ∂⁴u/∂s⁴,   u(s + L) = u(s),   L = 22,   mean of u = 0.

Long waves grow, short ones are damped, and the nonlinearity carries energy from the ones to the others.
At L = 22 the flow is chaotic, with a leading Lyapunov exponent of about 0.043 (Cvitanović, Davidchack
and Siminos, SIAM J. Appl. Dyn. Syst. 9, 1 (2010)). Observed are u0 … u63, uⱼ = u(j L / 64), and as an
observable the `energy`, the mean of u²/2 over the ring.

Fourier modes q = 2π n / L make the linear part diagonal, q² − q⁴, down to −6900 for the shortest wave:
an explicit step would have to be smaller than 4e-4. Steps are ETDRK4 (Cox and Matthews 2002), which is
exact in the linear part, with coefficients by the contour integrals of Kassam and Trefethen (SIAM J. Sci.
Comput. 26, 1214 (2005)), in double precision before they are rounded.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from kernels.systems.base import State, Stepper, System

__all__ = ["KURAMOTO_SIVASHINSKY"]

NUM_POINTS = 64
LENGTH = 22.0
WAVENUMBERS = 2.0 * np.pi / LENGTH * np.arange(NUM_POINTS // 2 + 1)
GROWTH = WAVENUMBERS**2 - WAVENUMBERS**4
NUM_ROOTS = 64  # points of the contour; the integrand is periodic, so the sum converges exponentially
NUM_INITIAL = 4  # longest waves, from which a field starts


def _slope(wavenumbers: np.ndarray) -> np.ndarray:
    """Factor i q of a derivative; 0 for the shortest wave, which is 0 at the grid points."""
    return 1j * np.where(np.arange(wavenumbers.size) < wavenumbers.size - 1, wavenumbers, 0.0)


SLOPE = _slope(WAVENUMBERS).astype(np.complex64)


def vector_field(u: Float[Array, "64"]) -> Float[Array, "64"]:
    modes = jnp.fft.rfft(u)
    linear = jnp.asarray(GROWTH, jnp.float32) * modes
    return jnp.fft.irfft(linear + _advection(modes), NUM_POINTS)


def _advection(modes: Array) -> Array:
    """Advection −∂(u²/2)/∂s in Fourier modes."""
    return jnp.asarray(-0.5 * SLOPE) * jnp.fft.rfft(jnp.fft.irfft(modes, NUM_POINTS) ** 2)


def etdrk4(step: float) -> Stepper:
    """Stepper u → u of ETDRK4, one step of length `step`."""
    scaled = step * GROWTH
    roots = scaled[:, None] + np.exp(1j * np.pi * (np.arange(NUM_ROOTS) + 0.5) / NUM_ROOTS)
    grown = np.exp(roots)

    def weight(integrand: np.ndarray) -> Array:
        return jnp.asarray(step * integrand.mean(1).real, jnp.float32)

    full, half = (jnp.asarray(np.exp(share * scaled), jnp.float32) for share in (1.0, 0.5))
    inner = weight((np.exp(roots / 2) - 1.0) / roots)
    first = weight((-4.0 - roots + grown * (4.0 - 3.0 * roots + roots**2)) / roots**3)
    middle = weight((2.0 + roots + grown * (roots - 2.0)) / roots**3)
    last = weight((-4.0 - 3.0 * roots - roots**2 + grown * (4.0 - roots)) / roots**3)

    def advance(u: State) -> State:
        modes = jnp.fft.rfft(u)
        slope = _advection(modes)
        a = half * modes + inner * slope
        slope_a = _advection(a)
        b = half * modes + inner * slope_a
        slope_b = _advection(b)
        c = half * a + inner * (2.0 * slope_b - slope)
        slope_c = _advection(c)
        modes = full * modes + first * slope + 2.0 * middle * (slope_a + slope_b) + last * slope_c
        return jnp.fft.irfft(modes, NUM_POINTS)

    return advance


def draw_initial(key: Array) -> Float[Array, "64"]:
    """Draw a sum of the longest waves, with standard normal amplitudes."""
    amplitudes = jax.random.normal(key, (2, NUM_INITIAL))
    phases = 2.0 * np.pi * np.outer(np.arange(1, NUM_INITIAL + 1), np.arange(NUM_POINTS)) / NUM_POINTS
    waves = np.stack([np.cos(phases), np.sin(phases)]).astype(np.float32)
    return jnp.einsum("kn,kns->s", amplitudes, waves)


def energy(u: Float[Array, "time point"]) -> Float[Array, " time"]:
    """Mean of u²/2 over the ring, at each time."""
    return 0.5 * jnp.mean(u**2, axis=-1)


KURAMOTO_SIVASHINSKY = System(
    name="kuramoto_sivashinsky",
    description="Kuramoto–Sivashinsky equation on a ring of length 22, 64 points (Kassam and Trefethen 2005)",
    variables=tuple(f"u{i}" for i in range(NUM_POINTS)),
    vector_field=vector_field,
    stepper=etdrk4,
    solver="ETDRK4",
    draw_initial=draw_initial,
    step=1.0,
    num_times=32,
    burn_in=300.0,
    substeps=5,
    ring=True,
    observables={"energy": energy},
    parameters={"length": LENGTH, "points": NUM_POINTS},
)
