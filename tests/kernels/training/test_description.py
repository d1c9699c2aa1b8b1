"""What is said before a training begins."""

import json

import numpy as np
import pandas as pd
import pytest

from kernels.training.description import describe_plan, plan_facts
from kernels.training.from_recording import plan_training


@pytest.fixture(scope="module")
def weather():
    """Four years of daily rain, a lowest and a highest temperature, and a pressure with gaps."""
    generator = np.random.default_rng(0)
    days = 1461
    low = generator.normal(5.0, 6.0, days).round(1)
    rain = np.where(generator.random(days) < 0.6, 0.0, generator.exponential(5.0, days)).round(1)
    pressure = generator.normal(1010.0, 8.0, days)
    pressure[100:110] = np.nan
    columns = {
        "rain [mm]": rain,
        "tmax [K]": (low + generator.gamma(2.0, 2.0, days)).round(1),
        "tmin [K]": low,
    }
    return pd.DataFrame({"date": pd.date_range("2001-01-01", periods=days), **columns, "p [hPa]": pressure})


def planned(weather, tmp_path, **choices):
    return plan_training(weather, name="w", path=tmp_path, window=10, gaps="drop", **choices)


def test_all_that_was_understood_is_on_one_screen(weather, tmp_path):
    text = describe_plan(planned(weather, tmp_path, positive=["p"]))
    for words in (
        "a DataFrame in memory: 1461 steps of rain, tmax, tmin, p",
        "time from 2001-01-01 to 2004-12-31, a row every 1 d, 4 years",
        "  rain: 0 to ",
        " mm, in steps of 0.1, 6",
        " % at 0, tail above ",
        "0.68 % missing, always ≥ 0, tail below",
        "tmax is never below tmin here, but may be in samples: difference=tmax-tmin (--difference tmax-tmin)",
        " to train on: 2001-01-01 to 2003-",
        " held out: 2004-",
        "network of 0.",
        "at most 1500 steps of 128 windows",
    ):
        assert words in text, text
    assert len(text.splitlines()) < 20


def test_the_facts_are_numbers(weather, tmp_path):
    plan = planned(weather, tmp_path, difference=["tmax-tmin"])
    facts = json.loads(json.dumps(plan_facts(plan)))
    assert facts["time"]["rows"] == 1461
    assert facts["ordered"] == []
    assert facts["variables"]["tmax"]["difference"]["from"] == "tmin"
    assert facts["variables"]["rain"]["share_at_lower_bound"] == pytest.approx(0.6, abs=0.05)
    assert facts["variables"]["p"]["share_missing"] == pytest.approx(10 / 1461)
    assert facts["windows"]["training"] == len(plan.split.training)
    assert "modelled as tmin and a difference ≥ 0; of that in steps of 0.1" in describe_plan(plan)


def test_times_without_dates_and_many_variables(tmp_path):
    values = np.random.default_rng(0).normal(size=(900, 20))
    table = pd.DataFrame(values, columns=[f"v{i}" for i in range(20)])
    table.insert(0, "time", np.arange(900) * 0.5)
    text = describe_plan(plan_training(table, name="w", path=tmp_path, window=10, margins="none"))
    assert "time from 0 to 449.5, a row every 0.5, 450" in text
    assert "… and 8 more variables" in text
    assert "without margins" in text


def test_quick_is_a_third_of_the_steps(weather, tmp_path):
    assert planned(weather, tmp_path, preset="quick").config.num_steps == 500
    with pytest.raises(ValueError, match="exclude each other"):
        planned(weather, tmp_path, preset="quick", num_steps=10)
    with pytest.raises(ValueError, match="fast"):
        planned(weather, tmp_path, preset="fast")
