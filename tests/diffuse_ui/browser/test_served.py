"""The served page, by mouse: draw, run, read; edit by dragging; two windows side by side."""

import asyncio
import json
import re
from unittest.mock import MagicMock

import pytest
from driving import Canvas
from panel.io import document
from panel.tests.util import wait_until
from playwright.sync_api import expect
from toys import make_toy
from typer.testing import CliRunner

import kernels
from diffuse_ui.app import App, free_port, serve
from diffuse_ui.cli import app as cli

pytestmark = pytest.mark.browser
CHOICES = {"num_samples": 128, "num_steps": 12, "estimator": "monte_carlo", "seed": 4}


@pytest.fixture(scope="module")
def server(toy):
    """A server of an app a page; `apps` holds them in the order of their opening."""
    apps = []

    def make():
        apps.append(App(toy, **CHOICES))
        return apps[-1].page()

    port = free_port()
    server = serve(make, port=port, threaded=True)
    yield f"http://127.0.0.1:{port}/", apps
    server.stop()
    for app in apps:
        app.close()


@pytest.fixture
def canvas(page, server):
    address, apps = server
    page.goto(address)
    canvas = Canvas(page)
    canvas.wait_drawn("x")
    canvas.app = apps[-1]
    return canvas


@pytest.fixture
def late_messages(monkeypatch):
    """A socket that is always busy when Panel has a message, as on a slow machine: Panel sends it later."""
    send = document._dispatch_msgs

    async def send_later(doc):
        await asyncio.sleep(0.15)
        await send(doc)

    monkeypatch.setattr(document, "_WRITE_BLOCK", MagicMock(__contains__=lambda *_: True))
    monkeypatch.setattr(document, "_dispatch_msgs", send_later)


def event_text(page):
    return page.locator("textarea").first


def test_a_drawn_box_runs_to_the_probability_of_the_command_line(canvas, page, toy, monkeypatch):
    canvas.drag("x", (2.0, 0.5), (3.0, 2.0))
    expect(event_text(page)).to_have_value(re.compile(r"^box\(x, \["), timeout=10_000)
    canvas.button("Run").click()
    expect(page.locator("[data-probability]")).to_be_visible(timeout=60_000)
    wait_until(lambda: canvas.app.store.status == "done", page, timeout=60_000)
    shown = float(page.locator("[data-probability]").get_attribute("data-probability"))
    monkeypatch.setattr("kernels.runs.spec.load_model", lambda name: toy, raising=False)
    monkeypatch.setattr("kernels.load_model", lambda name: toy)
    words = ["probability", "-m", "toy", "-e", event_text(page).input_value(), "--method", "monte_carlo"]
    words += ["--num-samples", "128", "--num-steps", "12", "--seed", "4", "--json"]
    outcome = CliRunner().invoke(cli, words)
    assert outcome.exit_code == 0, outcome.output
    assert json.loads(outcome.stdout)["value"] == pytest.approx(shown, rel=1e-6)


def test_who_holds_the_button_before_moving_draws_all_the_same(canvas, page):
    canvas.drag("x", (2.0, 0.5), (3.0, 2.0), pause=1000)
    expect(event_text(page)).to_have_value(re.compile(r"^box\(x, \["), timeout=10_000)
    canvas.button("Threshold").click()
    canvas.wait_tool("y", "")
    page.mouse.move(*canvas.pixel("y", 3.0, 1.2))
    page.mouse.down()
    page.wait_for_timeout(1000)
    page.mouse.up()
    expect(event_text(page)).to_have_value(re.compile(r"max\(y\) > 1\.(19|2)"), timeout=10_000)


def test_another_model_replaces_the_panels(canvas, page, toy):
    state = canvas.app.state
    for model, last in ((make_toy(("x", "y", "z")), "z"), (toy, "y")):
        state.model = model
        canvas.wait_drawn(last)
    canvas.wait_gone("z")
    canvas.drag("y", (2.0, 0.5), (3.0, 2.0))
    expect(event_text(page)).to_have_value(re.compile(r"^box\(y, \["), timeout=10_000)


def test_a_threshold_is_placed_dragged_and_undone(canvas, page):
    canvas.button("Threshold").click()
    canvas.wait_tool("x", "")
    page.mouse.click(*canvas.pixel("x", 3.0, 1.2))
    expect(event_text(page)).to_have_value(re.compile(r"^max\(x\) > 1\.2"), timeout=10_000)
    wait_until(lambda: canvas.app.state.event is not None, page)
    level = canvas.app.state.event.right.value
    canvas.wait_shape("x", "A")
    canvas.drag("x", (5.0, level), (5.0, 1.8))
    expect(event_text(page)).to_have_value(re.compile(r"^max\(x\) > 1\.[78]"), timeout=10_000)
    page.wait_for_timeout(800)
    canvas.button("Undo").click()
    expect(event_text(page)).to_have_value(f"max(x) > {level:g}", timeout=10_000)


