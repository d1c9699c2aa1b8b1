"""Fields for what a file does not tell: time, missing values, decimals, clock, series."""

from typing import Any

import panel as pn
import panel_material_ui as pmui

from diffuse_ui.views.widgets import details

__all__ = ["ReadingChoices"]

_TEXTS = {
    "time": ("Time column", "found by name and type"),
    "missing": ("Missing values", "-9999,Ice or none"),
    "timezone": ("Time zone of the clock", "Europe/Berlin or UTC"),
    "series": ("Column of the series", "station"),
    "select": ("Rows to read", "station=A"),
    "group": ("Group", "of NetCDF or Zarr"),
    "skip_lines": ("Lines to leave out", "1,2,365"),
}
_MENUS = {
    "dates": (
        "Dates as 01/02/2020",
        {"by the file": "", "day first": "day-first", "month first": "month-first"},
    ),
    "decimal": ("Decimals", {"by the file": "", "point": ".", "comma": ","}),
    "censored": ("Values as <0.05", {"none": "", "half": "half", "the limit": "limit", "missing": "missing"}),
    "flags": ("Marks as 12.3*", {"none": "", "ignore": "ignore", "missing": "missing"}),
    "steps": ("A step is", {"by the file": "", "one row": "rows", "equal times": "time"}),
    "repeated": ("Equal times", {"none": "", "keep the first": "first", "keep the last": "last"}),
}


class ReadingChoices:
    """Fold "Reading the file": fields named as the arguments of `kernels.train_on`."""

    def __init__(self) -> None:
        small: dict[str, Any] = {"size": "small", "sizing_mode": "stretch_width", "margin": (10, 0, 0, 0)}
        self.fields: dict[str, Any] = {
            name: pmui.TextInput(label=label, placeholder=hint, **small)
            for name, (label, hint) in _TEXTS.items()
        }
        self.fields |= {
            name: pmui.Select(label=label, options=options, value="", **small)
            for name, (label, options) in _MENUS.items()
        }

    def __panel__(self) -> pn.viewable.Viewable:
        pair = {"sizing_mode": "stretch_width", "margin": 0, "sx": {"gap": "8px"}}
        fields = list(self.fields.values())
        rows = [pmui.Row(*fields[i : i + 2], **pair) for i in range(0, len(fields), 2)]
        return details("Reading the file", *rows)

    @property
    def choices(self) -> dict[str, str]:
        """Choices that were made, by argument."""
        return {name: text for name, field in self.fields.items() if (text := str(field.value or "").strip())}
