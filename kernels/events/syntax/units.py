"""Units of expressions where they follow from the layout."""

from kernels.events.syntax.expressions import Expression, Variable
from kernels.events.syntax.functions import At, Binary, Function, Negative, Reduction, Slice
from kernels.trajectories.layout import Layout

__all__ = ["unit_of"]


def unit_of(expression: Expression, layout: Layout | None) -> str:
    """Unit of an expression where it follows from the layout; empty otherwise."""
    if layout is None:
        return ""
    match expression:
        case Variable(name="time") if "time" not in layout.variables:
            return layout.time_units
        case Variable():
            return layout.variable_units.get(expression.name, "")
        case Reduction(name="integral"):
            unit, per_time = unit_of(expression.argument, layout), f"/{layout.time_units}"
            if layout.time_units and unit.endswith(per_time):
                return unit.removesuffix(per_time)
            return " ".join(part for part in (unit, layout.time_units) if part)
        case Function(name="derivative"):
            unit = unit_of(expression.argument, layout)
            return f"{unit or '1'}/{layout.time_units}" if layout.time_units else unit
        case Function(name="abs" | "rfft") | Negative() | Slice() | Reduction() | At():
            return unit_of(expression.argument, layout)
        case Binary():
            left, right = unit_of(expression.left, layout), unit_of(expression.right, layout)
            if expression.operator in "+-" and left == right:
                return left
            if expression.operator in "*/" and expression.right.constant:
                return left
            if expression.operator == "*" and expression.left.constant:
                return right
    return ""
