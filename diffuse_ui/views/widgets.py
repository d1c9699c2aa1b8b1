"""Common small widgets of the views: sections, captions, text, with their margins."""

from collections.abc import Mapping
from html import escape
from typing import Any

import panel as pn
import panel_material_ui as pmui

from kernels.probability.registry import ESTIMATORS

__all__ = [
    "QUIET",
    "SMALL",
    "Words",
    "after_load",
    "caption",
    "details",
    "html",
    "method_label",
    "section",
    "with_units",
    "words",
]

QUIET = {"opacity": "0.72"}  # of the theme's ink: legible on light and dark
SMALL = {"fontSize": "12.5px", "lineHeight": 1.45}


def method_label(method: str) -> str:
    """Name of an estimator as menus and tables write it."""
    return ESTIMATORS[method].label if method in ESTIMATORS else method


def with_units(name: str, units: Mapping[str, str]) -> str:
    """A variable with its unit in brackets, where it has one."""
    return f"{name} ({units[name]})" if units.get(name) else name


def section(title: str, *children: Any) -> pmui.Column:
    """Section of the control column with a title."""
    heading = pmui.Typography(
        title,
        variant="overline",
        margin=(0, 0),
        sx={"letterSpacing": "0.08em", "lineHeight": 1.8, "color": "text.secondary", "fontWeight": 600},
    )
    return pmui.Column(heading, *children, sizing_mode="stretch_width", margin=(0, 0, 14, 0))


class Words(pn.pane.HTML):
    """Plain text that may change often; the page sends nothing back (see `views.two_way`)."""

    def _transform_object(self, obj: Any) -> dict[str, Any]:
        return super()._transform_object(escape("" if obj is None else str(obj)))


def words(text: str = "", *, size: str = "13px", **params: Any) -> Words:
    """Line of text in the theme's ink; full width unless `sizing_mode` is None."""
    styles = {"font-size": size, "line-height": "1.45"} | params.pop("styles", {})
    mode = params.pop("sizing_mode", "stretch_width")
    return Words(text, sizing_mode=mode, margin=params.pop("margin", 0), styles=styles, **params)


def caption(text: str = "", **params: Any) -> Words:
    """A line of small, quiet text."""
    return words(text, size=SMALL["fontSize"], styles=QUIET | params.pop("styles", {}), **params)


def html(text: str = "", **params: Any) -> pn.pane.HTML:
    """HTML in the theme's ink; full width unless `width` or `sizing_mode` is given."""
    if "width" not in params:
        params.setdefault("sizing_mode", "stretch_width")
    return pn.pane.HTML(text, margin=params.pop("margin", 0), **params)


def details(title: str, *children: Any) -> pmui.Details:
    """Folded group of widgets, built in the page when it is first unfolded."""
    fold = pmui.Details(
        title=title,
        collapsed=True,
        elevation=0,
        outlined=False,
        scrollable_height=2000,  # pixels: nothing scrolls within the column
        sizing_mode="stretch_width",
        margin=(2, 0, 0, 0),
        sx={
            "border": "none",
            "backgroundColor": "transparent",
            "& .details-header": {
                "padding": "0 !important",
                "backgroundColor": "transparent !important",
                "color": "text.secondary",
                "minHeight": "24px !important",
            },
            "& .details-header .MuiTypography-root": {"fontSize": "12.5px"},
            "& .details-content": {"padding": "2px 0 4px !important"},
            "& .details-expand-button": {"display": "none"},  # nothing is cut off that it could show
        },
    )
    fold.param.watch(lambda _: fold.objects or fold.extend(children), "collapsed")
    return fold


def after_load(*children: Any) -> pn.Column:
    """Column that is filled after the page has loaded, so that the page loads sooner."""
    place = pn.Column(sizing_mode="stretch_width", margin=0)
    pn.state.onload(lambda: place.extend(children))
    return place
