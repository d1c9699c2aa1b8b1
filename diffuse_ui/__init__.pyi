"""Public names of `diffuse_ui`, and where each lives; loaded when first used."""

from .app import App as App
from .components import (
    EventCanvas as EventCanvas,
    EventEditor as EventEditor,
    ExportPanel as ExportPanel,
    FanChart as FanChart,
    ModelPanel as ModelPanel,
    ResultPanel as ResultPanel,
    ResultTabs as ResultTabs,
    RunPanel as RunPanel,
)
