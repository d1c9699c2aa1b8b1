"""diffuse-ui: draw an event on the trajectories of a dynamical system and see what then happens.

`App` is the app in a notebook cell, on a served page, or as one ipywidget; `EventCanvas`, `ResultTabs`,
`FanChart` and the other pieces are parts of it alone; `diffuse-ui` (see `diffuse_ui.cli`) is the command
line. The numerics live in `kernels` and need none of this. The names below are loaded when first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from diffuse_ui.app import App
    from diffuse_ui.pieces import (
        EventCanvas,
        EventEditor,
        ExportPanel,
        FanChart,
        ModelPanel,
        ResultPanel,
        ResultTabs,
        RunPanel,
    )

__all__ = [
    "App",
    "EventCanvas",
    "EventEditor",
    "ExportPanel",
    "FanChart",
    "ModelPanel",
    "ResultPanel",
    "ResultTabs",
    "RunPanel",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'diffuse_ui' has no attribute {name!r}")
    home = "diffuse_ui.app" if name == "App" else "diffuse_ui.pieces"
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
