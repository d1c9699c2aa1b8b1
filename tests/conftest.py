"""Shapes and types in the annotations of the numerics are checked at every call; XLA compiles in a hurry.

Most of a test's time is compilation. Programs that are optimised little say the same, and with them the
tests take half the time. What is set in XLA_FLAGS already stays: an empty string asks for the programs that
users get, which is how CI runs the slow tests.
"""

import os

from jaxtyping import install_import_hook

IN_A_HURRY = (
    "--xla_backend_optimization_level=0",
    "--xla_llvm_disable_expensive_passes=true",
    "--xla_cpu_use_fusion_emitters=false",
)
os.environ.setdefault("XLA_FLAGS", " ".join(IN_A_HURRY))

# modules that take what a user gives check it themselves, with messages
CHECKED = (
    "denoisers.base",
    "denoisers.exact",
    "denoisers.expert",
    "denoisers.forecast",
    "denoisers.network",
    "diffusion",
    "guidance",
    "likelihood",
    "probability",
    "runs.ensembles",
    "samplers",
    "statistics.weighted",
)

install_import_hook([f"kernels.{name}" for name in CHECKED], "beartype.beartype")
