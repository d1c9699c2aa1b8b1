"""Cache of compiled programs on disk, so that the app's second start is quick.

`DIFFUSE_UI_CACHE` names another folder; `DIFFUSE_UI_CACHE=off` keeps nothing.
"""

import os
from pathlib import Path

import jax
import platformdirs

__all__ = ["keep_compiled"]


def keep_compiled() -> Path | None:
    """Turn on JAX's persistent compilation cache; return its folder, or None if it is off.

    A folder that somebody has set already is left as it is; one that cannot be written is not used.
    """
    present = getattr(jax.config, "jax_compilation_cache_dir", None)
    if present:
        return Path(present)
    chosen = os.environ.get("DIFFUSE_UI_CACHE", "")
    if chosen.lower() == "off":
        return None
    folder = Path(chosen) if chosen else platformdirs.user_cache_path("diffuse-ui", appauthor=False) / "jax"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    if not os.access(folder, os.W_OK):
        return None
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
    return folder
