"""Events: what a person can draw, say or write about a trajectory.

    event = parse_event("max[0, 3](x) > 1.2 and not box(y, [1, 2], [0, 0.5])")
    constraint = compile_event(event, layout)      # constraint.value(x) > 0 ⇔ the event holds

Four faces of one tree: a sketch (`kernels.events.syntax.shapes`), numbers behind sliders (`Event.parameters`),
text (`parse_event`, `str`), Python (`Variable`, operators, `always`, …).
"""

from kernels.events.semantics import attribution, caveats, parameters
from kernels.events.semantics.attribution import explain, states_of
from kernels.events.semantics.compile import Constraint, Program, compile_event
from kernels.events.semantics.windows import BeyondTrajectoryError
from kernels.events.syntax import description, documents
from kernels.events.syntax.documents import event_schema
from kernels.events.syntax.event import Event
from kernels.events.syntax.expressions import Expression, Variable
from kernels.events.syntax.parser import EventSyntaxError, parse_event
from kernels.events.syntax.predicates import always, between, eventually, until
from kernels.events.syntax.shapes import box, polygon, tube

FACES = (attribution, caveats, description, documents, parameters)  # each registers its methods of `Event`

__all__ = [
    "FACES",
    "BeyondTrajectoryError",
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
    "explain",
    "parse_event",
    "polygon",
    "states_of",
    "tube",
    "until",
]
