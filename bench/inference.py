"""Predictions of one sample and of many, beside ONNX Runtime and OpenVINO on the same networks, exported by us.

    pip install onnx onnxruntime openvino
    python bench/inference.py [NETWORK ...] [--rows 1 64] [--threads 2] [--seconds 0.3] [--rounds 3] [--json]

The networks are those of `workloads.py` and `large.py`, and three of `applications`, with random weights. All sides run
in this process, in turn, with as many threads; each number is the least of all rounds, in milliseconds. OpenVINO is
asked for low latency, once in float32 ("f32") and once as it comes ("OpenVINO"), which may be in bfloat16. The last
column is the better of the two in float32 by the best of ours: more than 1 means that Pronghorn is faster. What a side
computes is compared with `predict`; where it differs by more than rounding, or fails, a line below says so.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1] / "src")]

from large import WORKLOADS as LARGE  # noqa: E402
from workloads import WORKLOADS, first  # noqa: E402

import pronghorn as keras  # noqa: E402

APPLICATIONS = ("MobileNetV2", "ResNet50", "EfficientNetB0")
NAMES = (*WORKLOADS, *LARGE, *APPLICATIONS)
OURS = ("predict", "model(x)")
THEIRS = ("ONNX Rt", "f32")
SIDES = (*OURS, *THEIRS, "OpenVINO")
CLOSE = 1e-3  # of the largest output; what OpenVINO takes for good in bfloat16 is told, too

ONNX_TYPES = {"tensor(int32)": "int32", "tensor(int64)": "int64", "tensor(float)": "float32"}

Call = Callable[[], Any]


def network(name: str, rows: int) -> tuple[Any, Any]:
    """Return a model and so many samples for it."""
    rng = np.random.default_rng(0)
    if name in APPLICATIONS:
        model = getattr(keras.applications, name)(weights=None)
        return model, rng.uniform(-1, 1, (rows, 224, 224, 3)).astype("float32")
    build = WORKLOADS.get(name) or LARGE[name]
    workload = build(keras, rng)
    return workload.model, first(workload.x, rows)


def sides(model: Any, x: Any, path: Path, threads: int) -> Iterator[tuple[str, Callable[[], Call]]]:
    """Give each side's name, and what makes the call that is timed."""
    yield "predict", lambda: lambda: model.predict(x, verbose=0, batch_size=max(32, len(keras.tree.flatten(x)[0])))
    yield "model(x)", lambda: lambda: model(x)
    yield "ONNX Rt", lambda: onnx_runtime(path, x, threads)
    yield "f32", lambda: openvino(path, x, threads, INFERENCE_PRECISION_HINT="f32")
    yield "OpenVINO", lambda: openvino(path, x, threads)


def onnx_runtime(path: Path, x: Any, threads: int) -> Call:
    """Return the file's network in ONNX Runtime, as a call."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = threads, 1, 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    feed = {
        taken.name: array.astype(ONNX_TYPES.get(taken.type, array.dtype))
        for taken, array in zip(session.get_inputs(), keras.tree.flatten(x), strict=True)
    }
    return lambda: session.run(None, feed)


def openvino(path: Path, x: Any, threads: int, **settings: str) -> Call:
    """Return the file's network in OpenVINO, as a call."""
    import openvino

    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": str(threads), **settings}
    compiled = openvino.Core().compile_model(str(path), "CPU", settings)
    request, feed = compiled.create_infer_request(), keras.tree.flatten(x)
    return lambda: [np.array(found) for found in request.infer(feed, share_inputs=True).values()]


def least_ms(call: Call, seconds: float) -> float:
    """Return the milliseconds of the fastest call among those of some time, two at least."""
    times: list[float] = []
    start = time.perf_counter()
    while len(times) < 2 or time.perf_counter() - start < seconds:
        before = time.perf_counter()
        call()
        times.append(time.perf_counter() - before)
    return min(times) * 1e3


