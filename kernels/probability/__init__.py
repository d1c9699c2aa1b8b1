"""Probability of an event under a model, with an error bar: one file per estimator.

An estimator is a generator: it yields `Progress` with a running estimate and can be closed at any
time; the last record is the result.
"""
