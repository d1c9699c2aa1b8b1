"""Parser: text → event.

The grammar fixes how tightly things bind, nothing else: signals, events, lists and windows are told
apart when the tree is built (`kernels.events.syntax.builder`), where a mistake can be named and its
position is known. Printing is `str(event)`; `parse_event(str(event)) == event`.
"""

from functools import cache
from typing import NoReturn

import lark

from kernels.events.syntax.builder import Builder, Mistake
from kernels.events.syntax.event import Event
from kernels.events.syntax.tree import MAX_DEPTH
from kernels.names import nearest, printable

__all__ = ["MAX_LENGTH", "EventSyntaxError", "parse_event"]

MAX_LENGTH = 100_000  # characters
MAX_MESSAGE = 800

GRAMMAR = r"""
?start: either

?either: both ("or" both)*
?both: until ("and" until)*
?until: negation (UNTIL list? negation)?
?negation: "not" negation -> negated
    | comparison
?comparison: sum (COMPARISON sum)* (tolerance | noise)?
tolerance: "tolerance" sign
noise: "noise" sign
?sum: product ((PLUS | MINUS) product)*
?product: sign (PRODUCT sign)*
?sign: MINUS sign -> negative
    | PLUS sign -> positive
    | power
?power: suffixed (POWER exponent)?
?exponent: MINUS exponent -> negative
    | suffixed
?suffixed: primary
    | suffixed "(" (item ("," item)*)? ")" -> call
    | suffixed list -> bracket
    | suffixed MODE -> moded
?primary: NAME -> name
    | QUOTED -> quoted
    | NUMBER -> number
    | "pi" -> pi
    | list
    | "(" either ")" -> group
    | "(" either ("," either)+ ")" -> pair
?item: either | MODE -> mode
list: "[" (entry ("," entry)*)? "]"
?entry: either
    | bound? COLON bound? -> slice
bound: MINUS? NUMBER

UNTIL: "until"
MODE.2: /(passes|stays|avoids|enters)(?!\w)/
COMPARISON: ">=" | "<=" | "==" | ">" | "<" | "≥" | "≤" | "="
PLUS: "+"
MINUS: "-" | "−"
PRODUCT: "*" | "/" | "×" | "·"
POWER: "**" | "^"
COLON: ":"
NAME: /[^\W\d]\w*/
QUOTED: /"[^"\\\n]*"/
NUMBER: /(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?(?!\w)/

%ignore /\s+/
"""

_KEYWORDS = ("and", "or", "not", "until", "tolerance", "noise", "passes", "stays", "avoids", "enters")
_HINTS = {
    "&": "Write `and`.",
    "|": "Write `or`, and abs(x) for |x|.",
    "~": "Write `not`.",
    "!": "Write `not`.",
    "'": 'Names are quoted by ".',
    "{": "Use ( or [.",
    "}": "Use ) or ].",
    "%": "There is no remainder.",
}


def parse_event(text: str) -> Event:
    """Parse an event, for example `max[0, 3](x) > 1.2 and always(y < 2)`.

    Raises:
        EventSyntaxError: the text is no event; has line and column, and shows the line with a caret.
        ValueError: it is no text.
    """
    if not isinstance(text, str):
        raise ValueError(f"`text` must be a string; got {type(text).__name__}.")
    if len(text) > MAX_LENGTH:
        raise EventSyntaxError(
            f"an event's text may have {MAX_LENGTH} characters; this has {len(text)}.", text[:200], 1, 1
        )
    if not text.strip():
        raise EventSyntaxError("the text is empty. Write an event, such as max(x) > 1.", text, 1, 1)
    tree = _tree(text)
    try:
        return Builder().event(tree)
    except Mistake as mistake:
        raise EventSyntaxError(str(mistake), text, *mistake.position) from None


@cache
def _parser() -> lark.Lark:
    return lark.Lark(GRAMMAR, parser="lalr", propagate_positions=True, maybe_placeholders=False)


def _tree(text: str) -> lark.Tree:
    try:
        tree = _parser().parse(text)
    except lark.UnexpectedToken as error:
        _reject(text, error)
    except lark.UnexpectedCharacters as error:
        hint = _HINTS.get(error.char, "")
        raise EventSyntaxError(
            f"unexpected character {error.char!r}. {hint}".rstrip(), text, error.line, error.column
        ) from None
    if _depth(tree) > 4 * MAX_DEPTH:
        raise EventSyntaxError(f"the text is nested too deeply; {MAX_DEPTH} levels are allowed.", text, 1, 1)
    return tree


def _depth(tree: lark.Tree) -> int:
    """Number of levels of a parse tree, without recursion."""
    level, depth = [tree], 0
    while level:
        depth += 1
        level = [child for node in level for child in node.children if isinstance(child, lark.Tree)]
    return depth


def _reject(text: str, error: lark.UnexpectedToken) -> NoReturn:
    token = error.token
    if token.type == "$END":
        lines = text.splitlines()
        raise EventSyntaxError(
            "the text ends too early. Is a ) or a comparison missing?", text, len(lines), len(lines[-1]) + 1
        ) from None
    expected = error.expected or set()
    word, hint = str(token), ""
    if token.type == "NAME":
        hint = nearest(word, _KEYWORDS) or "Join events by `and`, `or`, `until`; multiply by `*`."
    elif "RPAR" in expected and token.type not in ("RPAR",):
        hint = "Is a ) missing before it?"
    shown = word if len(word) <= 40 else word[:39] + "…"
    raise EventSyntaxError(
        f"unexpected {shown!r}. {hint}".rstrip(), text, token.line or 1, token.column or 1
    ) from None


_SHOWN = 90  # characters of a long line around the caret


class EventSyntaxError(ValueError):
    """Error of a text that is no event.

    Attributes:
        message: what is wrong and what to do, in one or two sentences.
        line: from 1.
        column: from 1.
        text: the whole text.
    """

    def __init__(self, message: str, text: str, line: int, column: int) -> None:
        self.message, self.text = printable(message, MAX_MESSAGE), text
        lines = text.splitlines() or [""]
        self.line = min(max(line, 1), len(lines))
        self.column = min(max(column, 1), len(lines[self.line - 1]) + 1)
        super().__init__(f"{self.message}\nline {self.line}, column {self.column}:\n{self.excerpt}")

    def __reduce__(self) -> tuple[type, tuple[str, str, int, int]]:
        return type(self), (self.message, self.text, self.line, self.column)

    @property
    def excerpt(self) -> str:
        """Line of the mistake, with a caret below its column."""
        line = (self.text.splitlines() or [""])[self.line - 1].replace("\t", " ")
        line = printable(line, len(line))
        start = max(0, self.column - 1 - _SHOWN // 2)
        shown = line[start : start + _SHOWN]
        before, after = "…" * (start > 0), "…" * (start + _SHOWN < len(line))
        return f"  {before}{shown}{after}\n  {' ' * (len(before) + self.column - 1 - start)}^"
