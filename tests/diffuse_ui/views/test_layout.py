"""Views without a browser: gestures, text, sliders and chips all edit one tree and all agree."""

import dataclasses
import json

import numpy as np
import panel as pn
import panel_material_ui as pmui
import pytest
from bokeh.events import SelectionGeometry, Tap
from PIL import Image
from toys import make_toy

import kernels
from diffuse_ui.figures.axes import SIZES
from diffuse_ui.views.controls import result_panel
from diffuse_ui.views.controls.export_panel import ExportPanel
from diffuse_ui.views.layout import Window
from diffuse_ui.work.session import Session


@pytest.fixture
def window(app):
    app.store.prepare()
    app.store.wait()
    window = app.window()
    yield window
    window.close()


def drag_box(window, index, x0, x1, y0, y1):
    figure = window.canvas.panels[index].figure
    geometry = {"type": "rect", "x0": x0, "x1": x1, "y0": y0, "y1": y1}
    figure._trigger_event(SelectionGeometry(figure, geometry=geometry, final=True))


def shapes(window):
    return {part.label: shape for part, shape, _ in window.canvas.shapes.shapes.values()}


def slider(window, name):
    rows = zip(window.editor._shown, window.editor._rows)
    return next(row.slider for number, row in rows if number.name.startswith(name))


def text(app):
    return str(app.state.event)


def test_a_drawn_box_is_an_event_with_text_sliders_chip_and_shape(app, window):
    drag_box(window, 0, 2.0, 3.0, 0.5, 1.5)
    assert text(app) == "box(x, [2, 3], [0.5, 1.5])"
    assert window.editor.text.value == text(app)
    assert slider(window, "lower edge").value == 0.5
    assert [chip.words.object for chip in window.chips.chips] == [app.state.event.describe(app.state.layout)]
    assert shapes(window)["A"].bottom == 0.5


def test_dragging_a_shape_moves_text_and_sliders(app, window):
    drag_box(window, 0, 2.0, 3.0, 0.5, 1.5)
    shape = shapes(window)["A"]
    shape.update(left=1.0, right=2.0)
    assert text(app) == "box(x, [1, 2], [0.5, 1.5])"
    assert window.editor.text.value == text(app)
    assert slider(window, "start").value == 1.0


def test_a_slider_moves_shape_and_text(app, window):
    drag_box(window, 0, 2.0, 3.0, 0.5, 1.5)
    slider(window, "upper edge").value = 1.2
    assert shapes(window)["A"].top == 1.2
    assert window.editor.text.value == "box(x, [2, 3], [0.5, 1.2])"


def test_the_range_of_a_slider_stays_while_it_is_dragged(app, window):
    window.editor.text.value = "max(x) > 1"
    app.store.wait()
    moved, ranges = slider(window, "threshold"), []
    moved.param.watch(lambda *_: ranges.append((moved.start, moved.end)), ["start", "end"])
    for value in (1.1, 1.2):
        moved.value = value
        app.store.hits = dataclasses.replace(app.store.hits, numbers=())  # satisfied first, ranges later
        app.store.wait()
    assert text(app) == "max(x) > 1.2"
    assert ranges == []
    values = app.store.backdrop["state"].sel(variable="y").max("time").values
    window.editor.text.value = "max(y) > 1"
    app.store.wait()
    of_y = slider(window, "threshold")
    assert of_y.start < values.min() < values.max() < of_y.end


def test_a_constant_of_a_formula_has_no_slider(window):
    window.editor.text.value = "max((x + y) / 2) > 2.5"
    assert [number.name for number in window.editor._shown] == ["threshold of max((x + y) / 2)"]


def test_text_makes_shapes_and_bad_text_leaves_them(app, window):
    window.editor.text.value = "max(y) > 2.5 and box(x, [2, 3], [0, 1]) avoids"
    assert shapes(window)["A"].bottom == 2.5
    assert shapes(window)["B"].hatch_pattern == "x"
    window.editor.text.value = "max(y > 2.5"
    assert window.editor.error.visible
    assert "^" in window.editor.error.object
    assert set(shapes(window)) == {"A", "B"}
    window.editor.text.value = "min(y) < -2.5"
    assert not window.editor.error.visible
    assert shapes(window)["A"].top == -2.5


