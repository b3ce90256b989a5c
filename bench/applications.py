"""Training steps of known networks, Pronghorn beside real Keras on the engines that are installed.

    python bench/applications.py [MobileNetV2 EfficientNetB0 ResNet50] [--sides pronghorn jax] [--rounds 3] [--steps 5]

Images of 224x224, 8 of them a step, random weights, Adam. Each side runs in a process of its own, in turn, so that all
meet the same machine; for each it prints the seconds of the first step (tracing and compiling, without a compile cache;
building the network is apart) and the median milliseconds of the steps that follow, of the clock and of the processor.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

NETWORKS = ("MobileNetV2", "EfficientNetB0", "ResNet50")
SIDES = ("pronghorn", "jax", "tensorflow", "torch")
SIZE, BATCH = 224, 8


def clocks() -> tuple[float, float]:
    """Seconds of the clock and of all cores together."""
    return time.perf_counter(), time.process_time()


def measure(side: str, network: str, steps: int) -> dict[str, float]:
    """Build and train in this process."""
    if side == "pronghorn":
        sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
        import pronghorn as keras
    else:
        import keras
    keras.utils.set_random_seed(0)
    times = [clocks()]
    model = getattr(keras.applications, network)(weights=None)
    model.compile("adam", "sparse_categorical_crossentropy")
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 255, (BATCH, SIZE, SIZE, 3)).astype("float32")
    y = rng.integers(0, 1000, BATCH)
    times.append(clocks())
    for _ in range(steps + 1):
        loss = model.train_on_batch(x, y)
        times.append(clocks())
    assert np.isfinite(np.asarray(loss)).all()
    clock, processor = (np.diff([each[i] for each in times]) for i in (0, 1))
    return {
        "build": clock[0],
        "first": clock[1],
        "first_cpu": processor[1],
        "step": float(np.median(clock[2:])) * 1e3,
        "step_cpu": float(np.median(processor[2:])) * 1e3,
    }


def in_a_process(side: str, network: str, steps: int) -> dict[str, float]:
    """Measure in a process of its own."""
    env = {**os.environ, "PRONGHORN_CACHE": "0", "KERAS_BACKEND": "jax" if side == "pronghorn" else side}
    command = [sys.executable, __file__, network, "--measure", side, "--steps", str(steps)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{side}, {network}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def compare(network: str, sides: list[str], rounds: int, steps: int) -> None:
    """Print a line for each side."""
    found: dict[str, list[dict[str, float]]] = {side: [] for side in sides}
    for _ in range(rounds):
        for side in sides:
            found[side].append(in_a_process(side, network, steps))
    ours = found.get("pronghorn")
    for side, runs in found.items():
        middle = {what: statistics.median(run[what] for run in runs) for what in runs[0]}
        line = (
            f"{network:16} {side:10} built in {middle['build']:5.1f} s, first step {middle['first']:6.2f} s "
            f"({middle['first_cpu']:6.2f} of processor), then {middle['step']:8.1f} ms ({middle['step_cpu']:8.1f})"
        )
        if ours and side != "pronghorn":
            pairs = list(zip(runs, ours))
            clock, processor = (
                statistics.median(theirs[what] / own[what] for theirs, own in pairs) for what in ("step", "step_cpu")
            )
            line += f", ratio {clock:5.2f} ({processor:5.2f})"
        print(line, flush=True)


def main() -> None:
    """Compare the networks named on the command line."""
    parser = argparse.ArgumentParser(description="Time training steps of known networks beside real Keras.")
    parser.add_argument("networks", nargs="*", default=NETWORKS, help="names of keras.applications")
    parser.add_argument("--sides", nargs="*", choices=SIDES, help="those that are installed by default")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--measure", choices=SIDES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure, options.networks[0], options.steps)))
        return
    installed = [side for side in SIDES if side == "pronghorn" or importlib.util.find_spec(side)]
    for network in options.networks:
        compare(network, options.sides or installed, options.rounds, options.steps)


if __name__ == "__main__":
    main()
