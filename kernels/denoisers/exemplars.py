"""Reference trajectories for a denoiser: training targets of low variance, and exemplars.

Had x₀ to be one of n trajectories x_i, each as probable as the others, then

    E[x₀ | x₀ + σ ε = x] = Σ w_i x_i / Σ w_i,   w_i ∝ exp(−|x − x_i|² / 2σ²).

The trajectories of a dynamical system with few states have few degrees of freedom, so that at noise levels
of a standard deviation some thousand of them come close to the true law.

*Targets.* A denoiser learns from targets whose mean, given x, is E[x₀ | x]. The trajectory that was made noisy
is one, and nearly all of its loss is scatter that nobody could predict; the mean over references, with that
trajectory among them, is another one with a small part of the scatter (the stable target field of Xu, Tong
and Jaakkola 2023).

*Exemplars.* The same mean over trajectories that the network was not trained on, as an input beside the linear
denoiser: what the network has to learn is by how much that is wrong.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from kernels.diffusion.gaussian import GaussianLaw

__all__ = ["Exemplars", "draw_with_references", "posterior_means"]

Batch = Float[Array, "sample time variable"]

BANDWIDTH = 0.3  # of the kernels, standardised units; exemplars are no help at lower noise levels
RANK = 64  # leading directions of the data in which exemplars are kept


def posterior_means(
    x: Float[Array, "sample *shape"], sigma: Float[Array, " sample"], references: Float[Array, "all *shape"]
) -> Float[Array, "sample *shape"]:
    """Posterior mean E[x₀ | x₀ + σ ε = x] for x₀ uniform over the references.

    Args:
        x: perturbed points.
        sigma: noise level of each.
        references: unperturbed points.
    """
    flat, among = (values.reshape(values.shape[0], -1) for values in (x, references))
    closeness = flat @ among.T - 0.5 * jnp.sum(among**2, axis=-1)
    weights = jax.nn.softmax(closeness / sigma[:, None] ** 2, axis=-1)
    return (weights @ among).reshape(x.shape)


def draw_with_references(
    key: PRNGKeyArray, data: Float[Array, "all time variable"], size: int, num_references: int
) -> tuple[Batch, Batch]:
    """Draw a batch from references, which are neighbours in an ensemble without order.

    Args:
        key: random key.
        data: the ensemble.
        size: of the batch.
        num_references: at most; all of the ensemble where that is smaller.
    """
    place_key, batch_key = jax.random.split(key)
    num_references = min(num_references, data.shape[0])
    place = jax.random.randint(place_key, (), 0, data.shape[0] - num_references + 1)
    references = jax.lax.dynamic_slice_in_dim(data, place, num_references)
    return references[jax.random.randint(batch_key, (size,), 0, num_references)], references


class Exemplars(NamedTuple):
    """Kernel density of trajectories in the leading directions of their Gaussian law.

    Attributes:
        points: coordinates along those directions, that of the largest variance last.
    """

    points: Float[Array, "exemplar rank"]

    @classmethod
    def of(cls, x0: Float[np.ndarray, "exemplar time variable"], law: GaussianLaw) -> "Exemplars":
        """Exemplars from trajectories in standardised units."""
        offsets = (np.asarray(x0) - np.asarray(law.mean)).reshape(len(x0), -1)
        return cls(jnp.asarray(offsets @ np.asarray(law.basis)[:, -RANK:], jnp.float32))

    def correction(self, x: Batch, sigma: Float[Array, "*batch"], linear: Batch, law: GaussianLaw) -> Batch:
        """Denoiser of the kernel density minus the linear one, in the leading directions.

        Args:
            x: perturbed trajectories.
            sigma: noise level, one for all or (sample,).
            linear: the linear denoiser's answer.
            law: whose directions these are.
        """
        basis = law.basis[:, -self.points.shape[1] :]
        noisy, guess = ((values - law.mean).reshape(len(x), -1) @ basis for values in (x, linear))
        square = jnp.broadcast_to(sigma, (len(x),)) ** 2
        among = posterior_means(noisy, jnp.sqrt(square + BANDWIDTH**2), self.points)
        share = (square / (square + BANDWIDTH**2))[:, None]
        return ((noisy + share * (among - noisy) - guess) @ basis.T).reshape(x.shape)
