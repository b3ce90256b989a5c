"""How long a step takes on 2 to 256 machines, by a model: your network's numbers go in.

    python bench/machines.py --step-ms 180 --gradient-mb 102 --bandwidth 25 --latency 20
    python bench/machines.py --step-ms 180 --gradient-mb 102 --bandwidth 100 --latency 3 --per-machine

`--step-ms` is a step of the whole batch on one machine (`bench/scaling.py --ranks` measures it, and what `fit` shows as
ms/step will do), `--gradient-mb` four bytes for each trainable parameter, `--bandwidth` what a machine sends in Gbit/s,
and `--latency` the microseconds of the shortest message. Other numbers of a step: `--exchanges`, how often processes
exchange something in it (1, and 5 more for each BatchNormalization), and `--fixed-ms`, the part that does not
shrink with the rows: the optimizer's update of all weights, and Python.

The model: time = fixed + (step - fixed) / machines + exchanges. An exchange of S bytes among n machines takes the least
of recursive doubling, log2(n) (latency + S / bandwidth), and a ring, 2 (n - 1) (latency + S / (n bandwidth)); nothing
of it overlaps with computing, as in Pronghorn's own engine. With `--per-machine` the batch grows with the machines.
"""

from __future__ import annotations

import argparse
import math
from typing import NamedTuple

MACHINES = [1, 2, 4, 8, 16, 32, 64, 128, 256]


class Network(NamedTuple):
    """Seconds of the shortest message, and bytes a second that a machine sends."""

    latency: float
    bandwidth: float


def exchange(machines: int, size: float, network: Network) -> float:
    """Seconds of a sum of `size` bytes over machines.

    >>> round(exchange(2, 1e9, Network(1e-5, 1e9)), 3)
    1.0
    >>> exchange(1, 1e9, Network(1e-5, 1e9))
    0.0
    """
    if machines == 1:
        return 0.0
    doubling = math.ceil(math.log2(machines)) * (network.latency + size / network.bandwidth)
    ring = 2 * (machines - 1) * (network.latency + size / machines / network.bandwidth)
    return min(doubling, ring)


def step(machines: int, seconds: float, fixed: float, size: float, exchanges: int, network: Network,
         per_machine: bool) -> float:  # fmt: skip
    """Seconds of a step.

    Args:
        machines: how many.
        seconds: of a step of the whole batch on one machine.
        fixed: the part of it that does not shrink with the rows.
        size: bytes of the gradients.
        exchanges: in a step; all but the one of the gradients are short.
        network: the network.
        per_machine: whether each machine has as many rows as one alone.
    """
    rows = 1 if per_machine else 1 / machines
    short = (exchanges - 1) * exchange(machines, 1024.0, network)
    return fixed + (seconds - fixed) * rows + exchange(machines, size, network) + short


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--step-ms", type=float, required=True)
    parser.add_argument("--gradient-mb", type=float, required=True)
    parser.add_argument("--bandwidth", type=float, default=25.0, help="Gbit/s")
    parser.add_argument("--latency", type=float, default=20.0, help="microseconds")
    parser.add_argument("--exchanges", type=int, default=1)
    parser.add_argument("--fixed-ms", type=float, default=0.0)
    parser.add_argument("--per-machine", action="store_true")
    given = parser.parse_args()
    network = Network(given.latency * 1e-6, given.bandwidth * 1e9 / 8)
    numbers = (given.step_ms / 1e3, given.fixed_ms / 1e3, given.gradient_mb * 1e6, given.exchanges, network)
    print(f"{'machines':>8} {'ms a step':>10} {'of it sums':>11} {'rows a second':>14} {'efficiency':>11}")
    alone = given.step_ms / 1e3
    for machines in MACHINES:
        seconds = step(machines, *numbers, given.per_machine)
        summed = seconds - step(machines, *numbers[:2], 0.0, 1, Network(0.0, 1.0), given.per_machine)
        gain = alone / seconds * (machines if given.per_machine else 1)
        print(f"{machines:8} {1e3 * seconds:10.1f} {1e3 * summed:11.1f} {gain:13.1f}x {100 * gain / machines:9.0f} %")


if __name__ == "__main__":
    main()
