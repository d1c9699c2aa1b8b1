"""Mouse gestures on the sketch canvas, in data coordinates."""

from playwright.sync_api import Error

FIND = """name => {  // the figure that is on the page: a page keeps the models of those that were replaced
  const models = Bokeh.documents.flatMap(d => [...d._all_models.values()]);
  return models.findLast(m => m.name == 'canvas-' + name && Bokeh.index.find_one(m) != null);
}"""


def finding(script):
    """A script for the page in which FIND is the function that finds a figure."""
    return script.replace("FIND", f"({FIND})")


PIXEL = finding("""([name, x, y]) => {
  const model = FIND(name);
  const view = Bokeh.index.find_one(model), frame = view.frame.bbox;
  const box = view.canvas_view.el.getBoundingClientRect();
  const fx = (x - model.x_range.start) / (model.x_range.end - model.x_range.start);
  const fy = (y - model.y_range.start) / (model.y_range.end - model.y_range.start);
  return [box.left + frame.left + fx * frame.width, box.top + frame.bottom - fy * frame.height];
}""")
DRAWN = finding("""name => {
  const cover = document.getElementById("loader");  // of the page, while it is being built: it takes the mouse
  if (typeof Bokeh === "undefined" || (cover != null && cover.checkVisibility())) return false;
  const model = FIND(name);
  if (model == null) return false;
  return model.renderers.some(r => r.data_source && r.data_source.data.x && r.data_source.data.x.length > 50);
}""")
SHOWN = """() => JSON.stringify({
  address: location.href, text: document.body.innerText.slice(0, 300),
  sources: typeof Bokeh === "undefined" ? null : Bokeh.documents.map(d => [...d._all_models.values()]
    .filter(m => m.data && m.data.x).map(m => m.data.x.length)),
})"""
TOOL = finding("""([name, tool]) => {
  const model = FIND(name);
  const active = model.toolbar.active_drag;
  return (active == null ? '' : active.name) == tool;
}""")

SHAPE = finding("""([name, label]) => {
  const model = FIND(name);
  return model.center.some(shape => shape.name == 'shape-' + label && shape.editable);
}""")


class Canvas:
    """Mouse gestures on the sketch canvas of a page or of a frame in one."""

    def __init__(self, page, frame=None):
        self.page, self.frame = page, frame or page

    def wait_drawn(self, name, timeout=120_000, tool=None):
        """Until the backdrop is there, the tool is active and the layout has come to rest."""
        try:
            self.frame.wait_for_function(DRAWN, arg=name, timeout=timeout, polling=200)
        except Error as error:
            raise AssertionError(f"not drawn: {self.frame.evaluate(SHOWN)}") from error
        self.wait_tool(name, tool or f"box-{name}")
        places = []
        while len(places) < 4 or len(set(places[-4:])) > 1:
            self.page.wait_for_timeout(200)
            places.append(tuple(self.pixel(name, 1.0, 0.5)))

    def wait_gone(self, name):
        """Until no figure of that name is on the page."""
        self.frame.wait_for_function(finding("name => FIND(name) == null"), arg=name, polling=200)

    def wait_tool(self, name, tool):
        """Until a panel's active drag tool is the named one in the browser; "" for none."""
        self.frame.wait_for_function(TOOL, arg=[name, tool], polling=200)
        self.page.wait_for_timeout(200)

    def wait_shape(self, name, label):
        """Until the shape of that letter can be dragged in the browser."""
        self.frame.wait_for_function(SHAPE, arg=[name, label], polling=200)
        self.page.wait_for_timeout(600)  # painted, and the hand that made it has rested

    def pixel(self, name, x, y):
        px, py = self.frame.evaluate(PIXEL, [name, x, y])
        if self.frame is self.page:
            return px, py
        box = self.frame.frame_element().bounding_box()
        return box["x"] + px, box["y"] + py

    def drag(self, name, start, end, steps=8, pause=0):
        """A straight drag; `pause` in ms is how long the button is held before the mouse moves."""
        (x0, y0), (x1, y1) = self.pixel(name, *start), self.pixel(name, *end)
        self.page.mouse.move(x0, y0)
        self.page.mouse.down()
        self.page.wait_for_timeout(pause)
        for step in range(1, steps + 1):
            self.page.mouse.move(x0 + (x1 - x0) * step / steps, y0 + (y1 - y0) * step / steps)
        self.page.mouse.up()

    def path(self, name, points):
        """A drag along several points."""
        places = [self.pixel(name, *point) for point in points]
        self.page.mouse.move(*places[0])
        self.page.mouse.down()
        for place in places[1:]:
            self.page.mouse.move(*place)
        self.page.mouse.up()

    def button(self, label):
        return self.frame.get_by_role("button", name=label, exact=True)
