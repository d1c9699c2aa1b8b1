"""Fidelity of a model: figures that compare samples with the truth, for the model's card.

    diffuse-ui models report lorenz63 --measure    # measures, and writes the card beside the weights

The truth is the simulator of a model of a system, and the held-out data of a model of a recording.
Measured are one-point distributions, correlations in time and spectra, the probabilities of a reference
event and of ten from 0.3 down to 1e-4, the rollout error of Finzi et al. (2023), section 5, beside that
of perturbed and of unrelated trajectories of the system, the log-density of held-out trajectories, the
drift of a conserved energy, the number of steps that deterministic sampling needs, and of a model that
forecasts the scores of its ensembles.
"""
