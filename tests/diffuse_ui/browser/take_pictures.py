"""Take pictures of the running app in the states that its documentation shows.

python tests/diffuse_ui/browser/take_pictures.py [--into notebooks/images] [state …]

Without names all of `STATES` are taken, each from a server of its own. `app` is the README's picture.
"""

import argparse
import dataclasses
import io
import shutil
from pathlib import Path

from driving import Canvas
from panel.tests.util import wait_until
from PIL import Image
from playwright.sync_api import sync_playwright

from diffuse_ui.app import App, free_port, serve

BOXES = "box(x, [2, 2.4], [0.6, 0.85]) and max[3.5, 4.5](x) < 0"
LOBE = "mean(abs(rfft(x))[1:]) < 0.6"


@dataclasses.dataclass(frozen=True)
class State:
    """What is opened, run and shown.

    Attributes:
        model: its name.
        events: run one after the other; the last stays.
        tab: label of the result tab; empty for the first one.
        text: written over the event afterwards, without a run.
        size: of the window.
        below: scrolled down to what stands below the canvas.
        dark: theme.
        num_samples: trajectories.
    """

    model: str = "lorenz63"
    events: tuple[str, ...] = ()
    tab: str = ""
    text: str = ""
    view: str = ""
    size: tuple[int, int] = (1500, 1200)
    below: bool = False
    dark: bool = False
    num_samples: int = 512


STATES = {
    "app": State(events=(BOXES,)),
    "dark": State(events=(BOXES,), tab="Marginals", dark=True),
    "empty": State(),
    "error": State(events=(LOBE,), text="max(x > 0.9", size=(1280, 800), num_samples=256),
    "narrow": State(events=(LOBE,), tab="Constraint", size=(1280, 800), below=True, num_samples=256),
    "rare": State(events=("max(x) > 0.93",), tab="Constraint", num_samples=256),
    "compared": State(events=("max(x) > 0.8", "min(x) < -0.8"), tab="Runs", below=True, num_samples=256),
    "plane": State(
        events=("polygon(x, z, [[0.3, 0.9], [0.7, 0.9], [0.7, 1.7], [0.3, 1.7]])",), view="Phase plane"
    ),
    "space": State(events=(LOBE,), tab="Space", below=True, num_samples=256),
    "fitzhugh_nagumo": State("fitzhugh_nagumo", ("max((x1 + x2) / 2) > 2",), num_samples=256),
    "double_pendulum": State(
        "double_pendulum", ("max(abs(q2)) > 3.14159",), "Motion", below=True, num_samples=256
    ),
    "kuramoto_sivashinsky": State(
        "kuramoto_sivashinsky", ("max(u16) > 2.2",), "Space–time", below=True, num_samples=256
    ),
    "lorenz96": State("lorenz96", ("max(energy) > 12",), num_samples=256),
}


def take(browser, name, state, folder):
    """One picture."""
    app = App(state.model, num_samples=state.num_samples)
    port = free_port()
    server = serve(lambda: app.page(), port=port, threaded=True)
    width, height = state.size
    page = browser.new_page(
        viewport={"width": width, "height": height},
        device_scale_factor=1.0,
        color_scheme="dark" if state.dark else "light",
    )
    try:
        page.goto(f"http://127.0.0.1:{port}/")
        Canvas(page).wait_drawn(app.state.layout.variables[0])
        if state.dark:
            page.locator("header button").last.click()
        for event in state.events:
            app.state.write(event)
            page.wait_for_timeout(1500)
            page.get_by_role("button", name="Run", exact=True).click()
            wait_until(lambda: is_finished(app), page, timeout=600_000)
        if state.view:
            page.get_by_role("button", name=state.view, exact=True).click()
        if state.tab:
            page.get_by_role("tab", name=state.tab, exact=True).click()
        if state.text:
            page.locator("textarea").first.fill(state.text)
            page.locator("textarea").first.press("Shift+Enter")
        if len(state.events) > 1:
            page.get_by_role("checkbox", name="Run 1").check()
        page.mouse.move(5, 5)
        page.wait_for_timeout(4000)
        if state.below:
            page.get_by_role("tab").first.evaluate("tab => tab.scrollIntoView({block: 'start'})")
            page.wait_for_timeout(1000)
        smaller(page.screenshot()).save(folder / f"{name}.png", optimize=True)
    finally:
        page.close()
        server.stop()
        app.close()


def is_finished(app):
    """Whether the event on the page has been run to its end, and compared."""
    result = app.store.result
    asked = result is not None and not result.live and result.spec.event == app.state.event
    return asked and app.store.status == "done"


def smaller(png):
    """The picture with a palette, which rare colours are in as well: what was drawn is thin."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    return picture.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("states", nargs="*", choices=[*STATES, []])
    parser.add_argument("--into", type=Path, default=Path("notebooks/images"))
    options = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        for name in options.states or STATES:
            take(browser, name, STATES[name], options.into)
            print(name, flush=True)
        browser.close()


if __name__ == "__main__":
    main()