def test_an_inner_window_that_is_cut_short_is_said_beside_the_text(app, window):
    window.editor.text.value = "always(eventually[1, 3](x > -9))"
    assert window.editor.caveats.visible
    assert "there it counts as false" in window.editor.caveats.object
    window.editor.text.value = "max[0, 99](x) > 1"
    assert not window.editor.caveats.visible
    assert "Write max[0, 7.5](x) &gt; 1." in window.editor.error.object
    window.editor.text.value = "max(x) > 1"
    assert not window.editor.caveats.visible


def test_a_click_in_threshold_mode_places_one_and_the_next_drag_is_a_box(app, window):
    window.session.look.mode = "threshold"
    figure = window.canvas.panels[1].figure
    figure._trigger_event(Tap(figure, x=3.0, y=3.0))
    assert text(app) == "max(y) > 3"
    assert window.session.look.mode == "box"
    figure._trigger_event(Tap(figure, x=3.0, y=1.0))
    assert text(app) == "max(y) > 3"


def test_a_drawn_line_is_a_tube_that_moves_as_a_whole(app, window):
    figure = window.canvas.panels[0].figure
    line = {"type": "poly", "x": list(np.linspace(1, 5, 30)), "y": list(np.sin(np.linspace(1, 5, 30)))}
    figure._trigger_event(SelectionGeometry(figure, geometry=line, final=True))
    before = app.state.event
    assert before.mode == "stays"
    assert len(before.times) <= 12
    shape = shapes(window)["A"]
    shape.update(xs=[x + 0.5 for x in shape.xs], ys=[y + 0.25 for y in shape.ys])
    after = app.state.event
    np.testing.assert_allclose(np.subtract(after.times, before.times), 0.5, atol=0.02)
    np.testing.assert_allclose(np.subtract(after.values, before.values), 0.25, atol=0.02)


def test_a_click_is_no_box_and_a_box_outside_is_cut(app, window):
    drag_box(window, 0, 2.0, 2.01, 0.5, 0.5)
    assert app.state.event is None
    drag_box(window, 0, -5.0, 3.0, 0.5, 1.0)
    assert app.state.event.window.start == 0.0


def test_two_drawings_are_joined_by_and_and_deleted_one_by_one(app, window):
    drag_box(window, 0, 2.0, 3.0, 0.5, 1.5)
    drag_box(window, 1, 4.0, 5.0, -1.0, 1.0)
    assert text(app) == "box(x, [2, 3], [0.5, 1.5]) and box(y, [4, 5], [-1, 1])"
    assert [chip.badge.label for chip in window.chips.chips] == ["A", "B"]
    window.chips.chips[0].delete.clicks += 1
    assert text(app) == "box(y, [4, 5], [-1, 1])"
    assert list(shapes(window)) == ["A"]
    window.chips.chips[0].delete.clicks += 1
    assert app.state.event is None
    assert window.chips.column.objects == [window.chips.empty]


def test_the_chip_changes_the_meaning(app, window):
    drag_box(window, 0, 2.0, 3.0, 0.5, 1.5)
    window.chips.chips[0].modes.value = "avoids"
    assert text(app).endswith("avoids")
    window.toolbar.undo.clicks += 1
    assert app.state.event.mode == "passes"
    assert window.chips.chips[0].modes.value == "passes"


def test_a_shape_dragged_to_where_no_event_can_be_goes_back(app, window):
    drag_box(window, 0, 2.0, 3.0, 0.5, 1.5)
    shapes(window)["A"].right = 2.2
    shapes(window)["A"].left = 2.1  # now it holds no sample
    assert text(app) == "box(x, [2, 2.2], [0.5, 1.5])"
    assert shapes(window)["A"].left == 2.0


