"""The Bokeh annotation of one part, and its letter: where they stand and how they look.

A shape drawn as an outline is a `PolyAnnotation`, every other one a `BoxAnnotation`. An edge that a
part does not have is the canvas's own edge, and stays there while the others are dragged.
"""

from typing import Any

from bokeh.models import BoxAnnotation, Label, PolyAnnotation
from bokeh.models.annotations.geometry import AreaVisuals, BoxInteractionHandles

from diffuse_ui.sketch.shape import DrawnPart
from diffuse_ui.style.colors import Palette

__all__ = ["annotation_of", "colour_of", "place", "style"]

POINT_SHARE = 0.006  # half the width of an observed point's bar, of the time axis
THIN_SHARE = 0.12  # of the axis: the tolerance of a flatter bar cannot be grabbed apart from its middle
_EDGES = ("left", "right", "bottom", "top")
_LOOK = {
    "editable": True,
    "level": "annotation",
    "line_alpha": 1.0,
    "hatch_alpha": 0.35,
    "hatch_weight": 0.7,
    "hatch_scale": 10.0,
    "hover_fill_alpha": 0.22,
}
_BORDER = {"line_alpha": 0.3, "line_join": "round", "hover_line_width": 8, "hover_line_alpha": 0.5}
_HATCH = {"avoids": "x", "stays": "right_diagonal_line"}


def annotation_of(part: DrawnPart) -> tuple[BoxAnnotation | PolyAnnotation, tuple[str, ...]]:
    """A new annotation, and the attributes by which it tells that it was dragged."""
    name = f"shape-{part.label}"
    if part.shape.drawn_as == "outline":
        xs, ys = part.extent()
        return PolyAnnotation(name=name, xs=xs, ys=ys, **_LOOK | _BORDER), ("xs", "ys")
    edges = {side: value for side, value in part.edges().items() if value is not None}
    options: dict[str, Any] = dict(zip(("movable", "resizable"), part.shape.grips(part)))
    if part.shape.drawn_as == "bar":
        clear = AreaVisuals(
            fill_alpha=0.0, line_alpha=0.0, hover_fill_alpha=0.25, hover_line_alpha=0.0, hatch_alpha=0.0
        )
        handles = BoxInteractionHandles(all=clear)
        options |= {"symmetric": True, "use_handles": True, "handles": handles}
    look = {**_LOOK, "hover_line_width": 3}
    return BoxAnnotation(name=name, **edges, **options, **look), _EDGES


def place(part: DrawnPart, annotation: Any, panel: Any) -> None:
    """Put an annotation where its part is."""
    if part.shape.drawn_as == "outline":
        xs, ys = part.extent()
        if (list(annotation.xs), list(annotation.ys)) != (xs, ys):
            annotation.update(xs=xs, ys=ys)
        return
    edges = part.edges()
    if part.shape.drawn_as == "bar":
        half = POINT_SHARE * (panel.x_range.end - panel.x_range.start)
        edges |= {"left": edges["left"] - half, "right": edges["right"] + half}  # pyright: ignore[reportOptionalOperand]
        thin = edges["top"] - edges["bottom"] < THIN_SHARE * (panel.y_range.end - panel.y_range.start)  # pyright: ignore[reportOptionalOperand]
        annotation.resizable = "none" if thin else "y"
    changed = {side: value for side, value in edges.items() if value not in (None, getattr(annotation, side))}
    if changed:
        annotation.update(**changed)


def colour_of(part: DrawnPart, colours: Palette) -> str:
    """Colour of a part's shape: quiet when muted, ink when known, else that of its kind."""
    return colours.quiet if part.muted else colours.ink if part.known else colours.of(part.shape.colour)


def style(
    part: DrawnPart,
    annotation: Any,
    label: Label,
    colours: Palette,
    panel: Any,
    *,
    chosen: bool,
    editable: bool,
) -> None:
    """The look of an annotation and its letter, by what the part says of itself."""
    colour, bordered = colour_of(part, colours), part.shape.drawn_as == "outline"
    annotation.update(
        editable=editable,
        fill_color=colour,
        line_color=colour,
        fill_alpha=0.0 if part.muted or part.mode == "avoids" else 0.13,
        hatch_pattern=None if part.muted else _HATCH.get(part.mode),
        hatch_color=colour,
        hover_fill_color=colour,
        hover_line_color=colour,
        line_dash=([14, 8] if bordered and not part.muted else [5, 4]) if part.muted or part.negated else [],
        line_width=(2 if part.muted else 8) if bordered else 3.5 if chosen else 2,
    )
    x, y = _corner(part, panel)
    label.update(
        x=x,
        y=y,
        y_offset=3 if part.shape.drawn_as in ("level", "bar") else -17,
        text=f"not {part.label}" if part.negated else part.label,
        text_color=colour,
        background_fill_color=colours.paper,
    )


def _corner(part: DrawnPart, panel: Any) -> tuple[float, float]:
    """Place of the part's letter: the first point of an outline, else the upper left corner."""
    across, along = part.extent()
    if across:
        return across[0], along[0]
    left = part.edges()["left"]
    return left if left is not None else float(panel.x_range.start), along[-1] if along else 0.0
