"""Precision of matrix products: bfloat16 where the processor multiplies that faster.

A processor with matrix instructions for bfloat16 (AMX) draws nearly twice as fast with it. What a network adds
to the linear denoiser moves by about 1 % of that denoiser's error (`tests/kernels/networks/test_precision.py`), few events
are decided otherwise (`python tests/benchmarks/compare_precision.py`);
sums, normalisation, the first and the last layer stay in single precision, and so do training and
likelihoods. The environment variable `DIFFUSE_UI_PRECISION` decides otherwise: "float32", "bfloat16", or
"auto", which it is unless given.
"""

import functools
import os
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from kernels.networks.layers import Dense, RingConv
from kernels.networks.unet import UNet

__all__ = ["PRECISIONS", "VARIABLE", "halved", "uses_half"]

VARIABLE = "DIFFUSE_UI_PRECISION"
PRECISIONS = ("auto", "float32", "bfloat16")


def uses_half() -> bool:
    """Whether networks are to be evaluated in bfloat16 on this machine.

    Raises:
        ValueError: the environment variable has another value than those of `PRECISIONS`.
    """
    asked = os.environ.get(VARIABLE, "auto")
    if asked not in PRECISIONS:
        raise ValueError(f"the environment variable {VARIABLE} must be one of {PRECISIONS}; got {asked!r}.")
    return asked == "bfloat16" or (asked == "auto" and jax.default_backend() == "cpu" and _has_instructions())


@functools.cache
def _has_instructions() -> bool:
    """Whether this processor multiplies matrices of bfloat16, from /proc/cpuinfo of Linux."""
    described = Path("/proc/cpuinfo")
    return described.is_file() and "amx_bf16" in described.read_text(errors="replace")


def halved(graph: nnx.GraphDef, params: Any) -> Any:
    """Weights of a network with products in bfloat16, except the first and the last layer."""
    network: UNet = nnx.merge(graph, params)
    ends = (network.read, network.write)
    for _, module in nnx.iter_modules(network):
        if isinstance(module, Dense | RingConv) and not any(module is end for end in ends):
            module.kernel = nnx.Param(module.kernel[...].astype(jnp.bfloat16))
    return nnx.split(network)[1]
