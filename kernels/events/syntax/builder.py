"""Builder: parse tree → event, with the meaning of names and the position of mistakes.

The grammar gives one nesting of operators, calls and brackets; here it becomes signals, windows,
lists and events. A mistake that a node's constructor finds is given the position of its text.
"""

from collections.abc import Callable
from typing import Any

import lark

from kernels.events.syntax.event import Event, bare_comparison, require_untimed
from kernels.events.syntax.expressions import FUNCTIONS, REDUCTIONS, Expression, Number, Variable
from kernels.events.syntax.functions import At, Binary, Function, Index, Negative, Power, Reduction, Slice
from kernels.events.syntax.predicates import (
    Always,
    And,
    Between,
    Comparison,
    Equality,
    Eventually,
    Noisy,
    Not,
    Or,
    Until,
)
from kernels.events.syntax.shapes import Box, Polygon, Tube
from kernels.events.syntax.tree import Window
from kernels.names import nearest

__all__ = ["FUNCTION_NAMES", "Builder", "Mistake"]

WIDTHS = {kind.word: kind for kind in (Equality, Noisy)}
TEMPORAL = {"always": Always, "eventually": Eventually}
SHAPES = {"box": Box, "tube": Tube, "polygon": Polygon}
FUNCTION_NAMES = (*FUNCTIONS, *REDUCTIONS, "at", "between", *TEMPORAL, *SHAPES)
FORMS = {
    "at": "at(signal, time)",
    "between": "between(signal, low, high)",
    "box": "box(signal, [start, end], [low, high])",
    "tube": "tube(signal, times, values, half_width)",
    "polygon": "polygon(x, y, [[x, y], [x, y], [x, y]])",
}
PI = 3.141592653589793


class Mistake(ValueError):  # noqa: N818 - it becomes an EventSyntaxError
    """Mistake in an event's text, with its line and column."""

    def __init__(self, message: str, position: tuple[int, int]) -> None:
        super().__init__(message)
        self.position = position


