"""Training of a denoiser: denoising score matching, a generator of progress records.

    loss = E_{x₀, σ, ε} mean |D(x₀ + σ ε, σ) − x₀|² / s(σ)²

where s(σ) is the linear denoiser's error (see `NetworkDenoiser`): with s² = σ² / (1 + σ²) this is
EDM's weight. Noise levels are log-uniform over the whole range, log-normal (Karras et al. 2022:
mean −1.2, deviation 1.2 of log σ), and log-uniform over the middle, `MIDDLE`, where it is decided to
which part of the state space a trajectory goes, and where the loss is nearly all irreducible noise.

Step k uses the key fold_in(key, k) and nothing else, so a run that was killed and resumed from its
last saved state goes through the same numbers as one that was not.
"""

import dataclasses
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Float, PRNGKeyArray

from kernels.denoisers.conditional import ConditionalDenoiser, padded, regressed
from kernels.denoisers.exemplars import draw_with_references, posterior_means
from kernels.denoisers.forecast import ForecastDenoiser
from kernels.denoisers.network import NetworkDenoiser
from kernels.diffusion.gaussian import GaussianLaw
from kernels.diffusion.schedules import SIGMA_MAX, SIGMA_MIN
from kernels.files import UnreadableError, load_tensors, replacing, save_tensors, tensors_digest
from kernels.networks.unet import UNet, UNetConfig
from kernels.sharding import replicated, spread

__all__ = ["Trainable", "TrainingConfig", "TrainingRecord", "fit", "initialize"]

Batch = Float[Array, "sample time variable"]

Trainable = NetworkDenoiser | ForecastDenoiser | ConditionalDenoiser
Features = Float[Array, "sample feature"]

DAMAGED = "the training state {path} is damaged ({error}). Delete it to start again."
MIDDLE = (0.5, 20.0)  # noise levels between the structure of trajectories and their shape


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """Settings of a training.

    Attributes:
        num_steps: optimiser steps.
        batch_size: trajectories a step.
        learning_rate: peak of the schedule: linear warm-up, constant, linear to 0 over the last `cooldown`.
        warmup: steps of the warm-up.
        cooldown: share of the steps in which the rate falls to 0.
        weight_decay: AdamW's.
        ema_decay: of the exponential moving average of the weights, which is the model.
        middle_share: share of noise levels from the middle; the rest is half log-uniform, half log-normal.
        num_references: trajectories that a target is a posterior mean over, see `kernels.denoisers.exemplars`; 0 for
            the trajectory itself as the target.
        levels: lowest and highest noise level of an expert (`kernels.denoisers.expert`), log-uniform between; None
            for all levels, mixed as above.
        report_every: steps between records (and saved states).
    """

    num_steps: int = 30_000
    batch_size: int = 256
    learning_rate: float = 2e-3
    warmup: int = 300
    cooldown: float = 0.5
    weight_decay: float = 1e-4
    ema_decay: float = 0.999
    middle_share: float = 0.0
    num_references: int = 0
    levels: tuple[float, float] | None = None
    report_every: int = 500


History = tuple[int, float, float]


class TrainingRecord(NamedTuple):
    """Progress record of `fit`.

    Attributes:
        step: optimiser steps done.
        num_steps: of how many.
        loss: mean training loss since the last record.
        validation_loss: of the averaged weights on held-out trajectories, always the same noise.
        seconds: wall-clock seconds of this process since `fit` began.
        denoiser: the model so far (averaged weights).
        steps_here: steps that this process has taken.
        history: (step, loss, validation loss) of every record so far, those before a resumption included.
        seconds_once: seconds of the first step and the first validation, which compile programs.
    """

    step: int
    num_steps: int
    loss: float
    validation_loss: float
    seconds: float
    denoiser: Trainable
    steps_here: int = 0
    history: tuple[History, ...] = ()
    seconds_once: float = 0.0

    @property
    def seconds_left(self) -> float:
        """Expected seconds to the end, at the pace of this process, without what is compiled once."""
        steps, left = self.steps_here, self.num_steps - self.step
        if steps < 2:
            return self.seconds * left / max(steps, 1)
        return (self.seconds - self.seconds_once) * left / (steps - 1)


