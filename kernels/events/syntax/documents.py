"""Documents: event ↔ versioned document that JSON can hold, and the schema of documents.

    {"version": 1, "event": {"type": "comparison", "operator": ">", "left": {…}, "right": {…}}}

One pydantic model per node is made from the node's own fields, so that the two cannot differ. A
window is a pair [start, end]. Documents of older versions are upgraded step by step. The schema is
published beside this file, as `event.schema.json` (a test holds the two together).
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Annotated, Any, Literal

import pydantic

from kernels.events.syntax import expressions, functions, predicates, shapes
from kernels.events.syntax.event import Event, face, require_untimed
from kernels.events.syntax.expressions import Expression
from kernels.events.syntax.tree import MAX_DEPTH, MAX_NUMBER, MAX_SIZE, NODE_TYPES, Node, Window, join
from kernels.files import parse_json
from kernels.names import printable

__all__ = ["VERSION", "event_schema", "from_dict", "from_json", "to_dict"]

VERSION = 1
MAX_CONTAINERS = 8 * MAX_SIZE
MAX_JSON = 1_000_000  # characters

_UPGRADES: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}  # version → document of the next one

_NODES = tuple(kind for kind in NODE_TYPES.values() if kind not in (Expression, Event, Window))

_Real = Annotated[float, pydantic.Field(ge=-MAX_NUMBER, le=MAX_NUMBER, allow_inf_nan=False)]
_Pair = Annotated[list[_Real], pydantic.Field(min_length=2, max_length=2)]
_FIELD_TYPES: dict[Any, Any] = {
    float: _Real,
    str: Annotated[str, pydantic.Field(min_length=1, max_length=expressions.MAX_NAME)],
    int: int,
    int | None: int | None,
    Window: _Pair,
    Window | None: _Pair | None,  # pyright: ignore[reportOperatorIssue]
    tuple[float, ...]: Annotated[list[_Real], pydantic.Field(max_length=shapes.MAX_POINTS)],
    tuple[tuple[float, float], ...]: Annotated[list[_Pair], pydantic.Field(max_length=shapes.MAX_POINTS)],
    Expression: "AnyExpression",
    Event: "AnyEvent",
    tuple[Event, ...]: list["AnyEvent"],  # pyright: ignore[reportUndefinedVariable]
}
_CHOICES: dict[tuple[type[Node], str], Any] = {
    (functions.Binary, "operator"): Literal["+", "-", "*", "/"],
    (functions.Function, "name"): Literal[expressions.FUNCTIONS],
    (functions.Reduction, "name"): Literal[expressions.REDUCTIONS],
    (predicates.Comparison, "operator"): Literal[predicates.COMPARISONS],
    (shapes.Box, "mode"): Literal[shapes.MODES],
    (shapes.Tube, "mode"): Literal[shapes.MODES],
    (shapes.Polygon, "mode"): Literal[shapes.MODES],
}


class _Strict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", strict=True, frozen=True)


@cache
def _document_model() -> type[_Strict]:
    models = {node: _model(node) for node in _NODES}
    names = {
        "AnyExpression": _union(models[node] for node in _NODES if issubclass(node, Expression)),
        "AnyEvent": _union(models[node] for node in _NODES if issubclass(node, Event)),
    }
    for model in models.values():
        model.model_rebuild(_types_namespace=names)
    return pydantic.create_model(  # pyright: ignore[reportCallIssue]
        "EventDocument",
        __base__=_Strict,
        version=Literal[VERSION],  # pyright: ignore[reportArgumentType]
        event=names["AnyEvent"],  # pyright: ignore[reportArgumentType]
    )  # pyright: ignore[reportArgumentType, reportCallIssue]


def _model(node: type[Node]) -> type[_Strict]:
    fields: dict[str, Any] = {"type": Literal[node.__name__.lower()]}  # pyright: ignore[reportInvalidTypeForm]
    for field in dataclasses.fields(node):
        kind = _CHOICES.get((node, field.name), _FIELD_TYPES[field.type])
        optional = field.type in (Window | None, int | None)
        default = None if optional else ... if field.default is dataclasses.MISSING else field.default
        fields[field.name] = (kind, default)
    return pydantic.create_model(node.__name__, __base__=_Strict, __doc__=node.__doc__, **fields)


def _union(models: Iterator[type[_Strict]]) -> Any:
    union: Any = None
    for model in models:
        union = model if union is None else union | model
    return Annotated[union, pydantic.Field(discriminator="type")]


def event_schema() -> dict[str, Any]:
    """JSON schema of `Event.to_dict`."""
    return _document_model().model_json_schema()


# -- writing ---------------------------------------------------------------------------------


@face
def to_dict(event: Event) -> dict[str, Any]:
    """Versioned document of an event: dictionaries, lists, texts and numbers."""
    return {"version": VERSION, "event": _encoded(event)}


def _encoded(value: Any) -> Any:
    match value:
        case Window():
            return [value.start, value.end]
        case Node():
            fields = {name: _encoded(item) for name, item in value.fields() if item is not None}
            return {"type": type(value).__name__.lower()} | fields
        case tuple():
            return [_encoded(item) for item in value]
    return value


# -- reading ---------------------------------------------------------------------------------


@face
def from_json(text: str) -> Event:
    """Event of a JSON text.

    Raises:
        ValueError: it is no JSON, or no event.
    """
    if not isinstance(text, str):
        raise ValueError(f"an event's JSON must be text; got {type(text).__name__}.")
    if len(text) > MAX_JSON:
        raise ValueError(f"an event's JSON may have {MAX_JSON} characters; got {len(text)}.")
    return from_dict(parse_json(text, "the text of an event is no JSON ({error})."))


@face
def from_dict(document: Mapping[str, Any]) -> Event:
    """Event of a document.

    Raises:
        ValueError: a version that is not known, or a place (given as a path) that is wrong.
    """
    if not isinstance(document, Mapping):
        raise ValueError(
            f"an event's document must be a mapping with `version` and `event`; got {type(document).__name__}."
        )
    _require_bounded(document)
    document = _upgraded(dict(document))
    try:
        checked = _document_model().model_validate(document)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = printable(".".join(str(item) for item in first["loc"])) or "document"
        raise ValueError(
            f"the event's document is wrong at `{place}`: {printable(first['msg'], 600)}."
        ) from None
    event = _decoded(getattr(checked, "event"), "event")  # noqa: B009
    require_untimed(event)  # pyright: ignore[reportArgumentType]
    return event  # pyright: ignore[reportReturnType]


def _upgraded(document: dict[str, Any]) -> dict[str, Any]:
    version = document.get("version")
    if isinstance(version, bool) or not isinstance(version, int) or not 1 <= version <= VERSION:
        raise ValueError(
            f"`version` of an event's document must be 1 to {VERSION}; got {str(version)[:40]!r}. Update diffuse-ui if the document is newer."
        )
    for old in range(version, VERSION):
        document = _UPGRADES[old](document)
    return document


def _require_bounded(document: Any) -> None:
    """Raise ValueError if a document is too deep or too large; without recursion."""
    level, depth, count = [document], 0, 0
    while level:
        depth, count = depth + 1, count + len(level)
        if depth > 2 * MAX_DEPTH + 4 or count > MAX_CONTAINERS:
            raise ValueError(
                f"an event may be {MAX_DEPTH} levels deep and have {MAX_SIZE} nodes; the document exceeds that."
            )
        inner = (item for node in level for item in (node.values() if isinstance(node, Mapping) else node))
        level = [item for item in inner if isinstance(item, Mapping | list | tuple)]


def _decoded(model: Any, path: str) -> Node:
    node = NODE_TYPES[model.type]
    values: dict[str, Any] = {}
    for field in dataclasses.fields(node):
        value = getattr(model, field.name)
        here = join(path, field.name)
        if field.type in (Window, Window | None):
            value = None if value is None else _at(here, Window, *value)
        elif isinstance(value, _Strict):
            value = _decoded(value, here)
        elif isinstance(value, list):
            value = tuple(
                _decoded(v, f"{here}.{i}")
                if isinstance(v, _Strict)
                else tuple(v)
                if isinstance(v, list)
                else v
                for i, v in enumerate(value)
            )
        values[field.name] = value
    return _at(path, node, **values)


def _at(path: str, make: Callable[..., Any], *arguments: Any, **fields: Any) -> Any:
    try:
        return make(*arguments, **fields)
    except ValueError as error:
        raise ValueError(f"the event's document is wrong at `{path}`: {error}") from None
