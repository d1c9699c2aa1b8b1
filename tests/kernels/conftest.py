"""Exact models shared by tests that only read."""

import pytest
from exact_models import autoregression


@pytest.fixture(scope="session")
def ar1():
    """(model, covariance) of two AR(1) processes at 40 times."""
    return autoregression()