class _Clock:
    """Seconds so far, and those in the first call of each function, which compiles it."""

    def __init__(self) -> None:
        self.begin, self.once, self.seen = time.monotonic(), 0.0, set()

    @property
    def told(self) -> dict[str, float]:
        """Both, as fields of a `TrainingRecord`."""
        return {"seconds": time.monotonic() - self.begin, "seconds_once": self.once}

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> Any:
        if function in self.seen:
            return function(*arguments)
        self.seen.add(function)
        begin = time.monotonic()
        result = jax.block_until_ready(function(*arguments))
        self.once += time.monotonic() - begin
        return result


class _State(NamedTuple):
    params: Any
    optimizer: Any
    ema: Any


def initialize(config: UNetConfig, law: GaussianLaw, key: PRNGKeyArray, *, num_known: int = 0) -> Trainable:
    """Untrained denoiser: the network's output is zero, so D is the linear denoiser."""
    graph, params = nnx.split(UNet(config, rngs=nnx.Rngs(key)))
    if num_known:
        return ForecastDenoiser.of(graph, params, law, num_known)
    return NetworkDenoiser(graph, params, law)


def _draw_sigmas(key: PRNGKeyArray, size: int, config: TrainingConfig) -> Float[Array, " size"]:
    if config.levels is not None:
        low, high = np.log(config.levels)
        return jnp.exp(jax.random.uniform(key, (size,), minval=low, maxval=high))
    uniform_key, normal_key = jax.random.split(key)
    middle = round(config.middle_share * size)
    half = (size - middle) // 2
    low = np.log(np.repeat([MIDDLE[0], SIGMA_MIN], [middle, half]))
    high = np.log(np.repeat([MIDDLE[1], SIGMA_MAX], [middle, half]))
    uniform = jax.random.uniform(uniform_key, (middle + half,), minval=low, maxval=high)
    normal = -1.2 + 1.2 * jax.random.normal(normal_key, (size - middle - half,))
    return jnp.exp(jnp.clip(jnp.concatenate([uniform, normal]), np.log(SIGMA_MIN), np.log(SIGMA_MAX)))


