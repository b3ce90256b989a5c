"""Write docs/native_sizes.txt, a table for docs/export.md: how large the code of C libraries is.

    python docs/make_native.py     then: python docs/make_export.py

Each number is of code and its constants, without weights: what of the library's code is in memory when it runs.
"""

from __future__ import annotations

import functools
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

_FOLDER = Path(__file__).parent
PAGE = _FOLDER / "native_sizes.txt"
sys.path[:0] = [str(_FOLDER), str(_FOLDER.parent / "bench")]

import workloads  # noqa: E402
from pages import write_or_check  # noqa: E402

import pronghorn as keras  # noqa: E402
from pronghorn.engine.runtime import objects  # noqa: E402

TARGETS = ("x86-64-v3", "x86-64-v4", "aarch64", "riscv64", "riscv64-v", "thumbv7em")
TRAINED = "x86-64-v3"


def one_layer() -> tuple[Any, Any]:
    """The smallest of all models, and its targets; None for those that the loss asks for."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)], name="one")
    model.compile("sgd", "mse")
    return model, None


def code_size(model: Any, target: str, **options: Any) -> int:
    """Bytes of code of a model's library."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "model"
        model.export(folder, format="native", target=target, verbose=False, **options)
        content = (folder / "libmodel.a").read_bytes()
    return objects.loaded_size(content[content.index(b"\x7fELF") :])  # of the first file, which is the code


def rows() -> list[str]:
    """The table's."""
    found = []
    models = {"`Dense(3)`": one_layer}
    models |= {name.replace("_", " "): functools.partial(workload, name) for name in workloads.WORKLOADS}
    for name, make in models.items():
        model, signature = make()
        sizes = [code_size(model, target) for target in TARGETS]
        sizes.append(code_size(model, TRAINED, training=True, target_signature=signature))
        found.append(f"| {name} | {' | '.join(f'{size:,}' for size in sizes)} |")
    return found


def workload(name: str) -> tuple[Any, Any]:
    """A model of the benchmark, and its targets."""
    work = workloads.WORKLOADS[name](keras, np.random.default_rng(0))
    dtype = "float32" if work.y.dtype.kind == "f" else work.y.dtype.name
    return work.model, keras.InputSpec(shape=(None, *work.y.shape[1:]), dtype=dtype)


def main() -> int:
    """The command."""
    heads = ["model", *(f"prediction, {target}" for target in TARGETS), f"with training, {TRAINED}"]
    lines = [f"| {' | '.join(heads)} |", f"|---|{'---:|' * (len(heads) - 1)}", *rows()]
    return write_or_check(PAGE, "\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
