"""Standardizer: the units in which networks see trajectories."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from kernels.diffusion.noise import amplitudes, coloured, log_det, whitened
from kernels.trajectories.margins import Margins

__all__ = ["Standardizer"]


_CHUNK = 65_536  # trajectories standardised together


class Standardizer(NamedTuple):
    """Map between physical units and the network's: x0 = L⁻¹ (x − mean) / scale.

    A variable that drifts, an angle that goes round and round, has no spread to be divided by. Of such a
    variable x is its first value followed by its increments from time to time, which are bounded; the map
    from values to those is linear, its determinant is 1, and each depends on no later time.

    With margins, x stands for the normal scores of the values instead of the values.

    Attributes:
        mean: (variable,), physical units; (score,) with margins.
        scale: (variable,), physical units; (score,) with margins; positive.
        noise: amplitudes of L for structured noise, see `kernels.diffusion.noise`; None is white, L = 1.
        increments: (variable,), 1 for variables seen as increments, else 0; None is 0 for all.
        margins: one-time laws of the variables of a record; None where networks see the values themselves.
    """

    mean: Float[Array, " score"]
    scale: Float[Array, " score"]
    noise: Float[Array, " frequency"] | None = None
    increments: Float[Array, " score"] | None = None
    margins: Margins | None = None

    @property
    def spread(self) -> Float[Array, " variable"]:
        """Standard deviation of each variable, or of its increments, physical units."""
        return self.scale if self.margins is None else self.margins.spread

    @classmethod
    def fit(
        cls, states: np.ndarray, *, noise: str = "white", increments: Sequence[bool] | None = None
    ) -> "Standardizer":
        """Fit mean and standard deviation of each variable of states (…, time, variable).

        Args:
            states: trajectories, physical units.
            noise: colour of the perturbing noise.
            increments: of which variables the network is to see increments; of none unless given.

        Raises:
            ValueError: a variable is constant or not finite, or there is no such noise.
        """
        mask = None if increments is None or not any(increments) else np.asarray(increments, np.float32)
        seen = states if mask is None else np.where(mask > 0, _differences(states, np), states)
        flat = np.asarray(seen, dtype=np.float64).reshape(-1, np.shape(states)[-1])
        mean, scale = flat.mean(0), flat.std(0)
        if not np.all(np.isfinite(mean)) or np.any(~(scale > 0)):
            raise ValueError("every variable must be finite and vary in time; drop the constant ones first.")
        fitted = cls(
            jnp.asarray(mean, jnp.float32),
            jnp.asarray(scale, jnp.float32),
            increments=None if mask is None else jnp.asarray(mask),
        )
        return fitted.with_noise(noise, np.shape(states)[-2])

    @classmethod
    def identity(cls, num_variables: int) -> "Standardizer":
        return cls(jnp.zeros(num_variables, jnp.float32), jnp.ones(num_variables, jnp.float32))

    def with_noise(self, noise: str, num_times: int) -> "Standardizer":
        """Units for noise of another colour. Raises ValueError if there is no such noise."""
        amplitude = amplitudes(noise, num_times)
        return self._replace(noise=None if noise == "white" else jnp.asarray(amplitude, jnp.float32))

    def standardize(self, x: Float[Array, "*batch time variable"]) -> Float[Array, "*batch time score"]:
        if self.margins is not None:
            x = self.margins.scores(x)
        if self.increments is not None:
            x = jnp.where(self.increments > 0, _differences(x, jnp), x)
        x0 = (x - self.mean) / self.scale
        return x0 if self.noise is None else whitened(x0, self.noise)

    def standardize_ensemble(
        self, states: Float[np.ndarray, "sample time variable"]
    ) -> Float[np.ndarray, "sample time score"]:
        """Standardise an ensemble on the host, chunk by chunk, in single precision."""
        chunks = (states[start : start + _CHUNK] for start in range(0, len(states), _CHUNK))
        return np.concatenate(
            [np.asarray(self.standardize(jnp.asarray(chunk, jnp.float32))) for chunk in chunks]
        )

    def unstandardize(self, x0: Float[Array, "*batch time score"]) -> Float[Array, "*batch time variable"]:
        x = x0 if self.noise is None else coloured(x0, self.noise)
        x = x * self.scale + self.mean
        if self.increments is not None:
            x = jnp.where(self.increments > 0, jnp.cumsum(x, axis=-2), x)
        return x if self.margins is None else self.margins.values(x)

    def log_det(self, num_times: int) -> float:
        """Logarithm of |d x0 / d x| for a whole trajectory; densities are per physical unit.

        With margins, densities are per unit of their scores.
        """
        scaled = float(num_times * np.sum(np.log(np.asarray(self.scale, np.float64))))
        if self.noise is None:
            return -scaled
        return -scaled - len(self.scale) * log_det(self.noise, num_times)


def _differences(x: Any, numbers: Any) -> Any:
    """First value and increments from time to time (…, time, variable), by NumPy or JAX."""
    return numbers.concatenate([x[..., :1, :], x[..., 1:, :] - x[..., :-1, :]], axis=-2)
