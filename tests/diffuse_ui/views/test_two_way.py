"""What a page sends back late is not what the user chose."""

import panel_material_ui as pmui
import pytest

import kernels
from diffuse_ui.views import two_way
from diffuse_ui.views.two_way import Voice


@pytest.fixture
def said():
    heard = []
    field = pmui.TextInput(value="")
    return field, Voice(field, heard.append), heard


def test_the_program_is_not_heard_and_the_user_is(said):
    field, voice, heard = said
    voice.say("1")
    field.value = "2"
    assert heard == ["2"]


def test_a_value_that_comes_back_late_changes_nothing(said):
    field, voice, heard = said
    voice.say("1")
    voice.say("2")
    field.value = "1"  # the page had not painted it when the next one came
    assert (heard, field.value) == ([], "2")


def test_a_value_of_long_ago_is_the_users(said, monkeypatch):
    field, voice, heard = said
    voice.say("1")
    voice.say("2")
    now = two_way.time.monotonic()
    monkeypatch.setattr(two_way.time, "monotonic", lambda: now + two_way.ECHO + 1)
    field.value = "1"
    assert heard == ["1"]


def test_the_users_own_value_may_come_again(said):
    field, voice, heard = said
    field.value = "1"
    voice.say("2")
    field.value = "1"
    assert heard == ["1", "1"]


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
