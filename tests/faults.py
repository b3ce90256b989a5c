"""Thirty faults, seeded one at a time into a copy of the checkout: which of them the tests find.

    python tests/faults.py                  the quick subset of the tests named beside each fault
    python tests/faults.py --everything     their slow tests too, for those that the quick ones miss
    python tests/faults.py --only adam      the faults whose file's name has this word

A fault is a place, what stands there once, and what stands there instead. Only the tests that are likely to find it
run, up to the first that fails. What the last line says is kept in CONTRIBUTING.md.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]

UNIT, PROGRAMS, BACKENDS = "tests/unit", "tests/programs", "tests/backends"
CODEGEN = f"{UNIT}/engine/codegen"
OPTIMIZERS = f"{UNIT}/optimizers {PROGRAMS}/test_fuzz_optimizers.py"
RULES = f"{BACKENDS}/test_gradients.py"
LAYERS = f"{PROGRAMS}/test_layers_vs_keras.py"
SCORES = f"{PROGRAMS}/test_losses_and_metrics_vs_keras.py"

#: The file below src/pronghorn, what stands there, what stands there instead, and the tests that run.
FAULTS = [
    # optimizers
    (
        "optimizers/adam.py",
        "momentum.tensor) * (1.0 - self.beta_1)",
        "momentum.tensor) * (1.0 - self.beta_2)",
        OPTIMIZERS,
    ),
    (
        "optimizers/sgd.py",
        "step = self.momentum * step - gradient",
        "step = self.momentum * step + gradient",
        OPTIMIZERS,
    ),
    ("optimizers/rmsprop.py", "spread - ops.square(mean.tensor)", "spread", OPTIMIZERS),
    ("optimizers/lion.py", "mean * self.beta_2 + gradient", "mean * self.beta_1 + gradient", OPTIMIZERS),
    ("optimizers/nadam.py", "+ of_gradient * gradient", "", OPTIMIZERS),
    ("optimizers/clipping.py", "else ops.convert_to_tensor(x) * scale", "else ops.convert_to_tensor(x)", OPTIMIZERS),
    # losses, metrics, constraints
    ("losses/regression.py", "ops.softplus(-2.0 * x)", "ops.softplus(2.0 * x)", f"{UNIT}/losses {SCORES}"),
    ("losses/probabilistic.py", "+ 0.5 * label_smoothing", "+ 1.0 * label_smoothing", f"{UNIT}/losses {SCORES}"),
    ("metrics/auc.py", "(x[:-1] - x[1:]) * heights", "(x[1:] - x[:-1]) * heights", f"{UNIT}/metrics {SCORES}"),
    ("metrics/correlation_metrics.py", "(spread + shift +", "(spread +", f"{UNIT}/metrics {SCORES}"),
    ("constraints/constraints.py", "norms, 0, self.max_value)", "norms, 1, self.max_value)", f"{UNIT}/constraints"),
    # rules of gradients
    ("engine/autodiff/rules/elementwise.py", "P.mul(P.mul(g, -0.5)", "P.mul(P.mul(g, 0.5)", RULES),
    ("engine/autodiff/rules/elementwise.py", "P.add(P.mul(y, y), 1.0)", "P.mul(y, y)", RULES),
    ("engine/autodiff/rules/reduction.py", 'reverse=not ctx.params["reverse"]', 'reverse=ctx.params["reverse"]', RULES),
    (
        "engine/autodiff/rules/reduction.py",
        "P.div(g, count)",
        "g",
        f"{RULES} {UNIT}/engine/compiler/test_extremum_gradients.py",
    ),
    ("engine/autodiff/rules/indexing.py", "_clipped(indices, x.shape[axis]), g", "indices, g", RULES),
    (
        "engine/autodiff/rules/linalg.py",
        "P.ge(_row_minus_column(x), 1 if strictly else 0)",
        "P.ge(_row_minus_column(x), 0)",
        RULES,
    ),
    # kernels
    (
        "engine/codegen/pooling.py",
        'fb.op("or", flags, greater, first_nan)',
        "greater",
        f"{UNIT}/engine/compiler/test_pooling_stages.py",
    ),
    (
        "engine/codegen/cumulative.py",
        'if op in ("add", "max") else "and"',
        'if op == "add" else "and"',
        f"{CODEGEN}/test_cumulative.py {BACKENDS}/test_llvm.py",
    ),
    (
        "engine/codegen/sorting.py",
        "literal(-1, ty), ordered)",
        "literal(0, ty), ordered)",
        f"{CODEGEN}/test_sorting.py {BACKENDS}/test_llvm.py",
    ),
    (
        "engine/codegen/integers.py",
        "literal(bits - 1, ty))",
        "literal(0, ty))",
        f"{BACKENDS}/test_llvm.py {CODEGEN}/test_elementwise.py",
    ),
    (
        "engine/codegen/rounding.py",
        'm.cmp("ogt", whole, x), m.sub(whole, 1.0)',
        'm.cmp("ogt", whole, x), m.sub(whole, 0.0)',
        f"{CODEGEN}/test_elementwise.py {BACKENDS}/test_llvm.py",
    ),
    # layers
    (
        "layers/normalization/batch_normalization.py",
        "self._move(self.moving_variance, batch_variance, self.momentum)",
        "self._move(self.moving_variance, batch_variance, self.renorm_momentum)",
        f"{LAYERS} {UNIT}/layers",
    ),
    (
        "layers/normalization/batch_normalization.py",
        "weights * ops.square(x - mean)",
        "ops.square(x - mean)",
        f"{LAYERS} {UNIT}/layers {PROGRAMS}/test_masks_vs_keras.py",
    ),
    (
        "layers/attention/attention.py",
        "scores * self.scale",
        "scores + self.scale",
        f"{LAYERS} {UNIT}/layers/test_attention.py",
    ),
    (
        "layers/merging/dot.py",
        "ops.normalize(y, axis=b)",
        "ops.normalize(y, axis=a)",
        f"{LAYERS} {UNIT}/layers/test_merging.py",
    ),
    (
        "initializers/random.py",
        '(1.0, "fan_avg", "uniform")',
        '(1.0, "fan_in", "uniform")',
        f"{UNIT}/initializers {UNIT}/layers",
    ),
    # files and callbacks
    ("saving/safetensors_store.py", '"I16": np.dtype("int16")', '"I16": np.dtype("uint16")', f"{UNIT}/saving"),
    (
        "saving/safetensors_store.py",
        "np.ascontiguousarray(value).reshape(np.shape(value))",
        "np.asarray(value)",
        f"{UNIT}/saving/test_weights_files.py",
    ),
    (
        "callbacks/early_stopping.py",
        "self.wait >= self.patience",
        "self.wait > self.patience",
        f"{UNIT}/callbacks src/pronghorn/callbacks",
    ),
]


def copied(place: Path) -> None:
    """Copy what git tracks of the checkout, as it stands now."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.split(b"\0")
    for name in filter(None, map(os.fsdecode, names)):
        target = place / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((ROOT / name).read_bytes())


