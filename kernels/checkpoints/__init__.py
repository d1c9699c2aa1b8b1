"""Models on disk: weights as safetensors, everything else as a JSON card beside them.

`name.safetensors` holds the tensors (network, standardiser, law of the data); `name.json` holds
the card: architecture, layout, training data, measured fidelity, checksum of the tensors. No pickle,
nothing executable.
"""

from kernels.checkpoints.cards import read_card, weights_path, write_card
from kernels.checkpoints.weights import load_checkpoint, save_checkpoint

__all__ = ["load_checkpoint", "read_card", "save_checkpoint", "weights_path", "write_card"]
