"""Lists among the options of `train`: names and bounds."""

import pytest

from diffuse_ui.commands.train_options import bounds_of, names_of


def test_names_are_told_apart_by_commas():
    assert names_of("Q, rain,") == ["Q", "rain"]
    assert names_of(None) is None


def test_bounds_have_one_end_or_two():
    assert bounds_of("soc=0:1, ice=0:,a=b=:-1e-3") == {
        "soc": (0.0, 1.0),
        "ice": (0.0, None),
        "a=b": (None, -1e-3),
    }
    assert bounds_of(None) is None


@pytest.mark.parametrize("text", ["soc", "soc=1", "soc=:", "=0:1", "soc=low:1"])
def test_bounds_that_cannot_be_read(text):
    with pytest.raises(ValueError, match=r"--bounds must be of the form soc=0:1,ice=0:"):
        bounds_of(text)