def difference(found: Any, expected: Any) -> float:
    """Return how far outputs are from others, relative to the largest; NaN where their shapes differ."""
    pairs = list(zip(map(np.asarray, keras.tree.flatten(found)), map(np.asarray, keras.tree.flatten(expected))))
    if any(a.shape != b.shape for a, b in pairs):
        return math.nan
    return max(float(np.abs(a - b).max(initial=0) / (np.abs(b).max(initial=0) + 1e-30)) for a, b in pairs)


def measure(name: str, rows: int, options: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of one network with so many samples."""
    model, x = network(name, rows)
    figures: dict[str, Any] = {"network": name, "rows": rows, "ms": {}, "notes": []}
    calls: dict[str, Call] = {}
    expected = model.predict(x, verbose=0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        try:
            model.export(path, format="onnx", verbose=False)
        except Exception as error:
            figures["notes"].append(f"export: {type(error).__name__}: {error}"[:160])
        for side, make in sides(model, x, path, options.threads):
            if side not in OURS and not path.exists():
                continue
            try:
                call = make()
                apart = difference(call(), expected)
            except Exception as error:
                figures["notes"].append(f"{side}: {type(error).__name__}: {error}"[:160])
                continue
            calls[side] = call
            if not apart <= CLOSE:
                figures["notes"].append(f"{side} is {apart:.1g} of the largest output from predict")
        for _ in range(options.rounds):
            for side, call in calls.items():
                before = figures["ms"].get(side, math.inf)
                figures["ms"][side] = min(before, least_ms(call, options.seconds / options.rounds))
    return figures


def ratio(ms: dict[str, float]) -> float:
    """Return the better of theirs in float32 by the best of ours; NaN without either."""
    ours, theirs = ([ms[side] for side in group if side in ms] for group in (OURS, THEIRS))
    return min(theirs) / min(ours) if ours and theirs else math.nan


def shown(ms: float | None) -> str:
    """Return a time with three digits that count."""
    if ms is None or math.isnan(ms):
        return "-"
    return f"{ms:.{max(0, 2 - math.floor(math.log10(ms)))}f}" if ms < 1000 else f"{ms:.0f}"


def line(name: str, cells: list[str]) -> str:
    """Return a line of the table, of 79 columns."""
    return f"{name:18}" + "".join(f"{cell:>10}" for cell in cells[:-1]) + f"{cells[-1]:>8}"


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help=f"{', '.join(NAMES)}; all by default")
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 64], help="samples of a call")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=0.3, help="for a side and a network, over all rounds")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print a line of JSON for each network instead of tables")
    options = parser.parse_intermixed_args()
    unknown = [name for name in options.networks if name not in NAMES]
    if unknown:
        parser.error(f"no network called {', '.join(unknown)}; there are {', '.join(NAMES)}")
    keras.config.set_num_threads(options.threads)
    for rows in options.rows:
        if not options.json:
            print(f"\n{rows} sample{'s' if rows > 1 else ''}, {options.threads} threads, ms")
            print(line("", [*SIDES, "ratio"]))
        ratios, notes = [], []
        for name in options.networks or NAMES:
            figures = measure(name, rows, options)
            ratios.append(ratio(figures["ms"]))
            notes += [f"{name}: {note}" for note in figures["notes"]]
            if options.json:
                print(json.dumps({**figures, "ratio": ratios[-1]}), flush=True)
            else:
                cells = [shown(figures["ms"].get(side)) for side in SIDES]
                print(line(name, [*cells, f"{ratios[-1]:.2f}"]), flush=True)
            gc.collect()
        if not options.json:
            known = [x for x in ratios if not math.isnan(x)]
            mean = f"{math.exp(np.mean(np.log(known))):.2f}" if known else "-"
            print(line("geometric mean", [*[""] * len(SIDES), mean]))
            print("\n".join(notes))


if __name__ == "__main__":
    main()