def test_a_model_that_cannot_be_loaded_changes_nothing_and_one_handed_over_is_found_again(app, window, toy):
    app.state.write("max(x) > 1")
    choice = window.model.model
    choice.options = [*choice.options, "nowhere"]
    choice.value = "nowhere"
    assert choice.value == app.state.model_name == "toy"
    assert "`model` must be one of" in window.session.look.warning
    other = kernels.Model.from_denoiser(toy.denoiser, toy.layout, card={"name": "other"})
    app.state.choose_model(other)
    assert {"toy", "other"} <= set(choice.options)
    choice.value = "toy"
    assert app.state.model is toy
    assert text(app) == "max(x) > 1"  # both can have it


def test_names_from_a_file_are_no_markup(app, window):
    odd = "<b>"
    app.state.choose_model(make_toy((odd, "y")))
    app.state.given = f"at({odd}, 0) == 1 tolerance 0.1"
    assert "&lt;b&gt;" in window.model.known.title
    assert odd not in window.model.known.title


def test_hits_of_which_more_is_known_are_not_painted_again(app, window):
    app.state.write("max(x) > 1")
    app.store.wait()
    panel = window.canvas.panels[0]
    painted = []
    panel.sources["hits"].on_change("data", lambda attr, old, new: painted.append(new))
    app.store.hits = dataclasses.replace(app.store.hits, numbers=())
    assert not painted
    app.state.write("max(x) > 1.5")
    app.store.wait()
    assert len(painted) == 1


def test_hits_are_shown_until_there_is_a_result(app, window):
    drag_box(window, 0, 2.0, 3.0, 0.5, 1.5)
    app.store.wait()
    panel = window.canvas.panels[0]
    assert panel.glyphs["hits"][0].visible
    assert f"{app.store.hits.count} of {app.store.hits.total}" in window.result.pane.object
    app.run()
    assert not panel.glyphs["hits"][0].visible
    assert len(panel.sources["curves"].data["x"]) > 0
    assert "data-probability" in window.result.pane.object


def test_results_say_what_they_are_and_when_they_are_stale(app, window):
    app.state.write("max(x) > 1")
    app.run()
    assert ">exact<" in window.result.pane.object
    app.state.method = "guided"
    app.run()
    assert ">approximate<" in window.result.pane.object
    assert "stale" not in window.result.pane.object
    app.state.write("max(x) > 1.2")
    assert "stale" in window.result.pane.object


def test_run_stop_and_errors_in_the_run_panel(app, window, monkeypatch):
    window.run.run.clicks += 1
    assert window.run.run.disabled
    assert not window.run.stop.disabled
    app.store.wait()
    assert not window.run.run.disabled
    assert window.run.progress.value == 100

    def breaks(spec):
        raise ValueError("`num_steps` must be at least 2.")
        yield

    monkeypatch.setattr("kernels.stream", breaks)
    window.run.run.clicks += 1
    app.store.wait()
    assert window.run.message.object == "`num_steps` must be at least 2."


def test_numbers_of_no_preset_are_left_alone_when_the_page_is_rendered(app):
    page = app.page()
    page.get_root()
    assert (app.state.num_samples, app.state.num_steps) == (64, 12)
    app.state.num_samples = 65
    assert (app.state.num_samples, app.state.num_steps) == (65, 12)


@pytest.mark.parametrize("view", ["time series", "phase plane"])
@pytest.mark.parametrize("variables", [("x",), ("x", "y", "z"), ("a", "b")])
def test_another_model_has_panels_of_its_own(app, window, view, variables):
    window.session.look.view = view
    app.state.write("max(x) > 0.8")
    app.store.wait()
    app.state.param.update(model=make_toy(variables), given="")
    app.store.wait()
    shown = window.canvas if view == "time series" else window.phase_plane
    lengths = {len(panel.sources["backdrop"].data["x"]) for panel in shown.panels}
    assert len(lengths) == 1
    assert lengths.pop() > 50
    names = [panel.place for panel in shown.panels]
    assert names == (list(variables) if view == "time series" else [(variables[0], variables[-1])])


