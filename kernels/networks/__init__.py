"""Networks in flax nnx: from a scaled trajectory and a noise coordinate to a trajectory."""
