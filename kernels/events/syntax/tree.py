"""Tree of an event: immutable, hashable, bounded nodes.

A node is a frozen dataclass. What its fields hold says what they are:

    another node, or a tuple of nodes    structure: the children,
    a `float`, or a tuple of floats      a number: traced, never structure,
    `int`, `str`, None                   structure.

A number is addressed by its path, the field names from the root joined by dots
("terms.0.left.window.start"). Depth and size are bounded when a node is made, bottom up, so that no
recursive function ever meets a tree that is too deep for it. Operators and documents ask for a kind of node by its name
(`NODE_TYPES`), so that the files of this folder need not import each other in circles.
"""

import dataclasses
import math
import numbers
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any, Self

__all__ = [
    "MAX_DEPTH",
    "MAX_NUMBER",
    "MAX_SIZE",
    "NODE_TYPES",
    "Node",
    "Window",
    "join",
    "number",
    "printed",
]

MAX_DEPTH = 100  # levels; far below Python's own recursion limit
MAX_SIZE = 2000  # nodes
MAX_NUMBER = 1e30  # so that differences stay finite in float32


def number(value: Any, what: str = "a number") -> float:
    """Convert to a finite float of at most 1e30 in size; −0 becomes 0.

    Raises:
        ValueError: it is none.
    """
    scalar = (
        getattr(value, "shape", None) == ()
        and getattr(value, "dtype", None) is not None
        and value.dtype.kind in "iuf"
    )
    if isinstance(value, bool) or not (scalar or isinstance(value, numbers.Real)):
        raise ValueError(f"{what} must be a number; got {str(value)[:40]!r}.")
    try:
        result = float(value)
    except OverflowError:
        result = math.inf
    if not abs(result) <= MAX_NUMBER:
        raise ValueError(
            f"{what} must be finite and at most {MAX_NUMBER:g} in size; got {result!r}. Change the units."
        )
    return result + 0.0


def printed(value: float) -> str:
    """Shortest text that reads back as the same float; whole numbers without a point."""
    return repr(value).removesuffix(".0")


def join(path: str, name: object) -> str:
    """Path of a child."""
    return f"{path}.{name}" if path else str(name)


NODE_TYPES: dict[str, Any] = {}  # every kind of node, by its name in lower case; filled as they are defined


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Node:
    """Base class of the nodes of an event's tree."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        NODE_TYPES[cls.__name__.lower()] = cls

    def __post_init__(self) -> None:
        self._check()
        self._set(_depth=1 + max((child.depth for _, child in self.children()), default=0))
        self._set(_size=1 + sum(child.size for _, child in self.children()))
        if self.depth > MAX_DEPTH:
            raise ValueError(
                f"an event must be at most {MAX_DEPTH} levels deep. Split it into parts joined by `and`."
            )
        if self.size > MAX_SIZE:
            raise ValueError(f"an event must have at most {MAX_SIZE} nodes; got {self.size}. Split it.")

    def _check(self) -> None:
        """Normalise and validate the fields; raises ValueError."""

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    # -- content -----------------------------------------------------------------------------

    def fields(self) -> Iterator[tuple[str, Any]]:
        """Names and values of the fields, in order."""
        for field in dataclasses.fields(self):
            yield field.name, getattr(self, field.name)

    def children(self) -> Iterator[tuple[str, "Node"]]:
        """Relative path and node of each child."""
        for name, value in self.fields():
            if isinstance(value, Node):
                yield name, value
            elif isinstance(value, tuple):
                yield from ((f"{name}.{i}", item) for i, item in enumerate(value) if isinstance(item, Node))

    @property
    def depth(self) -> int:
        return self.__dict__["_depth"]

    @property
    def size(self) -> int:
        return self.__dict__["_size"]

    @cached_property
    def _content(self) -> tuple[Any, ...]:
        return (type(self).__name__, *(value for _, value in self.fields()))

    @cached_property
    def _hash(self) -> int:
        return hash(self._content)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Node):
            return NotImplemented
        return self._hash == other._hash and self._content == other._content

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    # -- numbers -----------------------------------------------------------------------------

    @cached_property
    def structure(self) -> tuple[Any, ...]:
        """Tree without its numbers: hashable, equal for equal structure."""
        return (type(self).__name__, *(_structure(value) for _, value in self.fields()))

    def numbers(self, path: str = "") -> Iterator[tuple[str, "Node", float]]:
        """All numbers below this node: path, node whose field it is, value."""
        for name, value in self.fields():
            for sub, item in _flat(name, value):
                if isinstance(item, Node):
                    yield from item.numbers(join(path, sub))
                elif isinstance(item, float):
                    yield join(path, sub), self, item

    def replace_numbers(self, new: Callable[[str, float], float], path: str = "") -> Self:
        """Copy of the tree with `new(path, value)` in the place of each number."""

        def rebuilt(sub: str, value: Any) -> Any:
            if isinstance(value, Node):
                return value.replace_numbers(new, join(path, sub))
            if isinstance(value, float):
                return new(join(path, sub), value)
            if isinstance(value, tuple):
                return tuple(rebuilt(f"{sub}.{i}", item) for i, item in enumerate(value))
            return value

        return dataclasses.replace(self, **{name: rebuilt(name, value) for name, value in self.fields()})


def _structure(value: Any) -> Any:
    if isinstance(value, Node):
        return value.structure
    if isinstance(value, tuple):
        return tuple(_structure(item) for item in value)
    return float if isinstance(value, float) else value


def _flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, tuple):
        for i, item in enumerate(value):
            yield from _flat(f"{name}.{i}", item)
    else:
        yield name, value


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Window(Node):
    """Window of samples at times start … end, both included, from the evaluation on."""

    start: float
    end: float

    def _check(self) -> None:
        self._set(
            start=number(self.start, "the start of a window"), end=number(self.end, "the end of a window")
        )
        if self.start > self.end:
            raise ValueError(
                f"a window must run forward; [{printed(self.start)}, {printed(self.end)}] is reversed. "
                f"Write [{printed(self.end)}, {printed(self.start)}]."
            )

    def __str__(self) -> str:
        return f"[{printed(self.start)}, {printed(self.end)}]"

    @classmethod
    def of(cls, window: "Window | Iterable[float] | None") -> "Window | None":
        """Window from a pair (start, end); None stands for all remaining samples."""
        if window is None or isinstance(window, Window):
            return window
        ends = tuple(window)
        if len(ends) != 2:
            raise ValueError(f"a window must be a pair [start, end]; got {len(ends)} values.")
        return cls(*ends)
