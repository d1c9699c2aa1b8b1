"""Diffusion models of dynamical systems, events on their trajectories, and probabilities.

One sentence is the architecture, and its nouns are the packages: a dynamical *system* gives
*trajectories*; *diffusion* and a *denoiser* model them; an *event* compiles to C(x); *guidance*
conditions the denoiser on it; a *sampler* draws; an estimator gives its *probability*;
*statistics* describe what was drawn.

Public names are listed in `__init__.pyi` and loaded when they are first used, so that `import kernels`
is quick and needs no interface library.
"""

import lazy_loader

from kernels.former_names import forward

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

forward(
    {
        "kernels.events.inspection": "kernels.events.semantics.attribution",
        "kernels.summaries": "kernels.statistics.summaries",
        "kernels.verification": "kernels.statistics.verification",
        "kernels.zoo.presets": "kernels.training.presets",
        "kernels.zoo.simulated": "kernels.training.from_system",
    }
)
