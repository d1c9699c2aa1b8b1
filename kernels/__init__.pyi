"""Public names of `kernels`, and where each lives; loaded when first used."""

from .checkpoints import load_checkpoint as load_checkpoint, save_checkpoint as save_checkpoint
from .denoisers.exact import (
    GaussianDenoiser as GaussianDenoiser,
    GaussianMixtureDenoiser as GaussianMixtureDenoiser,
)
from .events.semantics.compile import compile_event as compile_event
from .events.syntax.event import Event as Event
from .events.syntax.parser import parse_event as parse_event
from .likelihood import log_likelihood as log_likelihood
from .models import Model as Model
from .probability.base import Probability as Probability
from .runs.api import (
    RunResult as RunResult,
    RunSpec as RunSpec,
    Snapshot as Snapshot,
    estimate as estimate,
    event_probability as event_probability,
    run as run,
    sample as sample,
    stream as stream,
)
from .runs.backdrop import backdrop as backdrop
from .runs.checks import (
    Comparison as Comparison,
    StepDoubling as StepDoubling,
    compare as compare,
    exceedance_curve as exceedance_curve,
    step_doubling as step_doubling,
)
from .runs.contrast import Contrast as Contrast, compare_probabilities as compare_probabilities
from .runs.groups import ProbabilityBy as ProbabilityBy, probability_by as probability_by
from .runs.stream import NumericalError as NumericalError
from .systems import (
    System as System,
    available_systems as available_systems,
    get_system as get_system,
    observe as observe,
    register_system as register_system,
)
from .training.from_recording import train_on as train_on
from .trajectories.datasets import read_dataset as read_dataset
from .trajectories.layout import Layout as Layout
from .trajectories.standardizer import Standardizer as Standardizer
from .zoo import available_models as available_models, load_model as load_model
