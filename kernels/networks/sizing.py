"""Which network for which trajectories: the one rule that sizes a network from its data."""

from kernels.networks.unet import UNetConfig

__all__ = ["network_config"]


def network_config(num_times: int, num_variables: int, *, num_known: int = 0) -> UNetConfig:
    """A UNet for trajectories of `num_times` × `num_variables` numbers.

    Two neighbouring times share a token: fewer, wider tokens keep a CPU at matrix products. Inputs
    are the scaled trajectory and its linear denoising, so twice the variables, and for forecasts one more
    that marks the known states.
    """
    return UNetConfig(
        num_times=num_times,
        in_features=2 * num_variables + (num_known > 0),
        out_features=num_variables,
        patch=2,
        channels=(64, 128),
        num_blocks=2,
        dense_width=384,
        num_dense=2,
        embedding=128,
    )
