"""Small pieces that views are made of: section headings, captions, and one place for their margins."""

from collections.abc import Mapping
from typing import Any

import panel as pn
import panel_material_ui as pmui

__all__ = ["METHOD_NAMES", "SMALL", "caption", "details", "html", "section", "with_units"]

METHOD_NAMES = {
    "monte_carlo": "direct Monte Carlo",
    "subset_simulation": "subset simulation",
    "path_importance": "path importance sampling",
    "twisted_smc": "twisted SMC",
    "density_ratio": "density ratio",
    "simulator": "simulator",
    "data": "frequency in held-out data",
}

SMALL = {"fontSize": "12.5px", "lineHeight": 1.45}


def with_units(name: str, units: Mapping[str, str]) -> str:
    """A variable with its unit in brackets, where it has one."""
    return f"{name} ({units[name]})" if units.get(name) else name


def section(title: str, *children: Any) -> pmui.Column:
    """A titled group of the control column."""
    heading = pmui.Typography(
        title,
        variant="overline",
        margin=(0, 0),
        sx={"letterSpacing": "0.08em", "lineHeight": 1.8, "color": "text.secondary", "fontWeight": 600},
    )
    return pmui.Column(heading, *children, sizing_mode="stretch_width", margin=(0, 0, 14, 0))


def caption(text: str = "", **params: Any) -> pmui.Typography:
    """A line of small, quiet text."""
    sx = {**SMALL, "color": "text.secondary"} | params.pop("sx", {})
    return pmui.Typography(
        text, variant="body2", sizing_mode="stretch_width", margin=params.pop("margin", 0), sx=sx, **params
    )


def html(text: str = "", **params: Any) -> pn.pane.HTML:
    """Text with structure of its own, in the theme's ink; as wide as there is room, or `width`."""
    if "width" not in params:
        params["sizing_mode"] = "stretch_width"
    return pn.pane.HTML(text, margin=params.pop("margin", 0), **params)


def details(title: str, *children: Any) -> pmui.Details:
    """A group that is folded away until it is wanted."""
    return pmui.Details(
        *children,
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
        },
    )
