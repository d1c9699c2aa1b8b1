"""Samplers and schedules as a user chooses them: what they draw, what they refuse, and what is written of them."""

import jax
import numpy as np
import pytest
from exact_models import small_gaussian

import kernels
from kernels.diffusion.schedules import SCHEDULES
from kernels.samplers.registry import SAMPLERS

WEIGHTED = [name for name, record in SAMPLERS.items() if record.weighted]


@pytest.fixture(scope="module")
def small():
    return small_gaussian()


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_draws_the_model_without_an_event(small, name):
    """Mean 1 and variance 0.25 at each time; first-order rules are allowed 10 % of the spread at 160 steps."""
    model, covariance = small
    drawn = kernels.sample(jax.random.key(0), model, sampler=name, num_samples=512, num_steps=160)
    states = drawn["state"].values[:, :, 0]
    error = np.sqrt(covariance[0, 0] / 512)
    assert np.abs(states.mean(axis=0) - 1.0).max() < 5 * error
    deviation = states.std(axis=0) / np.sqrt(np.diag(covariance))
    assert np.abs(deviation - 1.0).max() < 5 / np.sqrt(2 * 512) + (0.1 if name == "euler_maruyama" else 0.0)
    assert drawn.attrs["solver"] == name
    assert drawn.attrs["sampler"] == SAMPLERS[name].kind


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("sampler", WEIGHTED)
def test_guided_paths_of_each_weighted_sampler_give_the_probability(small, sampler, schedule):
    """mean(x) > 1 has P = ½ whatever the discretisation: the law is symmetric."""
    model, _ = small
    found = kernels.event_probability(
        jax.random.key(1),
        model,
        "mean(x) > 1",
        method="path_importance",
        sampler=sampler,
        schedule=schedule,
        num_samples=256,
        num_steps=24,
    )
    assert abs(found.value - 0.5) < 5 * found.standard_error
    assert found.standard_error < 0.1


def test_paths_of_two_samplers_or_schedules_are_not_mixed_up(small):
    model, _ = small

    def drawn(**choices):
        return kernels.sample(
            jax.random.key(2), model, event="mean(x) > 1.2", num_samples=24, num_steps=8, **choices
        )["state"].values

    first, again = drawn(), drawn()
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, drawn(sampler="ancestral"))
    assert not np.allclose(first, drawn(schedule="log"))


@pytest.mark.parametrize("name", sorted(set(SAMPLERS) - set(WEIGHTED)))
def test_samplers_without_weights_are_refused_with_an_event(small, name):
    with pytest.raises(
        ValueError, match="`sampler` must be one of sde_dpm_solver, ancestral, euler_maruyama"
    ):
        kernels.RunSpec(model=small[0], event="max(x) > 1", sampler=name)


def test_unknown_names_are_answered_with_the_nearest():
    with pytest.raises(ValueError, match="Did you mean 'ancestral'"):
        kernels.RunSpec(model="lorenz63", sampler="ancestrel")
    with pytest.raises(ValueError, match=r"`schedule` must be one of log, edm.*Did you mean 'focused'"):
        kernels.RunSpec(model="lorenz63", schedule="focussed")


def test_the_adaptive_ode_refuses_observations_before_any_work(small):
    spec = kernels.RunSpec(model=small[0], given="at(x, 0) == 1 tolerance 0.1", sampler="adaptive_ode")
    with pytest.raises(ValueError, match="'adaptive_ode' draws without `given`"):
        kernels.stream(spec)


@pytest.mark.parametrize("wrong", [{"estimator": ["auto"]}, {"sampler": {}}, {"schedule": 3}, {"event": 7}])
def test_values_that_are_no_names_are_refused_in_words(wrong):
    with pytest.raises(ValueError, match="must be"):
        kernels.RunSpec(model="lorenz63", **wrong)


def test_a_run_document_holds_both():
    spec = kernels.RunSpec(model="lorenz63", event="max(x) > 0.9", sampler="ancestral", schedule="log")
    assert kernels.RunSpec.from_dict(spec.to_dict()) == spec
    assert {"sampler": "ancestral", "schedule": "log"}.items() <= spec.to_dict().items()
