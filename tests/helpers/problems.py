"""A problem from its parts, as estimators take it."""

from kernels import RunSpec
from kernels.guidance.registry import DEFAULT_GUIDANCE


def problem_of(key, model, event, given, num_steps=None, guidance=DEFAULT_GUIDANCE):
    """P(event | given) under a model."""
    return RunSpec(model=model, event=event, given=given, guidance=guidance).problem(key, num_steps=num_steps)
