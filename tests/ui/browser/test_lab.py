"""JupyterLab: open the notebook, run its first cell, draw in the frame, run, read."""

import os
import re
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import nbformat
import pytest
from driving import Canvas
from playwright.sync_api import expect

from diffuse_ui.app import free_port
from diffuse_ui.launching import FIRST_NOTEBOOK, lab_arguments

pytestmark = pytest.mark.browser
TOKEN = "test"
CELL = """
import os; os.environ.get("DIFFUSE_FAKE") and __import__("fake_kernels")
import diffuse_ui
from toys import make_toy
app = diffuse_ui.App(make_toy(), num_samples=64, num_steps=12, estimator="monte_carlo")
app
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """JupyterLab on a notebook with the app in it, with a configuration of its own."""
    home = tmp_path_factory.mktemp("lab")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL.strip(), id="app")])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    (home / "notebooks").mkdir()
    nbformat.write(notebook, home / "notebooks" / FIRST_NOTEBOOK)
    folders = {f"JUPYTER_{kind}_DIR": str(home / kind) for kind in ("CONFIG", "DATA", "RUNTIME")}
    environment = (
        os.environ
        | folders
        | {"IPYTHONDIR": str(home / "ipython"), "PYTHONPATH": str(Path(__file__).parents[1]) + ":/tmp/fakek"}
    )
    port = free_port()
    words = [
        *lab_arguments(home / "notebooks", port=port, browser=False),
        f"--IdentityProvider.token={TOKEN}",
        "--LabApp.expose_app_in_browser=True",
    ]
    with (home / "log").open("w") as log:
        process = subprocess.Popen(words, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            wait_for(f"http://127.0.0.1:{port}/api?token={TOKEN}", process)
            yield f"http://127.0.0.1:{port}/lab/tree/{FIRST_NOTEBOOK}?token={TOKEN}"
        finally:
            process.terminate()
            process.wait(30)


def wait_for(address, process, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        try:
            urllib.request.urlopen(address).close()
            return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.3)
    raise RuntimeError("JupyterLab did not start.")


def test_the_app_works_in_a_notebook_cell(lab, page):
    page.set_viewport_size({"width": 1600, "height": 1100})
    page.goto(lab)
    page.locator(".jp-CodeCell .cm-content").first.wait_for(timeout=60_000)
    page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").first.wait_for(timeout=60_000)
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    frame_element = page.locator("iframe[title=diffuse-ui]")
    frame_element.wait_for(timeout=60_000)
    frame_element.scroll_into_view_if_needed()
    frame = frame_element.element_handle().content_frame()
    canvas = Canvas(page, frame)
    canvas.wait_drawn("x")
    canvas.drag("x", (2.0, 0.5), (3.0, 2.0))
    page.wait_for_timeout(2000)
    page.screenshot(path="/tmp/labt.png")
    expect(frame.locator("textarea").first).to_have_value(re.compile(r"^box\(x, \["), timeout=10_000)
    canvas.button("Run").click()
    expect(frame.locator("[data-probability]")).to_be_visible(timeout=60_000)
    assert 0 < float(frame.locator("[data-probability]").get_attribute("data-probability")) < 1
