"""Scenes in the page: a space that the hand turns, a field on both sides, pendulums that swing."""

import numpy as np
import pytest
from driving import Canvas
from panel.tests.util import wait_until
from toys import make_toy

from diffuse_ui.app import App, free_port, serve
from diffuse_ui.serving import wait_until_it_listens
from diffuse_ui.views.results.space import projected

pytestmark = pytest.mark.browser
FIELD = tuple(f"u{i}" for i in range(10))
MODEL = "name => Bokeh.documents.map(d => d.get_model_by_name(name)).find(m => m != null)"
COLUMN = f"""([name, which]) => {{
  const model = ({MODEL})(name);
  if (model == null || Bokeh.index.find_one(model) == null) return [];
  const sources = model.renderers.map(r => r.data_source).filter(s => s != null);
  const data = sources.map(s => s.data[which]).filter(c => c != null && c.length > 2);
  return data.length == 0 ? [] : Array.from(data[data.length - 1]).slice(0, 12);
}}"""
CAMERA = """() => {
  const models = Bokeh.documents.flatMap(d => [...d._all_models.values()]);
  const data = models.find(m => m.name == "camera").data;
  return [data.turn[0], data.tilt[0]];
}"""
CENTRE = f"""name => {{
  const box = Bokeh.index.find_one(({MODEL})(name)).canvas_view.el.getBoundingClientRect();
  return [box.left + box.width / 2, box.top + box.height / 2];
}}"""


@pytest.fixture
def opened(page):
    """Opens an app on a page; both are closed again."""
    closing = []

    def open_app(model, event, **choices):
        app = App(model, event=event, num_samples=64, estimator="monte_carlo", **choices)
        app.store.compare = False
        app.store.prepare()
        app.run()
        app.store.wait()
        port = free_port()
        server = serve(lambda: app.page(), port=port, threaded=True)
        closing.extend((server.stop, app.close))
        wait_until_it_listens(port)
        page.goto(f"http://127.0.0.1:{port}/")
        Canvas(page).wait_drawn(app.state.layout.variables[0])
        return app

    yield open_app
    for close in closing:
        close()


def show(page, label):
    page.get_by_role("tab", name=label, exact=True).click()


def camera(page):
    return tuple(page.evaluate(CAMERA))


def column(page, name, which):
    return np.array(page.evaluate(COLUMN, [name, which]), float)


@pytest.mark.slow
def test_a_space_turns_with_the_hand_and_a_field_has_two_sides(page, opened):
    opened(make_toy(FIELD), "max(u4) > 1", num_steps=12)
    show(page, "Space")
    wait_until(lambda: len(column(page, "space", "across")) > 2, page)
    page.get_by_role("tab").first.evaluate("tab => tab.scrollIntoView({block: 'start'})")
    page.wait_for_timeout(500)
    before, up = column(page, "space", "across"), column(page, "space", "z")
    turn, tilt = camera(page)
    x, y = page.evaluate(CENTRE, "space")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y + 30, steps=6)
    page.mouse.up()
    wait_until(lambda: np.abs(column(page, "space", "across") - before).max() > 0.05, page)
    assert camera(page) == pytest.approx(
        (turn + 0.48, tilt + 0.24), abs=0.02
    )  # what is in front follows the hand
    x, y, z = (column(page, "space", name) for name in "xyz")
    shown = [column(page, "space", name) for name in ("across", "up")]  # the page projects as Python does
    np.testing.assert_allclose(shown, projected(np.stack([x, y, z], axis=1), *camera(page)), atol=1e-6)
    np.testing.assert_array_equal(column(page, "space", "z"), up)  # the trajectories are the same
    show(page, "Space–time")
    for side in ("conditional", "reference"):
        name = f"field-{side}"
        painted = (
            f"name => (({MODEL})(name)?.renderers ?? []).some(r => r.data_source.data.image?.length == 1)"
        )
        page.wait_for_function(painted, arg=name, polling=100)


@pytest.mark.slow
def test_pendulums_swing_when_played(page, opened):
    opened("double_pendulum", "max(q1) > 0.5", num_steps=4)
    show(page, "Motion")
    wait_until(lambda: len(column(page, "motion", "x")) > 2, page)
    still = column(page, "motion", "x")
    page.locator("button.play, button[title=Play], .play").first.click()
    wait_until(lambda: not np.allclose(column(page, "motion", "x"), still, equal_nan=True), page)
