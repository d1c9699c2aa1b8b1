import numpy as np
import pytest

from kernels.diffusion.schedules import (
    SCHEDULES,
    SIGMA_MAX,
    SIGMA_MIN,
    LogSchedule,
    VPSchedule,
    grid,
    log_grid,
)


@pytest.mark.parametrize("name", SCHEDULES)
def test_time_inverts_sigma_and_both_increase(name):
    schedule = SCHEDULES[name]()
    times = np.linspace(0.02, 1.0, 300)
    sigmas = schedule.sigma(times)
    assert np.all(np.diff(sigmas) > 0)
    np.testing.assert_allclose(schedule.time(sigmas), times, atol=1e-9)


@pytest.mark.parametrize("name", SCHEDULES)
def test_grids_have_their_ends_and_decrease(name):
    levels = grid(17, schedule=name, sigma_max=20.0, sigma_min=0.01)
    assert (len(levels), levels[0], levels[-1]) == (17, 20.0, 0.01)
    assert np.all(np.diff(levels) < 0)


def test_variance_preserving_schedules_preserve_the_variance():
    """scale² (1 + σ²) = 1 for VP; for sub-VP the noise's own variance is (1 − α²)²."""
    times = np.linspace(0.01, 1.0, 50)
    vp, sub_vp = SCHEDULES["vp"](), SCHEDULES["sub_vp"]()
    np.testing.assert_allclose(vp.scale(times) ** 2 * (1 + vp.sigma(times) ** 2), 1.0)
    noise = sub_vp.scale(times) * sub_vp.sigma(times)
    np.testing.assert_allclose(noise, 1.0 - sub_vp.scale(times) ** 2)
    np.testing.assert_allclose(VPSchedule().scale(1.0), np.exp(-0.25 * 19.9 - 0.05))


def test_the_focused_schedule_spends_twice_the_steps_at_its_centre():
    def density(name, sigma):
        schedule = SCHEDULES[name]()
        return (schedule.time(1.01 * sigma) - schedule.time(sigma / 1.01)) / (2 * np.log(1.01))

    assert density("focused", 2.0) / density("focused", 0.003) == pytest.approx(2.0, rel=0.01)
    assert density("log", 2.0) == pytest.approx(density("log", 0.003))


def test_the_logarithmic_grid():
    np.testing.assert_allclose(log_grid(5, sigma_max=10.0, sigma_min=0.1), np.geomspace(10.0, 0.1, 5))
    assert LogSchedule().sigma(0.0) == pytest.approx(SIGMA_MIN)
    assert LogSchedule().sigma(1.0) == pytest.approx(SIGMA_MAX)


def test_grids_that_make_no_sense():
    with pytest.raises(ValueError, match="`num_steps` must be at least 2"):
        grid(1)
    with pytest.raises(ValueError, match="between 0 and `sigma_max`"):
        grid(4, sigma_max=1.0, sigma_min=2.0)
    with pytest.raises(ValueError, match="`schedule` must be one of log, edm, vp"):
        grid(4, schedule="cosine")
