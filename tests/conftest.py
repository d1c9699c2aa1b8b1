"""Shapes and types in the annotations of the numerics are checked at every call; XLA compiles in a hurry.

Most of a test's time is compilation. Unoptimised programs compile in half the time and say the same; what is set in
XLA_FLAGS already stays (an empty string: the optimisation that users get, under which CI runs the slow tests).
"""

import os

from jaxtyping import install_import_hook

os.environ.setdefault(
    "XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
)

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
