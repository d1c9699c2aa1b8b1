"""The architectures there are, by the names that cards give them."""

from collections.abc import Mapping
from typing import Any

from kernels.networks.ring import RingUNetConfig
from kernels.networks.unet import UNetConfig

__all__ = ["NetworkConfig", "architecture_card", "architecture_from_card"]

NetworkConfig = UNetConfig | RingUNetConfig

ARCHITECTURES: Mapping[str, type[NetworkConfig]] = {
    config.type: config for config in (UNetConfig, RingUNetConfig)
}


def architecture_card(config: NetworkConfig) -> dict[str, Any]:
    """What a model's card keeps of its network."""
    return {"type": config.type, **config.to_dict()}


def architecture_from_card(fields: Mapping[str, Any]) -> NetworkConfig:
    """The inverse of `architecture_card`.

    Raises:
        ValueError: a type that this version does not know.
        KeyError, TypeError: fields that are missing, or that the type does not have.
    """
    fields = dict(fields)
    kind = fields.pop("type")
    if kind not in ARCHITECTURES:
        raise ValueError(
            f"the network is of type {kind!r}; this version knows {', '.join(ARCHITECTURES)}. "
            "A newer diffuse-ui may be needed."
        )
    return ARCHITECTURES[kind].from_dict(fields)
