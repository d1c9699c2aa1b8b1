"""`diffuse-ui serve`, as it is typed: the page of the shipped model, drawn in, run and read."""

import json
import re
import subprocess
import sys

import pytest
from driving import Canvas
from playwright.sync_api import expect

from diffuse_ui.serving import free_port

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def address():
    port = free_port()
    words = [sys.executable, "-m", "diffuse_ui.cli", "serve", "--no-browser", "--port", str(port)]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        printed = next((line for line in process.stderr if line.startswith("diffuse-ui at ")), "")
        yield re.search(r"http://\S+", printed).group()
        process.terminate()


def test_the_served_page_agrees_with_the_command_line(address, page):
    page.goto(address, timeout=120_000)
    canvas = Canvas(page)
    canvas.wait_drawn("x")
    canvas.drag("x", (2.0, 0.5), (3.0, 0.8))
    text = page.locator("textarea").first
    expect(text).to_have_value(re.compile(r"^box\(x, \["), timeout=20_000)
    canvas.button("Run").click()
    shown = page.locator("[data-probability]")
    expect(shown).to_be_visible(timeout=120_000)
    expect(page.get_by_text(re.compile("^the true system, by .* simulations$")).first).to_be_visible(
        timeout=120_000
    )
    words = [sys.executable, "-m", "diffuse_ui.cli", "probability", "--event", text.input_value(), "--json"]
    printed = json.loads(
        subprocess.run(words, capture_output=True, text=True, check=True, timeout=200).stdout
    )
    assert printed["value"] == pytest.approx(float(shown.get_attribute("data-probability")), rel=1e-6)
    assert printed["status"] == "ok"