def _losses(
    denoiser: Trainable,
    x0: Batch,
    key: PRNGKeyArray,
    config: TrainingConfig,
    references: Batch | None = None,
    features: Features | None = None,
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Training loss, and the loss against x₀, which differs where there are references."""
    sigma_key, noise_key = jax.random.split(key)
    sigma = _draw_sigmas(sigma_key, x0.shape[0], config)
    x = x0 + sigma[:, None, None] * jax.random.normal(noise_key, x0.shape)
    scale = denoiser.posterior_scale(sigma)[:, None, None]
    if isinstance(denoiser, ConditionalDenoiser):
        x0_hat = denoiser.given(features).denoise(x, sigma)  # pyright: ignore[reportArgumentType] - given with these
    else:
        x0_hat = denoiser.reconstruct(x, sigma, x0)
    targets = x0 if references is None else posterior_means(x, sigma, references)
    minimised, shown = (jnp.mean(((x0_hat - target) / scale) ** 2) for target in (targets, x0))
    return minimised, shown


@partial(jax.jit, static_argnames="levels")
def _validation_loss(
    levels: tuple[float, float] | None, denoiser: Trainable, x0: Batch, features: Features | None
) -> Float[Array, ""]:
    return _losses(denoiser, x0, jax.random.key(0), TrainingConfig(levels=levels), features=features)[1]


def _learning_rate(config: TrainingConfig) -> optax.Schedule:
    start = max(config.warmup + 1, round(config.num_steps * (1.0 - config.cooldown)))
    return optax.join_schedules(
        [
            optax.linear_schedule(0.0, config.learning_rate, config.warmup),
            optax.constant_schedule(config.learning_rate),
            optax.linear_schedule(config.learning_rate, 0.0, max(1, config.num_steps - start)),
        ],
        [config.warmup, start],
    )


def _optimizer(config: TrainingConfig) -> optax.GradientTransformation:
    return optax.chain(
        optax.clip_by_global_norm(1.0),
        optax.adamw(_learning_rate(config), b2=0.99, weight_decay=config.weight_decay),
    )


@partial(jax.jit, static_argnames="config", donate_argnames="state")
def _train_step(
    config: TrainingConfig,
    template: Trainable,
    state: _State,
    data: Batch,
    conditions: Features | None,
    key: PRNGKeyArray,
    step: Array,
) -> tuple[_State, Array]:
    batch_key, loss_key = jax.random.split(jax.random.fold_in(key, step))
    if config.num_references:
        x0, references = draw_with_references(batch_key, data, config.batch_size, config.num_references)
        features = None
    else:
        chosen = jax.random.randint(batch_key, (config.batch_size,), 0, data.shape[0])
        x0, references = data[chosen], None
        features = None if conditions is None else spread(conditions[chosen])
    x0 = spread(x0)

    def losses(params: Any) -> tuple[Array, Array]:
        return _losses(
            dataclasses.replace(template, params=params), x0, loss_key, config, references, features
        )

    gradient, loss = jax.grad(losses, has_aux=True)(state.params)
    updates, optimizer = _optimizer(config).update(gradient, state.optimizer, state.params)
    params: Any = optax.apply_updates(state.params, updates)
    decay = jnp.minimum(config.ema_decay, (1.0 + step) / (10.0 + step))
    ema = jax.tree.map(lambda old, new: decay * old + (1.0 - decay) * new, state.ema, params)
    return _State(params, optimizer, ema), loss


def fit(
    key: PRNGKeyArray,
    x0: Float[np.ndarray, "sample time variable"],
    network: UNetConfig,
    config: TrainingConfig,
    *,
    validation: Float[np.ndarray, "sample time variable"],
    state_path: Path | None = None,
    initial: Trainable | None = None,
    num_known: int = 0,
    conditions: tuple[np.ndarray, np.ndarray] | None = None,
    stopped: Callable[[], bool] | None = None,
    epoch: Callable[[int], Float[np.ndarray, "sample time variable"]] | None = None,
) -> Iterator[TrainingRecord]:
    """Train a denoiser; yields a record every `config.report_every` steps and at the end.

    Args:
        key: random key; together with the arguments it fixes the result.
        x0: standardised training trajectories.
        network: architecture.
        config: how long and how fast.
        validation: standardised held-out trajectories.
        initial: denoiser to start from, an untrained one unless given; it keeps its Gaussian law.
        num_known: first states that the model is to know, see `kernels.denoisers.forecast`; 0 for none.
        conditions: features of the training and of the validation trajectories, (sample, feature) each, of mean 0
            over the former, that the model is to be given; see `kernels.denoisers.conditional`.
        state_path: file in which the training state is kept; if it exists, training resumes from it.
        stopped: asked after each step; when it says so, training ends, without a record of the last steps.
        epoch: index → training trajectories of that pass over the data, as many as x0; x0 in every one unless given.

    Raises:
        ValueError: a saved state that does not fit this network, or is damaged; references for a forecast;
            trajectories too large for a law to be fitted to them.
        FloatingPointError: the loss is no longer finite.
    """
    _require_plain(config, num_known > 0 or conditions is not None)
    start = initial or _untrained(network, x0, key, num_known, conditions)
    template = dataclasses.replace(start, params=None)
    params, copy = (jax.tree.map(jnp.copy, start.params) for _ in range(2))
    state = _State(params, _optimizer(config).init(params), copy)
    step, history = 0, []
    if state_path is not None and state_path.exists():
        step, state, history = _load_state(state_path, state, config.num_steps)
    first_step = step
    state, data, held_out = replicated((state, jnp.asarray(x0), jnp.asarray(validation)))
    of_data, of_held_out = replicated(jax.tree.map(jnp.asarray, conditions)) or (None, None)
    clock, losses, steps_a_pass = _Clock(), [], -(-len(x0) // config.batch_size)

    def record(loss: float | None) -> TrainingRecord:
        denoiser = dataclasses.replace(template, params=jax.tree.map(jnp.copy, state.ema))
        held_out_loss = float(clock(_validation_loss, config.levels, denoiser, held_out, of_held_out))
        if loss is not None:
            history.append((step, loss, held_out_loss))
        return TrainingRecord(
            step=step,
            num_steps=config.num_steps,
            loss=history[-1][1] if history else held_out_loss,
            validation_loss=held_out_loss,
            denoiser=denoiser,
            steps_here=step - first_step,
            history=tuple(history),
            **clock.told,
        )

    if step >= config.num_steps:  # resumed after the last step
        yield record(None)
    while step < config.num_steps:
        if epoch is not None and (step % steps_a_pass == 0 or step == first_step):
            data = replicated(jnp.asarray(epoch(step // steps_a_pass)))
        state, loss = clock(_train_step, config, template, state, data, of_data, key, np.uint32(step))
        losses.append(loss)
        step += 1
        if stopped is not None:
            jax.block_until_ready(loss)  # else more steps would be queued, which cannot be cancelled
            if stopped():
                return
        if step % config.report_every and step != config.num_steps:
            continue
        mean_loss, losses = float(np.mean([float(value) for value in losses])), []
        if not np.isfinite(mean_loss):
            raise FloatingPointError(f"the loss is not finite at step {step}. Lower `learning_rate`.")
        news = record(mean_loss)
        if state_path is not None:
            _save_state(state_path, step, state, history)
        yield news


def _require_plain(config: TrainingConfig, is_given: bool) -> None:
    """Raise ValueError for references of a model that is given something, on which its targets depend."""
    if is_given and config.num_references:
        raise ValueError("`num_references` must be 0 where first states are known: targets depend on these.")


def _untrained(
    network: UNetConfig,
    x0: np.ndarray,
    key: PRNGKeyArray,
    num_known: int,
    conditions: tuple[np.ndarray, np.ndarray] | None,
) -> Trainable:
    """Untrained denoiser with the law of its trajectories."""
    plain = initialize(network, GaussianLaw.fit(x0), key, num_known=num_known)
    if conditions is None:
        return plain
    return ConditionalDenoiser(
        plain.graph, plain.params, plain.law, regressed(x0, conditions[0]), *padded(conditions[0][:1])
    )


def _save_state(path: Path, step: int, state: _State, history: list[History]) -> None:
    """Write the training state with its checksum; a kill leaves the last whole state."""
    tensors = {f"{i:05d}": np.asarray(leaf) for i, leaf in enumerate(jax.tree.leaves(state))}
    tensors |= {"step": np.asarray(step), "history": np.asarray(history, np.float64).reshape(-1, 3)}
    digest = np.frombuffer(bytes.fromhex(tensors_digest(tensors)), np.uint8)
    with replacing(path) as (new,):
        save_tensors(tensors | {"sha256": digest}, new)


def _load_state(path: Path, template: _State, num_steps: int) -> tuple[int, _State, list[History]]:
    tensors = load_tensors(path, DAMAGED)
    digest = tensors.pop("sha256", None)
    if digest is not None and digest.tobytes().hex() != tensors_digest(tensors):
        raise UnreadableError(DAMAGED.format(path=path, error="its checksum is of other numbers"))
    step, past = tensors.pop("step", None), tensors.pop("history", np.zeros((0, 3)))
    leaves, structure = jax.tree.flatten(template)
    loaded = [tensors[name] for name in sorted(tensors)]
    if [leaf.shape for leaf in leaves] != [leaf.shape for leaf in loaded]:
        raise UnreadableError(
            f"the training state {path} is of another network. Delete it, or choose the same architecture."
        )
    finite = all(leaf.dtype.kind in "iuf" and np.isfinite(leaf).all() for leaf in loaded)
    counted = step is not None and step.shape == () and step.dtype.kind in "iu" and 0 <= step <= num_steps
    told = past.ndim == 2 and past.shape[1] == 3 and past.dtype.kind == "f" and np.isfinite(past[:, 0]).all()
    if step is None or not (finite and counted and told):
        raise UnreadableError(DAMAGED.format(path=path, error="it holds no numbers of a training"))
    history = [(int(at), float(loss), float(validation)) for at, loss, validation in past]
    typed = [jnp.asarray(one, leaf.dtype) for leaf, one in zip(leaves, loaded, strict=True)]
    return int(step), jax.tree.unflatten(structure, typed), history
