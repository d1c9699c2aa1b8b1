"""Training: from a system or a recording to a model with a card."""
