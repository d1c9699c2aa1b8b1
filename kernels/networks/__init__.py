"""Networks, in flax nnx. A network maps a scaled trajectory and a noise coordinate to a trajectory."""
