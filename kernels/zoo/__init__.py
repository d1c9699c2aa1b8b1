"""Models by name or path: those shipped with the project, and the user's own.

`load_model` takes a name or a path. Shipped weights lie beside this file; a user's own models lie in the data
folder of the platform (`diffuse-ui train … --name my-model` writes there), which is searched first.
"""

from pathlib import Path

import platformdirs

from kernels.checkpoints import load_checkpoint
from kernels.models import Model
from kernels.names import nearest, shown

__all__ = ["available_models", "load_model", "path_of", "user_models"]

_SHIPPED = Path(__file__).parent


def user_models() -> Path:
    """Folder of the user's own models; it may not exist yet."""
    return platformdirs.user_data_path("diffuse-ui", appauthor=False) / "models"


def _paths() -> dict[str, Path]:
    folders = (_SHIPPED, user_models())
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.safetensors"))}


def available_models() -> tuple[str, ...]:
    """Names that `load_model` takes: shipped models and the user's own."""
    return tuple(_paths())


def require_name(name: str) -> None:
    """Raise ValueError if a model's name is not that of a file in a folder."""
    if not name or name.startswith(".") or {"/", "\\", "\0"} & set(name):
        raise ValueError(
            f"`name` must be a name without slashes that begins with no dot; got {name!r}. "
            "Use `path` for another folder."
        )


def load_model(name: str | Path) -> Model:
    """Load a model by name, or from the path of its weights.

    Raises:
        ValueError: no such model (the message names the nearest), or a damaged file.
    """
    return load_checkpoint(path_of(name))


def path_of(name: str | Path) -> Path:
    """Path of a model's weights. Raises ValueError when there is no such model."""
    paths = _paths()
    if str(name) in paths:
        return paths[str(name)]
    if isinstance(name, Path) or "/" in name or name.endswith(".safetensors"):
        return Path(name)
    hint = nearest(name, paths) or "Give one of these, or a path to a .safetensors file."
    raise ValueError(
        f"`model` must be one of {', '.join(paths) or '(none is installed)'}; got {shown(name)}. {hint}".rstrip()
    )
