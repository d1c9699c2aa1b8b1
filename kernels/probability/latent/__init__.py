"""Estimators that go through the ODE: direct samples, and chains of their latents."""