def test_presets_and_numbers_agree(app, window):
    window.run.preset.value = "careful"
    assert app.state.num_samples == 2048
    app.state.num_samples = 77
    assert window.run.preset.value is None


def test_known_values_are_checked_where_they_are_written(app, window):
    window.model.given.value = "at(q, 0) == 1 tolerance 0.1"
    assert window.model.given.error_state
    window.model.given.value = "at(x, 0) == 1 tolerance 0.1"
    assert not window.model.given.error_state
    assert app.state.given == "at(x, 0) == 1 tolerance 0.1"


def test_dark_and_light_repaint(app, window):
    drag_box(window, 0, 2.0, 3.0, 0.5, 1.5)
    light = shapes(window)["A"].fill_color
    window.session.look.dark = True
    assert shapes(window)["A"].fill_color != light


def test_two_windows_on_one_app_show_the_same_event_with_looks_of_their_own(app, window):
    other: Window = app.window()
    drag_box(window, 0, 2.0, 3.0, 0.5, 1.5)
    assert other.editor.text.value == window.editor.text.value
    window.session.look.mode = "tube"
    assert other.session.look.mode == "box"
    other.close()
    app.state.write("")
    assert other.editor.text.value != ""


def test_downloads_wait_for_a_result(app, window):
    assert window.export.downloads["PNG"].disabled
    assert not window.export.downloads["Python"].disabled
    app.run()
    assert not window.export.downloads["PNG"].disabled
    app.state.write("max(x) > 1")
    for label, download in window.export.downloads.items():
        assert len(download.callback().getvalue()) > 50, label


def test_the_export_panel_says_what_it_exports(app, window):
    panel = window.export
    assert panel.downloads["Event"].disabled
    app.state.write("max(x) > 1")
    app.run()
    assert "max(x) &gt; 1" in panel.caption.object
    assert "event=max%28x%29" in panel.link.object
    assert "--event" in panel.command.object
    document = json.loads(panel.downloads["Event"].callback().getvalue())
    assert kernels.Event.from_dict(document) == app.state.event
    spec = kernels.RunSpec.from_dict(json.loads(panel.downloads["Run"].callback().getvalue()))
    assert spec == app.state.to_spec(model="toy")
    assert "P =" in panel.downloads["Notebook"].callback().getvalue().decode()


def test_figures_are_exported_in_the_chosen_size_and_font(app, window):
    panel = window.export
    app.run()
    panel.size.value, panel.font.value = "single column", 6
    assert panel.figure_size() == dataclasses.replace(SIZES["single column"], font_size=6.0)
    panel.dark.value, panel.captioned.value = True, False
    with Image.open(panel.downloads["PNG"].callback()) as picture:
        assert picture.size[0] == pytest.approx(89 / 25.4 * 300, abs=1)
        assert max(picture.convert("RGB").getpixel((2, 2))) < 60


def test_a_notice_is_shown_until_it_is_closed(window):
    assert not window.notice.alert.visible
    window.session.look.warning = "The link <b>cannot</b> be followed."
    assert window.notice.alert.visible
    assert window.notice.words.object == "The link &lt;b&gt;cannot&lt;/b&gt; be followed."
    window.notice.alert.closed = True
    assert window.session.look.warning == ""
    assert not window.notice.alert.visible


def test_the_card_is_at_hand(window):
    assert "16 times from 0 to 7.5 s" in window.model.rows.object


def test_time_left_is_said_once_it_can_be_told(app, window, monkeypatch):
    clock = iter([0.0, 0.5, 10.0, 30.0, 31.0, 31.2])
    monkeypatch.setattr("diffuse_ui.views.controls.run_panel.time.monotonic", lambda: next(clock))
    left = window.run.left
    assert left.words(0.0) == ""
    assert left.words(0.2) == ""
    assert left.words(0.5) == ", about 10 s left"
    assert left.words(0.9) == ", about 3 s left"
    assert left.words(0.0) == ""
    assert left.words(0.2) == ""


