"""HTML from templates, in which whatever is put into them is escaped."""

from jinja2 import Environment, StrictUndefined

__all__ = ["template"]

template = Environment(autoescape=True, undefined=StrictUndefined).from_string
