"""Estimators that follow steered stochastic paths and weigh them."""
