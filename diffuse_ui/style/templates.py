"""HTML templates that escape every inserted value."""

from jinja2 import Environment, StrictUndefined

__all__ = ["template"]

template = Environment(autoescape=True, undefined=StrictUndefined).from_string
