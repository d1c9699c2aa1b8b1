"""Former names of modules, importable for scripts and notebooks of version 0.1.

    forward({"kernels.zoo.presets": "kernels.training.presets"})
    import kernels.zoo.presets         # the names of kernels.training.presets

A former name is looked up last, so a module that exists always wins.
"""

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

__all__ = ["forward"]


class _FormerNames(MetaPathFinder, Loader):
    """Finder and loader of modules under their former names."""

    def __init__(self) -> None:
        self.present: dict[str, str] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if fullname in self.present else None

    def exec_module(self, module: ModuleType) -> None:
        present = vars(import_module(self.present[module.__name__]))
        vars(module).update({name: value for name, value in present.items() if not name.startswith("__")})


_finder = _FormerNames()


def forward(present: Mapping[str, str]) -> None:
    """Make former module names importable.

    Args:
        present: former name → present name, both with their packages.
    """
    _finder.present.update(present)
    if _finder not in sys.meta_path:
        sys.meta_path.append(_finder)
