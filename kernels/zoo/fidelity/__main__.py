"""Measure a model and write its card: `python -m kernels.zoo.fidelity lorenz63 [number of samples]`."""

import json
import sys

from kernels.checkpoints import write_card
from kernels.zoo import load_model, path_of
from kernels.zoo.fidelity.measuring import Effort, measure


def _main(name: str, num_samples: int = Effort.num_samples) -> None:
    model = load_model(name)
    for report in measure(model, effort=Effort(num_samples=num_samples)):
        print(json.dumps({k: v for k, v in report.items() if not isinstance(v, list | dict)}), flush=True)
        write_card(path_of(name), dict(model.card) | {"num_steps": report["num_steps"], "fidelity": report})
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    _main(sys.argv[1], *map(int, sys.argv[2:]))
