"""Denoisers: D(x, σ) = E[x₀ | x₀ + σ ε = x], exact or learned. One kind a file."""