def test_the_app_in_a_cell_is_a_frame_on_this_machine(app):
    bundle = app._repr_mimebundle_()
    assert 'src="http://127.0.0.1:' in bundle["text/html"]
    assert "toy" in bundle["text/plain"]
    assert app.as_widget().value == bundle["text/html"]


def click(window, index, time, level, mode):
    window.session.look.mode = mode
    figure = window.canvas.panels[index].figure
    figure._trigger_event(Tap(figure, x=time, y=level))


def test_a_clicked_point_is_dragged_and_becomes_knowledge_and_comes_back(app, window):
    click(window, 0, 3.1, 0.5, "point")
    event = app.state.event
    low, high = window.canvas._range(window.canvas.panels[0])
    assert (event.left.time, event.right.value) == (3.0, 0.5)
    assert event.tolerance == pytest.approx(0.02 * (high - low), rel=0.05)
    shape = shapes(window)["A"]
    shape.top = shape.top + 0.2  # the bar is the tolerance
    assert app.state.event.tolerance == pytest.approx(event.tolerance + 0.1, abs=0.02)
    chip = window.chips.chips[0]
    assert chip.words.object.startswith("x at time 3 s is within")
    before = text(app)
    chip.actions["know"].clicks += 1
    assert app.state.event is None
    assert app.state.given == before
    assert list(shapes(window)) == ["a"]
    assert [chip.badge.label for chip in window.chips.known] == ["a"]
    shapes(window)["a"].update(bottom=-1.0, top=-0.5)
    assert app.state.known.event.right.value == pytest.approx(-0.75, abs=0.02)
    window.chips.known[0].actions["ask"].clicks += 1
    assert app.state.given == ""
    assert text(app).startswith("at(x, 3) == -0.7")
    for _ in range(2):
        window.toolbar.undo.clicks += 1
    assert app.state.given == ""
    window.toolbar.redo.clicks += 1
    assert app.state.given != ""


def test_many_known_points_are_dots_and_one_line(app, window):
    app.state.know(" and ".join(f"at(x, {time / 2}) == 0 tolerance 0.1" for time in range(14)))
    assert shapes(window) == {}
    assert len(window.canvas.panels[0].marks.data["x"]) == 14
    assert window.chips.known == []
    assert "14 points" in window.chips.known_words.object


def lasso(window, xs, ys):
    figure = window.phase_plane.panels[0].figure
    geometry = {"type": "poly", "x": list(xs), "y": list(ys)}
    figure._trigger_event(SelectionGeometry(figure, geometry=geometry, final=True))


def test_a_lasso_in_the_phase_plane_is_a_polygon_that_is_bent_and_turned_away_from(app, window):
    assert not window.phase_plane.panels  # nothing is made for a view that is not shown
    window.toolbar.view.value = "phase plane"
    assert window.phase_plane.frame.visible
    assert not window.canvas.frame.visible
    panel = window.phase_plane.panels[0]
    assert len(panel.sources["backdrop"].data["x"]) > 100
    angles = np.linspace(0, 2 * np.pi, 50)
    lasso(window, np.cos(angles), 2 * np.sin(angles))
    event = app.state.event
    assert text(app).startswith("polygon(x, y, [[")
    assert len(event.vertices) <= 12
    shape = window.phase_plane.shapes.shapes[False, "A"][1]
    shape.xs = [shape.xs[0] + 0.5, *shape.xs[1:]]
    assert app.state.event.vertices[0][0] == pytest.approx(event.vertices[0][0] + 0.5, abs=0.01)
    assert app.state.event.vertices[1:] == event.vertices[1:]
    window.chips.chips[0].modes.value = "avoids"
    assert text(app).endswith("avoids")
    window.toolbar.axes[0].value = "y"
    assert window.phase_plane.shapes.shapes == {}
    window.toolbar.axes[0].value = "x"
    assert list(window.phase_plane.shapes.shapes) == [(False, "A")]
    window.toolbar.view.value = "time series"
    assert shapes(window) == {}
    assert [chip.badge.label for chip in window.chips.chips] == ["A"]


