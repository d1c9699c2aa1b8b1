"""Windows of times are set in every shape that has one."""

import pytest


@pytest.mark.parametrize(
    ("text", "windowed"),
    [
        ("max(x) > 0.5", "max[1, 2](x) > 0.5"),
        ("max[3, 4](x) > 0.5", "max[1, 2](x) > 0.5"),
        ("not always(x > 0.5)", "not always[1, 2](x > 0.5)"),
        ("box(x, [3, 4], [0, 1]) avoids", "box(x, [1, 2], [0, 1]) avoids"),
        (
            "eventually(x > 1 and eventually[0, 1](z > 1))",
            "eventually[1, 2](x > 1 and eventually[0, 1](z > 1))",
        ),
    ],
)
def test_a_window_is_set_or_added(part_of, layout, text, windowed):
    assert str(part_of(text).with_window((1.001, 2.001), layout)) == windowed


def test_a_window_over_all_times_is_none_and_some_parts_have_no_window(part_of, layout):
    assert str(part_of("max[1, 2](x) > 0.5").with_window((-0.3, 7.0), layout)) == "max(x) > 0.5"
    with pytest.raises(ValueError, match=r"`mean\(x\) > 0` has no window of times"):
        part_of("mean(x) > 0").with_window((1.0, 2.0), layout)
