"""Estimators from guided stochastic paths and their importance weights."""
