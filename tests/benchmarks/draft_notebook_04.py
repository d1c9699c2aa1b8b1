import nbformat as nf
md, code = nf.v4.new_markdown_cell, nf.v4.new_code_cell
cells=[
md("""# How likely is it, and how sure is that?

The probability of an event under a diffusion model, by ways that fail differently: direct sampling, subset
simulation in latent space, importance sampling along guided paths, resampling, density ratios. This notebook shows
what each is good for, how each says that it cannot be trusted, and how to check two against each other."""),
code("""%matplotlib inline
%config InlineBackend.print_figure_kwargs = {"dpi": 90, "bbox_inches": None}

import json

import jax
import numpy as np
from matplotlib.figure import Figure

import kernels
from diffuse_ui.colors import LIGHT
from diffuse_ui.figure_axes import style

key = jax.random.key(0)
model = kernels.load_model("lorenz63")


def table(event, methods, model=model, **asked):
    \"\"\"Several estimators of one probability.\"\"\"
    print(event)
    for method in methods:
        found = kernels.event_probability(key, model, event, method=method, **asked.get(method, {}))
        error = found.standard_error / found.value if found.value > 0 else float("inf")
        print(f"  {method:18s} {found.value:10.4g} ± {error:5.0%}   {found.status:12s} {found.num_calls:9,d} network calls")"""),
md("""## Three numbers side by side

Brute-force simulation is the truth where there is a simulator. Direct Monte Carlo is the truth about the *model*. Their
gap is the model's error; the gap between the model's number and an estimate is the estimator's. `auto` looks at direct
samples first and goes on with whatever is cheaper."""),
code("""few = {"simulator": {"num_samples": 100_000}, "monte_carlo": {"num_samples": 3072}, "path_importance": {"num_samples": 256}}
table("mean(abs(rfft(x))[1:]) < 0.6", ["simulator", "monte_carlo", "path_importance", "auto"], **few)
table("max(x) > 0.9", ["simulator", "path_importance", "auto"], **few)"""),
md("""The paper's event is one that guidance can find, and importance sampling is honest about it. The maximum beyond its
1-in-100 value is not: nearly no guided path gets there with a weight worth anything, and the estimator says so in its
status. The message says what to do instead:"""),
code("""found = kernels.event_probability(key, model, "max(x) > 0.9", method="path_importance", num_samples=256)
print(found.message)"""),
]
