"""diffuse-ui: draw an event on the trajectories of a dynamical system and see what then happens.

`App` is the app in a notebook cell, on a served page, or as one ipywidget; `diffuse-ui` (see
`diffuse_ui.cli`) is the command line. The numerics live in `kernels` and need none of this.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from diffuse_ui.app import App

__all__ = ["App"]


def __getattr__(name: str) -> Any:
    if name != "App":
        raise AttributeError(f"module 'diffuse_ui' has no attribute {name!r}")
    return import_module("diffuse_ui.app").App


def __dir__() -> list[str]:
    return sorted({*globals(), "App"})
