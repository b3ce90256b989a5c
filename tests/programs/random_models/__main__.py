"""Runs many random models by hand, in processes of a few, so that a crash or a hang costs one model.

``python -m random_models --seeds 0 1000 --jobs 2 --reduce`` prints what differs, with the specification made smaller.

XLA compiles for Keras without optimization, which takes a quarter of the time. Its code of that kind gives NaNs now and
then, so a model that differs is looked at again beside what XLA makes by default, and that is what counts. With
``PRONGHORN_BACKEND=numpy`` ours is interpreted: a third of the time, for all but the compiler.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import gc
import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

FLAGS = "--xla_backend_optimization_level=0"  # each model is compiled to run a few times
FASTER = FLAGS + " --xla_cpu_use_fusion_emitters=false"  # twice as fast, where XLA has it: else it ends the process


def environment(optimizing: bool) -> dict[str, str]:
    """Of the processes that run models: Keras on JAX, which compiles quickly or as it does by default."""
    here = Path(__file__).parents[1]
    path = os.pathsep.join([str(here), str(here.parents[1] / "src"), os.environ.get("PYTHONPATH", "")])
    result = {**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": path, "PYTHONWARNINGS": "ignore"}
    if optimizing:
        result.pop("XLA_FLAGS", None)
        return result
    result["XLA_FLAGS"] = FASTER
    probe = [sys.executable, "-c", "import jax; jax.numpy.zeros(1) + 1"]
    if subprocess.run(probe, env=result, capture_output=True).returncode:
        result["XLA_FLAGS"] = FLAGS
    return result


def written_child(seeds: list[int], reducing: bool) -> None:
    """As `child`, of models as users write them."""
    from random_models.beside_float64 import compare
    from random_models.reduce import reduced, smaller_written
    from random_models.written import written_spec

    for seed in seeds:
        print(json.dumps({"begun": seed}), flush=True)
        spec = written_spec(seed)
        found = compare(spec)
        line: dict[str, Any] = {"seed": seed, "layers": len(spec["blocks"]), "policy": spec["policy"]}
        line |= {"differences": found.differences, "largest": found.largest}
        line["blurred"] = found.blurred / max(1, found.elements)
        print(json.dumps(line), flush=True)
        if found.differences and reducing:
            small = reduced(spec, lambda s: {kind for kind, _ in compare(s).differences}, smaller=smaller_written)
            print(json.dumps({"reduced": small, "differences": compare(small).differences}), flush=True)


def child(seeds: list[int], layers: int | None, reducing: bool) -> None:
    """Runs models and prints a line of JSON for each."""
    from random_models.compare import Comparison, differences
    from random_models.generate import random_spec
    from random_models.reduce import reduced

    gc.collect()
    gc.freeze()  # each model ends with a collection, which need not go through the libraries
    for seed in seeds:
        print(json.dumps({"begun": seed}), flush=True)
        spec = random_spec(seed, layers)
        comparison = Comparison(spec)
        found = comparison.run()
        line: dict[str, Any] = {"seed": seed, "layers": len(spec["nodes"]), "policy": spec["policy"]}
        line |= {"optimizer": spec["compile"]["optimizer"]["$make"][1], "explained": dict(comparison.explained)}
        line["seconds"] = time.process_time()
        line["differences"] = [[d.kind, d.text] for d in found]
        print(json.dumps(line), flush=True)
        if found and reducing:
            small = reduced(spec, lambda s: {d.kind for d in differences(s)})
            left = [[d.kind, d.text] for d in differences(small)]
            print(json.dumps({"reduced": small, "differences": left}), flush=True)


def looked_at_twice(seeds: list[int], options: argparse.Namespace, quick: dict, usual: dict) -> list[dict]:
    """The results of some seeds; of those that differ, the ones that they have beside what XLA optimizes.

    XLA has no part in the numbers that models as users write them are compared with: once is enough.
    """
    if options.written:
        return run_chunk(seeds, options, quick, options.reduce)
    results = run_chunk(seeds, options, quick)
    again = [line["seed"] for line in results if line["differences"]]
    second = run_chunk(again, options, usual, options.reduce) if again else []
    for line in second:
        if "reduced" not in line and not line["differences"]:
            line["explained"] = {**line["explained"], "XLA's code without optimization": 1}
    return [line for line in results if line["seed"] not in again] + second


def run_chunk(seeds: list[int], options: argparse.Namespace, env: dict[str, str], reduce: bool = False) -> list[dict]:
    """The results of some seeds, of a process of their own; again without the one at which it ended early."""
    results: list[dict] = []
    while seeds:
        command = [sys.executable, "-m", "random_models", "--child", *map(str, seeds)]
        command += ["--reduce"] if reduce else []
        command += ["--written"] if options.written else []
        command += ["--layers", str(options.layers)] if options.layers else []
        limit = options.timeout * len(seeds)
        try:
            done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=limit)
            out, why = done.stdout, f"exit code {done.returncode}: {done.stderr[-1500:]}"
        except subprocess.TimeoutExpired as error:
            out, why = (error.stdout or b"").decode(), f"no answer in {limit} s"
        lines = [json.loads(text) for text in out.splitlines() if text.startswith("{")]
        results += [line for line in lines if "begun" not in line]
        begun = [line["begun"] for line in lines if "begun" in line]
        ended = {line.get("seed") for line in lines}
        if len(begun) == len(seeds) and begun[-1] in ended:
            break
        lost = begun[-1] if begun else seeds[0]
        if lost not in ended:
            results.append({"seed": lost, "layers": 0, "differences": [["the process ended", why]]})
        seeds = seeds[seeds.index(lost) + 1 :]
    return results


def main() -> int:
    parser = argparse.ArgumentParser(prog="random_models", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs=2, default=(0, 100), help="the first, and the one after the last")
    parser.add_argument("--only", type=int, nargs="+", help="these seeds instead")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--chunk", type=int, default=16, help="models in a process")
    parser.add_argument("--layers", type=int, help="how many; else 5 to 40, as the seed says")
    parser.add_argument("--timeout", type=float, default=240, help="seconds for a model")
    parser.add_argument("--written", action="store_true", help="models as users write them, element by element")
    parser.add_argument("--reduce", action="store_true", help="make failing models smaller, which takes long")
    parser.add_argument("--child", type=int, nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child and options.written:
        written_child(options.child, options.reduce)
        return 0
    if options.child:
        child(options.child, options.layers, options.reduce)
        return 0
    failures, count, largest, blurred = 0, 0, 0.0, 0.0
    quick, usual = environment(optimizing=False), environment(optimizing=True)
    explained: Counter[str] = Counter()
    seeds = options.only or list(range(*options.seeds))
    chunks = [seeds[i : i + options.chunk] for i in range(0, len(seeds), options.chunk)]
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        futures = [pool.submit(looked_at_twice, chunk, options, quick, usual) for chunk in chunks]
        for future in concurrent.futures.as_completed(futures):
            for line in future.result():
                if "reduced" in line:
                    print("  reduced:", json.dumps(line["reduced"]), *line["differences"][:2], sep="\n    ", flush=True)
                    continue
                count += 1
                explained.update(line.get("explained", {}))
                blurred += line.get("blurred", 0)
                if not line["differences"]:
                    largest = max(largest, line.get("largest", 0))
                if line["differences"]:
                    failures += 1
                    print(f"seed {line['seed']}: {line.get('layers')} layers, {line.get('policy')}", flush=True)
                    for kind, text in line["differences"][:4]:
                        print(f"  {kind} | {text[:900]}", flush=True)
    print(f"{count} models, {failures} differ; ", end="")
    if options.written:
        print(f"largest part of what is allowed, in the others: {largest:.2g}; elements without a sharp measure: "
              f"{blurred / max(1, count):.1%}")  # fmt: skip
    else:
        print(f"arrays that only rounding explains: {dict(explained)}")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