def test_the_phase_plane_shows_hits_and_results(app, window):
    app.state.write("max(x) > 1")
    app.run()
    window.session.look.view = "phase plane"
    panel = window.phase_plane.panels[0]
    assert panel.glyphs["curves"][0].visible
    x = np.asarray(panel.sources["curves"].data["x"])
    assert np.nanmax(x) > 1


def brush(window, index, left, right):
    window.session.look.mode = "window"
    drag_box(window, index, left, right, -1.0, 1.0)


def test_a_brush_sets_the_window_of_the_chosen_threshold(app, window):
    app.state.write("max(x) > 1 and min(y) < 0")
    window.chips.chips[1].badge.clicks += 1
    brush(window, 0, 1.0, 3.0)
    assert text(app) == "max(x) > 1 and min[1, 3](y) < 0"
    assert window.session.look.mode == "box"
    assert (shapes(window)["B"].left, shapes(window)["B"].right) == (1.0, 3.0)
    window.chips.chips[1].badge.clicks += 1
    brush(window, 0, 2.0, 4.0)
    assert text(app) == "max[2, 4](x) > 1 and min[1, 3](y) < 0"
    brush(window, 0, -1.0, 9.0)
    assert text(app) == "max(x) > 1 and min[1, 3](y) < 0"
    app.state.write("mean(x) > 0")
    brush(window, 0, 1.0, 3.0)
    assert window.toolbar.hint.object.startswith("A window belongs to a threshold or a box.")


def test_chips_negate_mute_and_join(app, window, monkeypatch):
    monkeypatch.setattr("diffuse_ui.state.state.GESTURE", 0.0)  # every change is a step of undo
    drag_box(window, 0, 2.0, 3.0, 0.5, 1.5)
    click(window, 1, 3.0, 3.0, "threshold")
    first, second = window.chips.chips
    first.actions["negate"].value = True
    assert text(app) == "not box(x, [2, 3], [0.5, 1.5]) and max(y) > 3"
    assert shapes(window)["A"].line_dash == [5, 4]
    window.chips.joiner.value = "or"
    assert text(app) == "not box(x, [2, 3], [0.5, 1.5]) or max(y) > 3"
    shapes(window)["B"].bottom = 2.0
    assert text(app) == "not box(x, [2, 3], [0.5, 1.5]) or max(y) > 2"
    second.actions["mute"].value = True
    assert text(app) == "not box(x, [2, 3], [0.5, 1.5])"
    assert not shapes(window)["B"].editable
    shapes(window)["A"].left = 1.0
    assert text(app) == "not box(x, [1, 3], [0.5, 1.5])"
    assert [chip.part.muted for chip in window.chips.chips] == [False, True]
    window.toolbar.undo.clicks += 1
    window.toolbar.undo.clicks += 1
    assert text(app) == "not box(x, [2, 3], [0.5, 1.5]) or max(y) > 2"
    assert [chip.part.muted for chip in window.chips.chips] == [False, False]
    window.toolbar.redo.clicks += 1
    assert window.chips.chips[1].actions["mute"].value
    window.toolbar.clear.clicks += 1
    assert window.chips.chips == []


