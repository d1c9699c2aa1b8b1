"""Cards of models: JSON beside the weights, checked where programs read it.

A card is what its maker wrote. What programs cannot do without is checked here, once; the rest is passed on
as it is.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import pydantic
from safetensors import safe_open

from kernels.files import UnreadableError, parse_json, read_text, readable, replacing, require_file
from kernels.names import printable

__all__ = ["AGAIN", "DAMAGED", "FORMAT_VERSION", "read_card", "weights_path", "write_card"]

FORMAT_VERSION = 1
AGAIN = "Copy or train the model again."
DAMAGED = "the weights {path} are truncated or damaged ({error}). " + AGAIN
NO_JSON = "the card {path} is not valid JSON ({error}). " + AGAIN
MAX_TIMES, MAX_VARIABLES = 1_000_000, 100_000

_Number = Annotated[float, pydantic.Field(allow_inf_nan=False)]
_Count = Annotated[int, pydantic.Field(ge=0, le=MAX_TIMES)]


class _Layout(pydantic.BaseModel):
    """Layout in a card."""

    model_config = pydantic.ConfigDict(strict=True)
    variables: Annotated[list[str], pydantic.Field(min_length=1, max_length=MAX_VARIABLES)]
    times: Annotated[list[_Number], pydantic.Field(min_length=1, max_length=MAX_TIMES)]
    time_units: str
    variable_units: dict[str, str]


class _Card(pydantic.BaseModel):
    """Fields of a card that programs read."""

    model_config = pydantic.ConfigDict(strict=True, extra="allow")
    architecture: dict[str, Any]
    layout: _Layout
    num_known: _Count = 0
    num_steps: Annotated[int, pydantic.Field(ge=1, le=10_000)] = 1
    name: str = ""
    description: str = ""
    system: str | None = None
    data: dict[str, Any] | None = None
    training: dict[str, Any] | None = None
    fidelity: dict[str, Any] | None = None
    weights_sha256: list[str] | None = None


def weights_path(path: str | Path) -> Path:
    """Path of a model's weights, ending with `.safetensors`; a dot in a name is no ending."""
    path = Path(path)
    return path if path.suffix == ".safetensors" else path.with_name(f"{path.name}.safetensors")


def write_card(path: str | Path, card: Mapping[str, Any]) -> None:
    """Write the card of a model and leave its weights as they are."""
    text = card_text(card)
    with replacing(weights_path(path).with_suffix(".json")) as (new,):
        new.write_text(text, encoding="utf-8")


def card_text(card: Mapping[str, Any]) -> str:
    """JSON of a card."""
    return json.dumps(card, indent=2, ensure_ascii=False) + "\n"


def read_card(path: str | Path) -> dict[str, Any]:
    """Read a model's card; the weights must be there and whole, but are not read.

    Raises:
        ValueError: a file is missing or damaged, the card is of a newer format, or a field of the card is
            missing or of another kind.
    """
    weights = weights_path(path)
    card_path = weights.with_suffix(".json")
    for needed in (weights, card_path):
        if not needed.exists():
            raise ValueError(f"no file {needed}. A model is a pair: {weights.name} and {card_path.name}.")
    card = parse_json(read_text(card_path, NO_JSON), NO_JSON, path=card_path, strict=False)
    if not isinstance(card, dict) or card.get("format_version") != FORMAT_VERSION:
        raise ValueError(
            f"the card of {weights} must have format_version {FORMAT_VERSION}. "
            "A newer diffuse-ui may be needed."
        )
    _require_fields(card, card_path)
    require_file(weights)
    with readable(weights, DAMAGED), safe_open(weights, "np"):
        return card


def _require_fields(card: dict[str, Any], path: Path) -> None:
    try:
        _Card.model_validate(card)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(item) for item in first["loc"])
        trouble = "lacks" if first["type"] == "missing" else "is wrong at"
        reason = "" if first["type"] == "missing" else f" ({printable(first['msg'], 300)})"
        raise UnreadableError(f"the card {path} {trouble} `{printable(place)}`{reason}. {AGAIN}") from None
