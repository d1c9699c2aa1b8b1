"""Models of trajectories: a denoiser, the meaning of axes and units, and a card."""

import dataclasses
import functools
import hashlib
import zlib
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kernels.denoisers.base import Denoiser
from kernels.denoisers.conditional import ConditionalDenoiser
from kernels.denoisers.forecast import ForecastDenoiser
from kernels.denoisers.starts import NUM_STARTS, DrawnStarts, drawn_starts
from kernels.diffusion.gaussian import GaussianLaw
from kernels.diffusion.schedules import SIGMA_MAX, SIGMA_MIN
from kernels.names import shown
from kernels.recordings.conditions import Conditions
from kernels.recordings.when import When, parse_when
from kernels.recordings.windows import Segment
from kernels.systems import available_systems
from kernels.trajectories.layout import Layout
from kernels.trajectories.standardizer import Standardizer

__all__ = ["Model"]

_DRAWING = (ConditionalDenoiser, DrawnStarts)  # denoisers whose samples draw more than a trajectory
DEFAULT_NUM_STEPS = 30  # network evaluations of the ODE where the card has measured nothing better


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True, eq=False)
class _Opaque:
    """Denoiser that is no pytree: its numbers become constants of the compiled program."""

    denoiser: Denoiser

    def denoise(self, x: Any, sigma: Any) -> Any:
        return self.denoiser.denoise(x, sigma)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Model:
    """Diffusion model of trajectories.

    Attributes:
        denoiser: D(x, σ) in standardised units.
        layout: names, times, units and observables of a trajectory.
        standardizer: physical ↔ standardised units.
        initial: mean and covariance of the data, standardised; a sampler starts from this law plus noise.
        card: what is known about the model; JSON-able. `name`, `system`, `num_steps`, `ode_levels` are read
            by programs.
        held_out: of a model of a recording, the part of it that was held out; the event's frequency there is
            what the model's probability is compared with.
        training_data: the part that it was trained on, for the frequency that a perfect model of it would give;
            None where the model was saved without.
        conditions: of a model of a recording with seasons or covariates, what its samples draw theirs from.
    """

    denoiser: Denoiser | ForecastDenoiser | ConditionalDenoiser | DrawnStarts
    layout: Layout
    standardizer: Standardizer
    initial: GaussianLaw
    card: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    held_out: Segment | None = None
    training_data: Segment | None = None
    conditions: Conditions | None = None

    def __post_init__(self) -> None:
        _ = self.ode_levels  # raises ValueError for a damaged card

    @classmethod
    def from_denoiser(
        cls,
        denoiser: Any,
        layout: Layout,
        *,
        card: Mapping[str, Any] | None = None,
        noise: str = "white",
    ) -> "Model":
        """Model from a denoiser in physical units, without training.

        A denoiser that knows its moments (`moments()`, `standardized(standardizer)`) is standardised;
        any other is taken to work in units in which each variable has a mean of about 0 and a spread of
        about 1: drawing starts there, and events are in these units.

        Args:
            denoiser: anything with `denoise(x, sigma)` in JAX, E[x₀ | x₀ + σ ε = x] for x of shape (sample, time,
                variable) and σ a number or (sample,); in physical units if it knows its moments.
            layout: what the axes of its trajectories mean.
            card: what is known about the model.
            noise: colour of the perturbing noise, see `kernels.diffusion.noise`; other than white for
                denoisers that know their moments only.

        Raises:
            ValueError: the denoiser's trajectories have another shape than the layout's, or no such noise.
        """
        if hasattr(denoiser, "moments"):
            mean, covariance = denoiser.moments()
            if mean.shape != layout.shape:
                raise ValueError(
                    f"`layout` must have the denoiser's shape {mean.shape} (time, variable); "
                    f"got {layout.shape}."
                )
            spread = np.sqrt(np.diag(covariance).reshape(layout.shape).mean(0) + mean.var(0))
            standardizer = Standardizer(
                jnp.asarray(mean.mean(0), jnp.float32),
                jnp.asarray(np.where(spread > 0, spread, 1.0), jnp.float32),
            ).with_noise(noise, layout.num_times)
            denoiser = denoiser.standardized(standardizer)
            initial = GaussianLaw.from_moments(*denoiser.moments())
        elif noise != "white":
            raise ValueError(f"`noise` must be white for a denoiser without `moments()`; got {noise!r}.")
        else:
            standardizer = Standardizer.identity(layout.num_variables)
            initial = GaussianLaw.from_moments(
                np.zeros(layout.shape), np.eye(layout.num_times * layout.num_variables)
            )
        if jax.tree_util.all_leaves([denoiser]):
            denoiser = _Opaque(denoiser)
        return cls(
            denoiser=denoiser, layout=layout, standardizer=standardizer, initial=initial, card=card or {}
        )

    @property
    def name(self) -> str:
        return str(self.card.get("name", type(self.denoiser).__name__))

    @property
    def system(self) -> str | None:
        """Name of the system whose trajectories are modelled, if that system is registered."""
        name = self.card.get("system")
        return name if name in available_systems() else None

    @property
    def num_steps(self) -> int:
        """Network evaluations for a trajectory by the ODE, as measured in the card."""
        return int(self.card.get("num_steps", DEFAULT_NUM_STEPS))

    @property
    def ode_levels(self) -> tuple[float, float]:
        """Noise levels σ_max and σ_min of the ODE, standardised units.

        They are narrower than all levels where the card has measured them. Above σ_max the samples have the
        Gaussian law of the data's moments plus noise, which is near enough where the noise hides the rest of the
        law; below σ_min nothing is left to decide.
        """
        levels = self.card.get("ode_levels", [SIGMA_MAX, SIGMA_MIN])
        numbers = isinstance(levels, list) and all(isinstance(level, int | float) for level in levels)
        if not numbers or len(levels) != 2 or not 0 < levels[1] < levels[0]:
            raise ValueError(
                f"`ode_levels` in the card of {self.name} must be two noise levels, the higher first; "
                f"got {shown(levels)}."
            )
        return float(levels[0]), float(levels[1])

    @property
    def num_known(self) -> int:
        """Number of first states that a forecasting model has to be given; else 0."""
        return self.denoiser.num_known if isinstance(self.denoiser, ForecastDenoiser) else 0

    def given_start(self, states: np.ndarray) -> "Model":
        """Model given the first states that a forecasting model starts from.

        Args:
            states: (known, variable) for all samples, or (sample, known, variable), one start for each sample of the
                batches that are then drawn; physical units. Values that have a share of the law, as no rain, stand
                for scores that each sample draws, given the others.

        Raises:
            ValueError: the model knows nothing of first states, or wants another number of them.
        """
        wanted = (self.num_known, self.layout.num_variables)
        fits = np.ndim(states) in (2, 3) and np.shape(states)[-2:] == wanted
        if not isinstance(self.denoiser, ForecastDenoiser) or not fits:
            raise ValueError(
                f"`states` must have the shape {wanted} (known, variable) of model {self.name}, one start for all "
                f"or one a sample; got {np.shape(states)}."
            )
        known = self._drawn_starts(self.denoiser, states)
        if known is None:
            denoiser = self.denoiser.given(self.standardizer.standardize(jnp.asarray(states, jnp.float32)))
        elif np.ndim(states) == 2:
            denoiser = DrawnStarts(self.denoiser, jnp.asarray(known))
        else:
            denoiser = self.denoiser.given(jnp.asarray(known))
        return dataclasses.replace(self, denoiser=denoiser, initial=denoiser.law)

    def _drawn_starts(self, denoiser: ForecastDenoiser, states: np.ndarray) -> np.ndarray | None:
        """Draws of first states, standardised, one a sample, or a table of them; None where their scores are known."""
        margins, states = self.standardizer.margins, np.asarray(states, np.float32)
        if margins is None:
            return None
        low, high = (np.asarray(ends, np.float64) for ends in margins.intervals(jnp.asarray(states)))
        if np.all(low == high):
            return None
        if states.ndim == 2:
            low, high = (np.broadcast_to(ends, (NUM_STARTS, *ends.shape)) for ends in (low, high))
        mean, scale = (np.asarray(part, np.float64) for part in self.standardizer[:2])
        seed = zlib.crc32(states.tobytes())
        return drawn_starts(denoiser.law, (low - mean) / scale, (high - mean) / scale, seed=seed)

    def when(self, when: When | None) -> "Model":
        """Model whose samples draw their season, hour and covariates from those that meet `when`.

        Args:
            when: text as "month in 6..8", or a mapping, see `kernels.recordings.when`; None leaves it as it is.

        Raises:
            ValueError: the model knows no such word, or nothing in the record meets it.
        """
        clauses = parse_when(when)
        if not clauses:
            return self
        if self.conditions is None or not isinstance(self.denoiser, ConditionalDenoiser):
            raise ValueError(
                f"`when` needs a model that knows the season or covariates; {self.name} does not. Train one on a "
                "recording with dates (`seasons`, --seasons) or further series (`covariates`, --covariates)."
            )
        found = self.conditions.restricted(clauses)
        denoiser = self.denoiser.among(found.features(found.rows))
        return dataclasses.replace(self, denoiser=denoiser, conditions=found)

    @property
    def latent_shape(self) -> tuple[int, int]:
        """Shape of a sample's latents: its trajectory's, and further rows that draw its conditions."""
        more = self.denoiser.num_latent_rows if isinstance(self.denoiser, _DRAWING) else 0
        num_times, num_numbers = self.initial.mean.shape[-2:]
        return num_times + more, num_numbers

    def bound(self, latents: Any) -> tuple["Model", Any]:
        """Model given the conditions, or the first states, that latents draw, one each, and the latents of the trajectories.

        A model without conditions is returned as it is, with its latents.

        Args:
            latents: (sample, *latent_shape), standard normal.
        """
        if not isinstance(self.denoiser, _DRAWING):
            return self, latents
        count = self.layout.num_times
        denoiser = self.denoiser.drawn(latents[:, count:])
        return dataclasses.replace(self, denoiser=denoiser, initial=denoiser.law), latents[:, :count]

    @functools.cached_property
    def fingerprint(self) -> str:
        """Hash of every number of the model."""
        digest = hashlib.sha256(repr(self.layout.to_dict()).encode())
        for leaf in jax.tree.leaves((self.denoiser, self.standardizer, self.initial)):
            digest.update(np.ascontiguousarray(leaf).tobytes())
        return digest.hexdigest()[:16]

    @functools.cached_property
    def identity(self) -> tuple[str, Any]:
        """Identity of the law: models of equal identity share samples.

        It consists of the fingerprint and the structure of the pytrees.
        """
        return self.fingerprint, jax.tree.structure((self.denoiser, self.standardizer, self.initial))