def test_bad_text_shows_a_caret_and_keeps_the_event(canvas, page):
    event_text(page).fill("max(x) > 1")
    event_text(page).press("Shift+Enter")
    wait_until(lambda: str(canvas.app.state.event) == "max(x) > 1", page)
    event_text(page).fill("max(x > 1")
    event_text(page).press("Shift+Enter")
    expect(page.locator("pre[role=alert]")).to_contain_text("^", timeout=10_000)
    assert str(canvas.app.state.event) == "max(x) > 1"


def test_a_chip_changes_the_meaning_and_deletes(canvas, page):
    canvas.app.state.set_event(kernels.parse_event("box(y, [2, 3], [-1, 1])"))
    canvas.button("avoids").click()
    expect(event_text(page)).to_have_value("box(y, [2, 3], [-1, 1]) avoids", timeout=10_000)
    canvas.button("Remove A").click()
    expect(event_text(page)).to_have_value("", timeout=10_000)


def test_two_windows_do_not_see_each_other(chromium, canvas, server):
    address, apps = server
    other_page = chromium.new_page(viewport={"width": 1280, "height": 800})
    other_page.goto(address)
    other = Canvas(other_page)
    other.wait_drawn("x")
    other.drag("x", (1.0, 0.0), (2.0, 1.0))
    expect(event_text(other_page)).to_have_value(re.compile("^box"), timeout=10_000)
    assert apps[-1] is not canvas.app
    assert canvas.app.state.event is None
    other_page.close()


@pytest.mark.slow
def test_every_tool_draws_and_drags_with_the_mouse(canvas, page):
    text, state = event_text(page), canvas.app.state
    canvas.button("Point").click()
    canvas.wait_tool("x", "")
    page.mouse.click(*canvas.pixel("x", 3.05, 0.5))
    expect(text).to_have_value(re.compile(r"^at\(x, 3\) == 0\.[45]"), timeout=10_000)
    canvas.wait_shape("x", "A")
    canvas.drag("x", (3.0, state.event.right.value), (5.0, 1.5))
    expect(text).to_have_value(re.compile(r"^at\(x, 5\) == 1\.[45]"), timeout=10_000)
    canvas.button("move to observed").click()
    expect(text).to_have_value("", timeout=10_000)
    wait_until(lambda: state.given.startswith("at(x, 5) == 1."), page)

    canvas.button("Tube").click()
    canvas.wait_tool("y", "tube-y")
    canvas.path("y", [(1 + 0.1 * step, 0.05 * step) for step in range(30)])
    expect(text).to_have_value(re.compile(r"^tube\(y, \["), timeout=10_000)
    canvas.button("Mute A").click()
    expect(text).to_have_value("", timeout=10_000)

    canvas.button("Threshold").click()
    canvas.wait_tool("x", "")
    page.mouse.click(*canvas.pixel("x", 3.0, 1.2))
    expect(text).to_have_value(re.compile(r"^max\(x\) > 1\.(19|2)"), timeout=10_000)
    canvas.button("Window").click()
    canvas.wait_tool("y", "window-y")
    canvas.drag("y", (2.0, -1.0), (4.0, 1.0))
    windowed = r"^max\[(1\.9|2)\d*(\.0\d)?, (3\.9|4)\d*(\.0\d)?\]\(x\) > 1\.(19|2)"
    expect(text).to_have_value(re.compile(windowed), timeout=10_000)

    canvas.button("Phase plane").click()
    canvas.wait_drawn("plane", tool="polygon-plane")
    canvas.path("plane", [(-1, -2), (1, -2), (1, 2), (-1, 2), (-1, -1.9)])
    expect(text).to_have_value(re.compile(r" and polygon\(x, y, \[\["), timeout=10_000)
    before = state.event.conjuncts[1].vertices
    canvas.wait_shape("plane", "C")
    canvas.drag("plane", (0.0, 0.0), (0.5, 0.5))
    moved = pytest.approx(before[0][0] + 0.5, abs=0.05)
    wait_until(lambda: state.event.conjuncts[1].vertices[0][0] == moved, page)
    assert state.parts.muted == {0}


def test_a_page_with_late_messages_gets_each_model_before_what_changes_in_it(late_messages, canvas):
    canvas.button("Phase plane").click()
    canvas.wait_drawn("plane", tool="polygon-plane")
    canvas.button("Time series").click()
    canvas.wait_drawn("x")
