"""What a page sends back late is not what the user chose."""

import panel_material_ui as pmui
import pytest

import kernels
from diffuse_ui.views import two_way
from diffuse_ui.views.two_way import TwoWayBinding


@pytest.fixture
def bound():
    from_user = []
    field = pmui.TextInput(value="")
    return field, TwoWayBinding(field, from_user.append), from_user


def test_only_values_of_the_user_reach_the_callback(bound):
    field, binding, from_user = bound
    binding.set("1")
    field.value = "2"
    assert from_user == ["2"]


def test_a_value_that_comes_back_late_changes_nothing(bound):
    field, binding, from_user = bound
    binding.set("1")
    binding.set("2")
    field.value = "1"  # the page had not painted it when the next one came
    assert (from_user, field.value) == ([], "2")


def test_a_value_of_long_ago_is_the_users(bound, monkeypatch):
    field, binding, from_user = bound
    binding.set("1")
    binding.set("2")
    now = two_way.time.monotonic()
    monkeypatch.setattr(two_way.time, "monotonic", lambda: now + two_way.ECHO + 1)
    field.value = "1"
    assert from_user == ["1"]


def test_the_users_own_value_may_come_again(bound):
    field, binding, from_user = bound
    field.value = "1"
    binding.set("2")
    field.value = "1"
    assert from_user == ["1", "1"]


def test_a_late_field_does_not_undo_a_drag(app):
    window = app.window()
    for level in (1.2, 1.57, 1.8):
        app.state.set_event(kernels.parse_event(f"max(x) > {level}"))
    row = window.editor._rows[0]
    row.field.value = "1.57"
    window.editor.text.value = "max(x) > 1.2"
    assert app.state.text == "max(x) > 1.8"
    assert (row.field.value, window.editor.text.value) == ("1.8", "max(x) > 1.8")
    window.close()
