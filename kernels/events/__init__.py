"""Events: what a person can draw, say or write about a trajectory.

    event = parse_event("max[0, 3](x) > 1.2 and not box(y, [1, 2], [0, 0.5])")
    constraint = compile_event(event, layout)      # constraint.value(x) > 0 ⇔ the event holds

Four faces of one tree: a sketch (`kernels.events.shapes`), numbers behind sliders (`Event.parameters`),
text (`parse_event`, `str`), Python (`Variable`, operators, `always`, …).
"""

from kernels.events.errors import EventSyntaxError
from kernels.events.expressions import Expression, Variable
from kernels.events.parsing import parse_event
from kernels.events.predicates import Event, always, between, eventually, until
from kernels.events.semantics import Constraint, Program, compile_event
from kernels.events.shapes import box, polygon, tube
from kernels.events.spec import event_schema

__all__ = [
    "Constraint",
    "Event",
    "EventSyntaxError",
    "Expression",
    "Program",
    "Variable",
    "always",
    "between",
    "box",
    "compile_event",
    "event_schema",
    "eventually",
    "parse_event",
    "polygon",
    "tube",
    "until",
]
