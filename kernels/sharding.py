"""Batches over all devices of this machine: each device takes its share of the samples.

With one device, as on a CPU, nothing is done. Which sample is drawn or trained on does not depend on
how many devices there are; its numbers do in their last digits.
"""

from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Shaped

__all__ = ["replicated", "spread"]


def spread(batch: Shaped[Array, "sample *rest"]) -> Shaped[Array, "sample *rest"]:
    """Spread a batch over the devices, if its size is a multiple of their number; also in `jit`."""
    devices = jax.local_devices()
    if len(devices) == 1 or batch.shape[0] % len(devices):
        return batch
    return jax.device_put(batch, NamedSharding(Mesh(np.array(devices), ("sample",)), PartitionSpec("sample")))


def replicated(tree: Any) -> Any:
    """Copy arrays that all samples need to every device."""
    devices = jax.local_devices()
    if len(devices) == 1:
        return tree
    return jax.device_put(tree, NamedSharding(Mesh(np.array(devices), ("sample",)), PartitionSpec()))
