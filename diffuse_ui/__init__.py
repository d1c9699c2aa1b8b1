"""diffuse-ui: draw an event on trajectories of a dynamical system, and sample given it.

`App` is the app in a notebook cell, on a served page, or as one ipywidget; `EventCanvas`, `ResultTabs`,
`FanChart` and the other pieces are parts of it alone; `diffuse-ui` (see `diffuse_ui.cli`) is the command
line. The numerics live in `kernels` and need none of this. Public names are
listed in `__init__.pyi` and loaded when first used.
"""

import lazy_loader

from kernels.former_names import forward

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

forward(
    {
        "diffuse_ui.codegen": "diffuse_ui.export.code",
        "diffuse_ui.colors": "diffuse_ui.style.colors",
        "diffuse_ui.event_figures": "diffuse_ui.figures.event",
        "diffuse_ui.exporting": "diffuse_ui.export.files",
        "diffuse_ui.figure_axes": "diffuse_ui.figures.axes",
        "diffuse_ui.sketches": "diffuse_ui.sketch.parts",
        "diffuse_ui.training_figures": "diffuse_ui.figures.training",
    }
)