def found(place: Path, tests: str, *options: str) -> str | None:
    """Return the first test that fails, or None where all pass."""
    command = [sys.executable, "-m", "pytest", "-n", "0", "-x", "-q", "--no-header", *options, *tests.split()]
    # What was compiled without the fault is not to be taken for what it makes.
    environment = {**os.environ, "PYTHONPATH": str(place / "src"), "PRONGHORN_CACHE_DIR": str(place / "cache")}
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return None
    lines = [line for line in done.stdout.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    return lines[0] if lines else f"pytest ended with {done.returncode}"


def main() -> int:
    """The command; exit status 1 where a fault is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--everything", action="store_true", help="slow tests too, where the quick ones miss a fault")
    parser.add_argument("--only", default="", help="faults of files whose name has this word")
    options = parser.parse_args()
    chosen = [fault for fault in FAULTS if options.only in fault[0]]
    quick = missed = 0
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        copied(place)
        for name, old, new, tests in chosen:
            path = place / "src" / "pronghorn" / name
            text = path.read_text(encoding="utf-8")
            assert text.count(old) == 1 and old != new, f"{name}: {old!r} stands there {text.count(old)} times"
            path.write_text(text.replace(old, new), encoding="utf-8")
            test = found(place, tests)
            quick += test is not None
            if test is None and options.everything:
                test = found(place, tests, "--everything")
            missed += test is None
            path.write_text(text, encoding="utf-8")
            shutil.rmtree(place / "cache", ignore_errors=True)
            print(f"{name}: {new or 'nothing'}\n    {test or 'missed'}", flush=True)
    print(f"{len(chosen)} faults: {quick} found by quick tests, {missed} missed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
