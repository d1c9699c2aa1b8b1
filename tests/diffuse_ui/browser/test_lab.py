"""JupyterLab: open the notebook, run its first cell, draw in the frame, run, read."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import nbformat
import pytest
from driving import Canvas
from playwright.sync_api import expect

from diffuse_ui.app import free_port
from diffuse_ui.jupyter import FIRST_NOTEBOOK, lab_arguments

pytestmark = pytest.mark.browser
TOKEN = "test"
QUICKSTART = Path(__file__).parents[3] / "notebooks" / FIRST_NOTEBOOK


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """JupyterLab on a notebook with the app in it, with a configuration of its own."""
    home = tmp_path_factory.mktemp("lab")
    notebook = nbformat.read(QUICKSTART, as_version=4)
    first = next(i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code")
    notebook.cells = [notebook.cells[first]]  # what a reader runs first: the app on the shipped model
    notebook.cells[0].outputs = []
    shutil.copytree(QUICKSTART.parent / "images", home / "notebooks" / "images")
    nbformat.write(notebook, home / "notebooks" / FIRST_NOTEBOOK)
    folders = {f"JUPYTER_{kind}_DIR": str(home / kind) for kind in ("CONFIG", "DATA", "RUNTIME")}
    environment = (
        os.environ
        | folders
        | {"IPYTHONDIR": str(home / "ipython"), "PYTHONPATH": str(Path(__file__).parents[2] / "helpers")}
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


@pytest.mark.slow
def test_a_box_drawn_in_the_quickstart_has_the_probability_of_the_command_line(lab, page):
    page.set_viewport_size({"width": 1600, "height": 1100})
    page.goto(lab)
    page.locator(".jp-CodeCell .cm-content").first.wait_for(timeout=60_000)
    page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").first.wait_for(timeout=60_000)
    frame_element = page.locator("iframe[title=diffuse-ui]")
    page.wait_for_timeout(3000)  # JupyterLab drops a command that comes before its kernel is connected
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
    frame_element.wait_for(timeout=60_000)
    frame_element.scroll_into_view_if_needed()
    frame = frame_element.element_handle().content_frame()
    canvas = Canvas(page, frame)
    canvas.wait_drawn("x")
    text = frame.locator("textarea").first
    text.fill("")
    text.press("Shift+Enter")
    frame_element.evaluate("element => element.scrollIntoView({block: 'start'})")
    canvas.wait_drawn("x")
    canvas.drag("x", (2.0, 0.45), (3.0, 0.75))
    expect(text).to_have_value(re.compile(r"^box\(x, \[[^&]*\]\)$"), timeout=10_000)
    canvas.button("Run").click()
    expect(frame.locator("[data-probability][data-final=true]")).to_be_visible(timeout=200_000)
    shown = float(frame.locator("[data-probability]").get_attribute("data-probability"))
    words = ["probability", "--model", "lorenz63", "--event", text.input_value(), "--json"]
    outcome = subprocess.run(
        [sys.executable, "-m", "diffuse_ui.cli", *words], capture_output=True, text=True, check=True
    )
    assert json.loads(outcome.stdout)["value"] == pytest.approx(shown, rel=1e-6)
