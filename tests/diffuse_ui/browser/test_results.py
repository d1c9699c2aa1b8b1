"""The served page after a run: a link, the tabs, every download opened again."""

import io
import json
from urllib.parse import quote

import nbformat
import numpy as np
import pytest
import xarray as xr
from driving import Canvas
from panel.tests.util import wait_until
from PIL import Image
from playwright.sync_api import expect

from diffuse_ui import app as app_module
from diffuse_ui.app import App, free_port, make_page, serve
from diffuse_ui.views.controls.export_panel import HINTS
from diffuse_ui.work.results import states

pytestmark = pytest.mark.browser
CHOICES = {"num_samples": 128, "num_steps": 12, "estimator": "monte_carlo"}
TABS = {
    "Marginals": "marginal-y",
    "Constraint": "constraint",
    "First hit": "hitting",
    "Spectrum": "spectrum-x",
    "Phase plane": "plane-conditional",
    "Runs": "fan-x",
}
PAINTED = """name => {
  const model = Bokeh.documents.map(d => d.get_model_by_name(name)).find(m => m != null);
  const view = model == null ? null : Bokeh.index.find_one(model);
  if (view == null || view.frame.bbox.width < 100) return false;
  return model.renderers.some(r => Object.values(r.data_source.data).some(column => column.length > 0));
}"""


@pytest.fixture(scope="module")
def server(toy):
    """A server as `diffuse-ui serve` has it; `apps` holds the apps in the order of their opening."""
    apps = []

    class Recorded(App):
        def __init__(self, *args, **choices):
            super().__init__(*args, **choices)
            apps.append(self)

    before, app_module.App = app_module.App, Recorded
    port = free_port()
    server = serve(lambda: make_page(toy, **CHOICES), port=port, threaded=True)
    yield f"http://127.0.0.1:{port}/", apps
    server.stop()
    app_module.App = before
    for app in apps:
        app.close()


def downloaded(page, label):
    with page.expect_download() as download:
        page.get_by_role("button", name=HINTS.get(label, label), exact=True).click()
    return download.value.path().read_bytes()


@pytest.mark.slow
def test_a_reload_comes_back_to_what_was_drawn(page, server):
    address, apps = server
    page.goto(address)
    canvas = Canvas(page)
    canvas.wait_drawn("x")
    canvas.drag("x", (2.0, 0.5), (3.0, 2.0))
    wait_until(lambda: apps[-1].state.event is not None, page)
    apps[-1].state.seed = 11
    page.wait_for_function("() => location.search.includes('seed=11')")
    before = apps[-1]
    page.reload()
    canvas.wait_drawn("x")
    assert apps[-1] is not before
    assert apps[-1].state.to_spec() == before.state.to_spec()


def test_a_link_is_followed_run_read_in_every_tab_and_exported(page, server):
    address, apps = server
    event = "max(x) > 1 and min(y) < 0"
    page.goto(f"{address}?event={quote(event)}&seed=7&num_steps=one")
    Canvas(page).wait_drawn("x")
    page.set_default_timeout(15_000)
    expect(page.get_by_role("alert").filter(has_text="`num_steps` must be a whole number")).to_be_visible()
    app = apps[-1]
    assert (str(app.state.event), app.state.seed, app.state.num_steps) == (event, 7, 12)

    page.get_by_role("button", name="Run", exact=True).click()
    wait_until(lambda: app.store.status == "done", page, timeout=30_000)
    page.wait_for_function(PAINTED, arg="convergence", polling=100)
    for label, model in TABS.items():
        page.get_by_role("tab", name=label, exact=True).click()
        page.wait_for_function(PAINTED, arg=model, polling=100)
    page.get_by_role("tab", name="Table", exact=True).click()
    expect(page.get_by_role("table").get_by_text("given the event").first).to_be_visible()

    result = app.result
    with xr.open_dataset(io.BytesIO(downloaded(page, "NetCDF")), engine="h5netcdf") as opened:
        np.testing.assert_array_equal(states(opened), states(result.dataset))
    for label in ("PNG", "SVG", "PDF", "Zarr", "Python"):
        assert len(downloaded(page, label)) > 100, label
    assert Image.open(io.BytesIO(downloaded(page, "PNG"))).text["Title"] == event
    nbformat.validate(nbformat.reads(downloaded(page, "Notebook").decode(), as_version=4))
    assert json.loads(downloaded(page, "Run"))["event"] == event

    reference = page.locator("a[href^='?model=toy']").get_attribute("href")
    page.goto(address + reference)
    Canvas(page).wait_drawn("x")
    assert apps[-1] is not app
    assert apps[-1].state.to_spec() == app.state.to_spec()


@pytest.mark.slow
@pytest.mark.filterwarnings(
    "ignore:reference already known"
)  # of the upload button, which names itself in full
def test_a_file_of_ones_own_is_uploaded(page, server):
    address, apps = server
    page.goto(address)
    Canvas(page).wait_drawn("x")
    page.get_by_text("Train on your own data").click()
    short = {"name": "short.csv", "mimeType": "text/csv", "buffer": b"time,flow\n0,1\n1,2\n"}
    page.locator("input[type=file]").set_input_files(files=[short])
    expect(page.get_by_text("short.csv")).to_be_visible()
    page.get_by_role("button", name="Train", exact=True).click()
    store = apps[-1].store
    wait_until(lambda: store.training is not None and store.training.state == "failed", page, timeout=30_000)
    assert "window" in str(store.training.error)  # the file was read, and is too short
