"""An exact toy model, so that the app is tested without any trained network."""

import pytest
from toys import make_toy

import kernels
from diffuse_ui.app import App


@pytest.fixture(scope="session")
def toy() -> kernels.Model:
    return make_toy()


@pytest.fixture
def app(toy):
    app = App(toy, num_samples=64, num_steps=12, estimator="monte_carlo")
    app.store.compare = False
    yield app
    app.close()
    assert app.store.draws.join(30.0)
    assert app.store.previews.join(30.0)


@pytest.fixture(scope="session")
def finished(toy):
    """A run that is done, shared by tests that only read."""
    app = App(toy, event="max(x) > 1.5", num_samples=128, num_steps=12, estimator="monte_carlo")
    app.store.prepare()
    app.run()
    yield app
    app.close()