def test_two_chosen_parts_follow_each_other_and_come_apart(app, window):
    app.state.write("max[0, 2](x) > 1 and max(y) > 2 and min(x) < -1")
    window.chips.chips[1].badge.clicks += 1
    window.chips.chips[0].badge.clicks += 1
    assert window.chips.then.label == "B then A"
    window.chips.choose(window.chips.chips[1].part)
    window.chips.choose(window.chips.chips[1].part)
    assert window.chips.then.label == "A then B"
    window.chips.then.clicks += 1
    assert text(app) == "eventually[0, 2](x > 1 and eventually[0, 1.88](y > 2)) and min(x) < -1"
    assert set(shapes(window)) == {"A1", "A2", "B"}
    shapes(window)["A2"].bottom = 1.5
    assert "y > 1.5" in text(app)
    labels = [row.name.object for row in window.editor._rows]
    assert any("<b>A2</b>" in label for label in labels)
    window.chips.chips[0].actions["separate"].clicks += 1
    assert text(app) == "max[0, 2](x) > 1 and max(y) > 1.5 and min(x) < -1"


def test_what_cannot_follow_is_said(app, window):
    app.state.write("mean(x) > 1 and max(y) > 2")
    for chip in window.chips.chips:
        chip.badge.clicks += 1
    window.chips.then.clicks += 1
    assert text(app) == "mean(x) > 1 and max(y) > 2"
    assert window.toolbar.hint.object.startswith("`mean(x) > 1` must happen at a time")


def test_axes_hold_conditional_trajectories_and_are_not_stretched_by_misses(app, window):
    panel = window.canvas.panels[0]
    before = panel.y_range.end
    app.state.write("max(x) > 1")
    app.state.param.update(method="guided", estimator=None)
    app.run()
    result = app.store.result
    states = result.dataset["state"].copy()
    satisfied = result.dataset["satisfied"].copy()
    states[0], states[1] = 100.0, 5.0
    satisfied[0], satisfied[1] = False, True
    dataset = result.dataset.assign(state=states, satisfied=satisfied)
    snapshot = dataclasses.replace(result.snapshot, dataset=dataset)
    app.store.result = dataclasses.replace(result, snapshot=snapshot)
    assert before < 5.0 < panel.y_range.end < 7.0


def test_what_is_folded_away_is_built_once_when_it_is_opened(window):
    folds = (window.run.advanced, window.model.known, window.model.more)
    assert [len(fold) for fold in folds] == [0, 0, 0]
    for _ in range(2):
        for collapsed in (False, True):
            window.run.advanced.collapsed = collapsed
            assert len(window.run.advanced) == 1


def test_the_export_rows_come_once_the_page_is_there(app, monkeypatch):
    def labels(section):
        return {download.label for download in section.select(pmui.FileDownload)}

    without_a_page = labels(ExportPanel(Session(app.state, app.store)).__panel__())
    assert {"PNG", "NetCDF", "Python"} < without_a_page
    loaded = []
    monkeypatch.setattr(type(pn.state), "onload", lambda _, call: loaded.append(call))
    section = ExportPanel(Session(app.state, app.store)).__panel__()
    assert not labels(section)
    for call in loaded:
        call()
    assert labels(section) == without_a_page


def test_the_advanced_fields_and_the_state_agree(app, window):
    window.run.advanced.collapsed = False
    fields = {
        widget.label: widget
        for widget in window.run.advanced.select(lambda w: hasattr(w, "label"))
        if widget.label
    }
    app.state.param.update(method="guided", seed=9)
    assert (fields["Ensemble"].value, fields["Seed"].value) == ("guided", 9)
    fields["Probability by"].value = "monte_carlo"
    fields["Guided steps"].value = 33
    assert (app.state.estimator, app.state.num_steps) == ("monte_carlo", 33)
    fields["Seed"].value = None
    assert (app.state.seed, fields["Seed"].value) == (9, 9)


def test_an_estimate_that_is_the_models_number_stands_once(finished):
    result = finished.result
    once = result_panel._table(dataclasses.replace(result, references={"model": result.probability}))
    assert "model = estimate" in once
    assert once.count("<tr>") == 1
    other = dataclasses.replace(result.probability, value=0.5)
    twice = result_panel._table(dataclasses.replace(result, references={"model": other}))
    assert "model = estimate" not in twice
    assert twice.count("<tr>") == 2
