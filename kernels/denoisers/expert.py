"""Denoiser of two networks: an expert for a range of noise levels, a general one elsewhere.

What a trajectory does is decided at noise levels of a few standard deviations, its fine shape at levels
a thousand times lower, and one network of a size that draws fast has not the weights for both (expert
denoisers: Balaji et al. 2022, eDiff-I). Drawing costs what it did, since each evaluation is of one network.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from kernels.denoisers.network import NetworkDenoiser

__all__ = ["ExpertDenoiser"]

Batch = Float[Array, "sample time variable"]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class ExpertDenoiser:
    """Denoiser that evaluates one of two networks, chosen by the noise level.

    Attributes:
        general: for every noise level.
        expert: for those of `levels`; same architecture, same law.
        levels: lowest and highest σ of the expert, both included.
    """

    general: NetworkDenoiser
    expert: NetworkDenoiser
    levels: tuple[float, float] = dataclasses.field(metadata={"static": True})

    @property
    def law(self) -> Any:
        """Mean and covariance of the data, standardised units."""
        return self.general.law

    @property
    def epsilon_scale(self) -> Float[Array, ""] | None:
        """Factor of the noise estimates of both networks."""
        return self.general.epsilon_scale

    def scaled(self, epsilon_scale: float | None) -> "ExpertDenoiser":
        """Pair of networks with another factor of the noise estimates."""
        general, expert = (network.scaled(epsilon_scale) for network in (self.general, self.expert))
        return dataclasses.replace(self, general=general, expert=expert)

    def at_level(self, sigma: Any) -> NetworkDenoiser:
        """Network for one noise level, in the form that this machine evaluates fastest."""
        return (self.expert if bool(self._knows(sigma)) else self.general).at_level(sigma)

    def denoise(self, x: Batch, sigma: Any) -> Batch:
        """Denoise; one level for all samples costs one network, a level per sample costs both.

        The level may be traced.
        """
        if jnp.size(sigma) > 1:
            chosen = self._knows(sigma)[:, None, None]
            return jnp.where(chosen, self.expert.denoise(x, sigma), self.general.denoise(x, sigma))
        chosen = jnp.reshape(self._knows(sigma), ())
        params = jax.tree.map(
            lambda expert, general: jnp.where(chosen, expert, general),
            self.expert.params,
            self.general.params,
        )
        return dataclasses.replace(self.general, params=params).denoise(x, sigma)

    def _knows(self, sigma: Any) -> Any:
        low, high = map(np.float32, self.levels)
        return (sigma >= low) & (sigma <= high)
