"""Under pytest, shapes and types in the annotations of the numerics are checked at every call."""

from jaxtyping import install_import_hook

# modules that take what a user gives check it themselves, with messages
CHECKED = (
    "denoisers",
    "diffusion",
    "ensembles",
    "guidance",
    "likelihood",
    "probability",
    "samplers",
    "statistics",
)

install_import_hook([f"kernels.{name}" for name in CHECKED], "beartype.beartype")
