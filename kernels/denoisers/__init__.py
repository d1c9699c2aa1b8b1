"""Denoisers: D(x, σ) = E[x₀ | x₀ + σ ε = x], exact or learned. One file per kind."""
