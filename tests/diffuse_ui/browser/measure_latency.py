"""How soon the app answers, in the browser; prints, gates nothing.

    python tests/diffuse_ui/browser/measure_latency.py [model] [event]

Three waits of a served page with 512 samples of 80 steps: from moving a slider to the repainted hits of the
backdrop; from Run to the first conditional curves (the second run: what compiles is compiled), and to the
finished result; and the longest stretch in which the page could not answer while results were streaming.
"""

import sys
import time
from contextlib import contextmanager

import numpy as np
from conftest import CHROMIUM, FLAGS
from driving import Canvas
from playwright.sync_api import sync_playwright

from diffuse_ui.app import App, free_port, serve

# Notes when each source was last painted: a change of data, and the frame after the next one.
WATCH = """names => {
  window.painted = {}; window.longest = 0;
  for (const doc of Bokeh.documents) for (const model of doc._all_models.values())
    if (names.includes(model.name)) model.properties.data.change.connect(() => {
      const size = model.data.x.length;
      requestAnimationFrame(() => requestAnimationFrame(() => {
        (window.painted[model.name] ??= []).push([performance.now(), size]);
      }));
    });
  new PerformanceObserver(list => {
    for (const entry of list.getEntries()) window.longest = Math.max(window.longest, entry.duration);
  }).observe({entryTypes: ['longtask']});
}"""
PAINTED = "([name, since]) => (window.painted[name] ?? []).filter(p => p[0] > since && p[1] > 0)"
NUM_MOVES = 30


def now(page):
    return page.evaluate("() => performance.now()")


def wait_painted(page, name, since, timeout=60_000):
    """Milliseconds from `since` to the first painting of a source with something in it."""
    page.wait_for_function(
        f"a => ({PAINTED})(a).length > 0", arg=[name, since], timeout=timeout, polling="raf"
    )
    return page.evaluate(PAINTED, [name, since])[0][0] - since


def moved(page, slider, source):
    """Waits after single moves of a slider, one after the other."""
    slider.focus()
    waits = []
    for move in range(NUM_MOVES):
        since = now(page)
        page.keyboard.press("ArrowRight" if move % 10 < 5 else "ArrowLeft")
        waits.append(wait_painted(page, source, since))
        page.wait_for_timeout(400)  # what a move sets off has ended
    return np.array(waits)


def dragged(page, slider, source):
    """Paintings in a second of dragging, and the wait after its last move."""
    box = slider.locator("xpath=..").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    begin = now(page)
    for step in range(40):
        page.mouse.move(x + 0.2 * step, y)  # not so far that no trajectory is left to paint
        page.wait_for_timeout(20)
    last = now(page)
    page.mouse.move(x + 1.0, y)  # back, so that the value changes wherever the drag has ended
    waited = wait_painted(page, source, last)
    page.mouse.up()
    return len(page.evaluate(PAINTED, [source, begin])) / (1e-3 * (last - begin)), waited


def run(page, app, source):
    """Seconds from Run to the first conditional curves and to the end, and the page's longest task (ms)."""
    page.evaluate("() => { window.longest = 0; }")
    since, begin = now(page), time.perf_counter()
    page.get_by_role("button", name="Run", exact=True).click()
    first = wait_painted(page, source, since)
    app.store.wait(600)
    return 1e-3 * first, time.perf_counter() - begin, page.evaluate("() => window.longest")


@contextmanager
def opened(model):
    """The app of a model, and a page of it on which the backdrop has been drawn."""
    app, port = App(model, num_samples=512, num_steps=80), free_port()
    server = serve(lambda: app.page(), port=port, threaded=True)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            page = browser.new_page(viewport={"width": 1500, "height": 1000})
            page.goto(f"http://127.0.0.1:{port}/")
            Canvas(page).wait_drawn(app.state.layout.variables[0])
            yield app, page
            browser.close()
    finally:
        server.stop()
        app.close()


def main(model="lorenz63", event="max(x) > 0.8"):
    with opened(model) as (app, page):
        hits, curves = (f"{what}-{app.state.layout.variables[0]}" for what in ("hits", "curves"))
        app.state.write(event)
        page.wait_for_timeout(3000)
        page.evaluate(WATCH, [hits, curves])
        slider = page.get_by_role("slider").first
        moved(page, slider, hits)
        waits = moved(page, slider, hits)
        print(f"{model}, {event}")
        print(f"  slider to repainted hits: median {np.median(waits):.0f} ms, worst {waits.max():.0f} ms")
        rate, waited = dragged(page, slider, hits)
        print(
            f"  dragging: {rate:.0f} repaintings a second, the last one {waited:.0f} ms after the hand stopped"
        )
        for number, seed in enumerate((1, 2, 3)):
            app.state.seed = seed
            page.wait_for_timeout(1000)
            first, whole, longest = run(page, app, curves)
            print(
                f"  run {number + 1}: first curves after {first:.2f} s, finished after {whole:.1f} s, "
                f"page blocked for {longest:.0f} ms at most"
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
