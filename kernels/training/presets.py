"""Presets: amounts of data and of training that have a name.

The models in this folder were trained with these (each card has the numbers and the seed): on two cores with
"shipped", "standard", "field", "further", "expert", "exemplars" and the forecasts with "small_forecast" and
"further_forecast", then on a GPU with those that begin with "large".
"""

import dataclasses
import math
from typing import Any

from kernels.diffusion.noise import NOISES
from kernels.names import require_known
from kernels.networks.sizing import network_config
from kernels.networks.unet import UNetConfig
from kernels.systems import System
from kernels.training.loop import TrainingConfig

__all__ = ["MANY_VALUES", "MAX_VALUES", "PRESETS", "Preset", "require_noise"]

MAX_VALUES = 256_000_000  # numbers in all training trajectories, 1 GB in single precision
MANY_VALUES = 512_000_000  # where each is seen some twenty times


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preset:
    """Amount of data and of training.

    Attributes:
        num_samples: simulated training trajectories, fewer where these are more than `max_values` numbers.
        num_validation: further ones, held out.
        training: see `TrainingConfig`.
        polishing: a second training, from the first one's result, or None.
        noise: colour of the perturbing noise, see `kernels.diffusion.noise`.
        num_exemplars: further simulated trajectories that the network is to look at, see `kernels.denoisers.exemplars`.
        num_known: first states that the model is to know, see `kernels.denoisers.forecast`; 0 for none.
        small: half the widths, see `network_config`: a quarter of the size and of the time.
        dtype: in which weights are written, see `save_checkpoint`.
        max_values: numbers in all training trajectories, at most.
    """

    num_samples: int
    num_validation: int = 2048
    training: TrainingConfig
    polishing: TrainingConfig | None = None
    noise: str = "white"
    num_exemplars: int = 0
    num_known: int = 0
    small: bool = False
    dtype: str = "float32"
    max_values: int = MAX_VALUES

    def __post_init__(self) -> None:
        if self.num_exemplars and (self.num_known or self.training.levels is not None):
            raise ValueError("`num_exemplars` must be 0 for a forecast, and for an expert of some levels.")

    def samples_of(self, system: System) -> int:
        """Number of training trajectories of a system."""
        return min(self.num_samples, self.max_values // math.prod(system.layout.shape))

    def network_of(self, system: System) -> UNetConfig:
        """Architecture for a system."""
        few = 0 if self.small else None
        return network_config(
            *system.layout.shape, num_known=self.num_known, num_samples=few, ring=system.ring
        )


def _large(*, num_exemplars: int = 0, **training: Any) -> Preset:
    """Preset for an accelerator, where a large batch takes as long as a small one.

    Training starts from a trained model or from nothing.
    """
    return Preset(
        num_samples=4_000_000,
        num_exemplars=num_exemplars,
        training=TrainingConfig(batch_size=1024, cooldown=0.8, report_every=1000, **training),
        dtype="float16",
        max_values=MANY_VALUES,
    )


PRESETS = {
    "shipped": Preset(
        num_samples=1_000_000,
        training=TrainingConfig(),
        polishing=TrainingConfig(
            num_steps=6000, batch_size=512, learning_rate=5e-4, warmup=50, cooldown=0.9, middle_share=0.5
        ),
        dtype="float16",
    ),
    "forecast": Preset(
        num_samples=1_000_000,
        training=TrainingConfig(num_steps=10_000, batch_size=128, cooldown=0.7),
        num_known=3,
        dtype="float16",
    ),
    "small_forecast": Preset(
        num_samples=1_000_000,
        training=TrainingConfig(num_steps=8_000, batch_size=128, cooldown=0.7),
        num_known=3,
        small=True,
        dtype="float16",
    ),
    "further_forecast": Preset(  # from a trained forecast
        num_samples=1_000_000,
        training=TrainingConfig(num_steps=36_000, batch_size=128, cooldown=0.8),
        num_known=3,
        small=True,
        dtype="float16",
    ),
    "standard": Preset(
        num_samples=1_000_000,
        training=TrainingConfig(num_steps=12_000, batch_size=128, cooldown=0.7, middle_share=0.3),
        dtype="float16",
    ),
    "field": Preset(  # many small steps, for networks around a ring
        num_samples=1_000_000,
        training=TrainingConfig(num_steps=20_000, batch_size=64, cooldown=0.7, middle_share=0.3),
        dtype="float16",
    ),
    "further": Preset(  # from a trained model
        num_samples=1_000_000,
        training=TrainingConfig(
            num_steps=10_000, batch_size=128, learning_rate=1e-3, cooldown=0.8, middle_share=0.3
        ),
        dtype="float16",
    ),
    "expert": Preset(  # beside a trained model, for the noise levels that decide what a trajectory does
        num_samples=1_000_000,
        training=TrainingConfig(
            num_steps=6_000, batch_size=128, learning_rate=1e-3, warmup=100, cooldown=0.8, levels=(0.4, 12.0)
        ),
        dtype="float16",
    ),
    "exemplars": Preset(  # from a trained model: it learns to look at exemplars, from targets with little scatter
        num_samples=500_000,
        num_exemplars=16_384,
        training=TrainingConfig(
            num_steps=5_000,
            batch_size=128,
            learning_rate=1e-3,
            warmup=100,
            cooldown=0.8,
            middle_share=0.5,
            num_references=16_384,
        ),
        dtype="float16",
    ),
    "large": _large(num_steps=40_000, learning_rate=1.5e-3, middle_share=0.3),
    "large_field": _large(num_steps=20_000, middle_share=0.3),
    "large_expert": _large(num_steps=32_000, learning_rate=1.5e-3, levels=(0.4, 12.0)),
    "large_exemplars": _large(
        num_exemplars=16_384,
        num_steps=20_000,
        learning_rate=1.5e-3,
        middle_share=0.5,
        num_references=16_384,
    ),
    "quick": Preset(num_samples=100_000, training=TrainingConfig(num_steps=2_000, warmup=100)),
}


def require_noise(noise: str, num_known: int) -> None:
    """Raise ValueError for unknown noise, or for noise that mixes a forecast's first states."""
    require_known("noise", noise, NOISES)
    if num_known and noise != "white":
        raise ValueError(
            f"`noise` must be white for a model that knows its first states; got {noise!r}. "
            "Other colours mix all times."
        )