class Builder:
    """Builder of one event from its parse tree."""

    def __init__(self) -> None:
        self._positions: dict[int, tuple[int, int]] = {}
        self._alive: list[Any] = []  # ids are only unique among living objects

    def event(self, tree: Any) -> Event:
        """Event of a whole text."""
        event = self._event(tree)
        bare = bare_comparison(event)
        if bare is not None:
            position = self._positions.get(id(bare), _position(tree))
            self._at(position, require_untimed, event)
        return event

    # -- what is wanted ----------------------------------------------------------------------

    def _event(self, tree: Any) -> Event:
        value = self._value(tree)
        if isinstance(value, Event):
            return value
        what = f"`{value}`" if isinstance(value, Expression) else "a list"
        raise Mistake(f"expected an event; got {what}. Compare it, as in max(x) > 1.", _position(tree))

    def _expression(self, tree: Any) -> Expression:
        value = self._value(tree)
        if isinstance(value, Expression):
            return value
        what = f"the event `{value}`" if isinstance(value, Event) else "a list"
        raise Mistake(f"expected a signal or a number; got {what}.", _position(tree))

    def _number(self, tree: Any, what: str) -> float:
        value = self._value(tree)
        if isinstance(value, Number):
            return value.value
        raise Mistake(f"{what} must be a number; got `{_shown(value)}`.", _position(tree))

    def _numbers(self, tree: Any, what: str) -> tuple[float, ...]:
        if not isinstance(tree, lark.Tree) or tree.data not in ("list", "pair"):
            raise Mistake(f"{what} must be a list, as in [0, 1].", _position(tree))
        return tuple(self._number(child, f"every number in {what}") for child in tree.children)

    def _window(self, tree: Any) -> Window:
        ends = self._numbers(tree, "a window")
        if len(ends) != 2:
            raise Mistake(f"a window must be [start, end]; got {len(ends)} numbers.", _position(tree))
        return self._at(_position(tree), Window, *ends)

    # -- nodes -------------------------------------------------------------------------------

    def _at(self, position: tuple[int, int], make: Callable[..., Any], *arguments: Any) -> Any:
        try:
            node = make(*arguments)
        except Mistake:
            raise
        except ValueError as error:
            raise Mistake(str(error), position) from None
        self._positions[id(node)] = position
        self._alive.append(node)
        return node

    def _value(self, tree: Any) -> Any:
        method = getattr(self, f"_{tree.data}_")
        return method(tree, _position(tree), tree.children)

    def _either_(self, tree: Any, position: tuple[int, int], children: list[Any]) -> Event:
        return self._at(position, Or, tuple(self._event(child) for child in children))

    def _both_(self, tree: Any, position: tuple[int, int], children: list[Any]) -> Event:
        return self._at(position, And, tuple(self._event(child) for child in children))

    def _until_(self, tree: Any, position: tuple[int, int], children: list[Any]) -> Event:
        window = self._window(children[2]) if len(children) == 4 else None
        return self._at(position, Until, self._event(children[0]), self._event(children[-1]), window)

    def _negated_(self, tree: Any, position: tuple[int, int], children: list[Any]) -> Event:
        return self._at(position, Not, self._event(children[0]))

    def _comparison_(self, tree: Any, position: tuple[int, int], children: list[Any]) -> Event:
        last = children[-1]
        tolerance = last if isinstance(last, lark.Tree) and last.data in WIDTHS else None
        sides, operators = (
            children[: len(children) - (tolerance is not None)][::2],
            children[1 : len(children) - (tolerance is not None) : 2],
        )
        left = self._expression(sides[0])
        word = "tolerance" if tolerance is None else tolerance.data
        misplaced = f"a {word} belongs to an equality: s == value {word} width."
        if not operators:
            raise Mistake(misplaced, _position(tolerance))
        if len(operators) > 1:
            raise Mistake(
                "comparisons cannot be chained. Write between(signal, low, high), or join two by `and`.",
                _position(operators[1]),
            )
        right = self._expression(sides[1])
        operator = {"≥": ">=", "≤": "<=", "=": "=="}.get(str(operators[0]), str(operators[0]))
        if operator == "==":
            if tolerance is None:
                raise Mistake(
                    f"an equality needs a tolerance. Write {left} == {right} tolerance 0.1.",
                    _position(operators[0]),
                )
            width = self._number(tolerance.children[0], f"a {word}")
            return self._at(position, WIDTHS[word], left, right, width)
        if tolerance is not None:
            raise Mistake(misplaced, _position(tolerance))
        return self._at(position, Comparison, operator, left, right)

    def _sum_(self, tree: Any, position: tuple[int, int], children: list[Any]) -> Expression:
        result = self._expression(children[0])
        for token, child in zip(children[1::2], children[2::2], strict=True):
            operator = {"−": "-", "×": "*", "·": "*"}.get(str(token), str(token))
            result = self._at(_position(token), Binary, operator, result, self._expression(child))
        return result

    _product_ = _sum_

    def _negative_(self, tree: Any, position: tuple[int, int], children: list[Any]) -> Expression:
        value = self._expression(children[1])
        return (
            self._at(position, Number, -value.value)
            if isinstance(value, Number)
            else self._at(position, Negative, value)
        )

    def _positive_(self, tree: Any, position: tuple[int, int], children: list[Any]) -> Expression:
        return self._expression(children[-1])

    def _power_(self, tree: Any, position: tuple[int, int], children: list[Any]) -> Expression:
        return self._at(position, Power, self._expression(children[0]), self._expression(children[2]))

    def _group_(self, tree: Any, position: tuple[int, int], children: list[Any]) -> Any:
        return self._value(children[0])

    def _number_(self, tree: Any, position: tuple[int, int], children: list[Any]) -> Number:
        return self._at(position, Number, float(children[0]))

    def _pi_(self, tree: Any, position: tuple[int, int], children: list[Any]) -> Number:
        return Number(PI)

    def _name_(self, tree: Any, position: tuple[int, int], children: list[Any]) -> Variable:
        name = str(children[0])
        if name in FUNCTION_NAMES:
            form = FORMS.get(name, f"{name}(x)")
            raise Mistake(
                f'{name} is a function: write {form}; a variable of that name is written "{name}".', position
            )
        return self._at(position, Variable, name)

    def _quoted_(self, tree: Any, position: tuple[int, int], children: list[Any]) -> Variable:
        return self._at(position, Variable, str(children[0])[1:-1])

    def _list_(self, tree: Any, position: tuple[int, int], children: list[Any]) -> Any:
        raise Mistake("a list does not belong here. A window follows a name, as in max[0, 3](x).", position)

    _pair_ = _slice_ = _list_

    def _mode_(self, tree: Any, position: tuple[int, int], children: list[Any]) -> Any:
        raise Mistake(f"`{children[0]}` follows a box, a tube or a polygon.", position)

    def _moded_(self, tree: Any, position: tuple[int, int], children: list[Any]) -> Event:
        if (
            not isinstance(children[0], lark.Tree)
            or children[0].data != "call"
            or _called(children[0])[0] not in SHAPES
        ):
            raise Mistake(f"`{children[1]}` follows a box, a tube or a polygon.", _position(children[1]))
        return self._call_(children[0], position, children[0].children, mode=str(children[1]))

    def _bracket_(self, tree: Any, position: tuple[int, int], children: list[Any]) -> Expression:
        base, entries = children[0], children[1].children
        if base.data == "name" and str(base.children[0]) in FUNCTION_NAMES:
            raise Mistake(f"a signal must follow the window, as in {base.children[0]}[0, 3](x).", position)
        value = self._expression(base)
        if len(entries) != 1:
            raise Mistake(
                "frequencies are chosen by [start:stop]. A window follows a name, as in max[0, 3](x).",
                _position(children[1]),
            )
        if entries[0].data == "slice":
            parts = entries[0].children
            colon = next(i for i, part in enumerate(parts) if isinstance(part, lark.Token))
            start, stop = (
                _whole("".join(part[0].children)) if part else None
                for part in (parts[:colon], parts[colon + 1 :])
            )
            return self._at(_position(children[1]), Slice, value, start, stop)
        index = self._number(entries[0], "a frequency")
        if not index.is_integer():
            raise Mistake(
                f"a frequency must be counted by a whole number; got {index:g}.", _position(entries[0])
            )
        return self._at(_position(children[1]), Index, value, int(index))

    # -- calls -------------------------------------------------------------------------------

    def _call_(
        self, tree: Any, position: tuple[int, int], children: list[Any], mode: str | None = None
    ) -> Any:
        name, bracket = _called(tree)
        arguments = children[1:]
        if name is None:
            raise Mistake("only a function's name can be followed by ( ).", position)
        if name not in FUNCTION_NAMES:
            raise Mistake(
                f"unknown function {name!r}. {nearest(name, FUNCTION_NAMES)}Functions: {', '.join(FUNCTION_NAMES)}.",
                position,
            )
        if bracket is not None and name not in REDUCTIONS and name not in TEMPORAL:
            raise Mistake(f"{name} takes no window.", _position(bracket))
        window = self._window(bracket) if bracket is not None else None
        if name in SHAPES:
            return self._shape(name, arguments, position, mode)
        wanted = {"at": 2, "between": 3}.get(name, 1)
        if len(arguments) != wanted:
            raise Mistake(
                f"{name} takes {wanted} argument{'s' * (wanted > 1)}: {FORMS.get(name, name + '(x)')}; got {len(arguments)}.",
                position,
            )
        if name in TEMPORAL:
            return self._at(position, TEMPORAL[name], self._event(arguments[0]), window)
        signal = self._expression(arguments[0])
        if name == "at":
            return self._at(position, At, signal, self._number(arguments[1], "the time in at(signal, time)"))
        if name == "between":
            return self._at(
                position, Between, signal, *(self._number(end, "an end of between") for end in arguments[1:])
            )
        if name in REDUCTIONS:
            return self._at(position, Reduction, name, signal, window)
        return self._at(position, Function, name, signal)

    def _shape(self, name: str, arguments: list[Any], position: tuple[int, int], mode: str | None) -> Event:
        if mode is None and arguments and getattr(arguments[-1], "data", "") == "mode":
            mode = str(arguments[-1].children[0])
            arguments = arguments[:-1]
        wanted = {"box": 3, "tube": 4, "polygon": 3}[name]
        if len(arguments) != wanted:
            raise Mistake(f"{name} takes {wanted} arguments: {FORMS[name]}; got {len(arguments)}.", position)
        modes = () if mode is None else (mode,)
        signal, second, third = self._expression(arguments[0]), arguments[1], arguments[2]
        if name == "box":
            values = self._numbers(third, "the values of a box")
            if len(values) != 2:
                raise Mistake(
                    f"the values of a box must be [low, high]; got {len(values)} numbers.", _position(third)
                )
            return self._at(position, Box, signal, self._window(second), *values, *modes)
        if name == "tube":
            times, values = (
                self._numbers(second, "the times of a tube"),
                self._numbers(third, "the values of a tube"),
            )
            return self._at(
                position,
                Tube,
                signal,
                times,
                values,
                self._number(arguments[3], "the half width of a tube"),
                *modes,
            )
        if not isinstance(third, lark.Tree) or third.data not in ("list", "pair"):
            raise Mistake(f"the vertices of a polygon must be a list: {FORMS[name]}.", _position(third))
        vertices = tuple(self._numbers(vertex, "a vertex") for vertex in third.children)
        return self._at(position, Polygon, signal, self._expression(second), vertices, *modes)


def _called(tree: Any) -> tuple[str | None, Any]:
    """Name and window of a call."""
    base, bracket = tree.children[0], None
    if base.data == "bracket":
        base, bracket = base.children
    return (str(base.children[0]), bracket) if base.data == "name" else (None, bracket)


def _position(tree: Any) -> tuple[int, int]:
    meta = tree if isinstance(tree, lark.Token) else getattr(tree, "meta", None)
    return (getattr(meta, "line", None) or 1, getattr(meta, "column", None) or 1)


def _whole(text: str) -> int | float:
    value = float(text.replace("−", "-"))
    return int(value) if value.is_integer() else value


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "…"
