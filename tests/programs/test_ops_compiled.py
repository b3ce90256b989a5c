"""Every op compiled to machine code against the same op at once on NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from ops_cases import CASES, Case

from pronghorn import ops, tree
from pronghorn.engine.backends.llvm import Executable
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace

# Their results' shapes depend on values, so they cannot be compiled.
EAGER_ONLY = {"nonzero", "unique", "bincount"}


def _compilable(case: Case) -> bool:
    return case.name not in EAGER_ONLY and case.kwargs.get("strategy") != "beam_search"


def _op(name: str):
    namespace = ops
    for part in name.split("."):
        namespace = getattr(namespace, part)
    return namespace


def _moving(case: Case) -> list[int]:
    """The positions of the arguments that become inputs of the compiled function: arrays, and lists of arrays."""

    def arrays(arg) -> bool:
        leaves = tree.flatten(arg)
        return bool(leaves) and all(isinstance(x, np.ndarray) and x.dtype != np.int64 for x in leaves)

    fixed = {"get_item": (1,), "pad": (1,), "repeat": (1,), "scatter": (2,)}.get(case.name, ())
    return [i for i, arg in enumerate(case.args) if i not in fixed and arrays(arg)]


@pytest.mark.mostly_slow(kind=lambda params: params["case"].name)
@pytest.mark.parametrize("case", [c for c in CASES if _compilable(c)], ids=lambda c: c.id)
def test_compiled_is_what_numpy_gives(case: Case):
    op, moving = _op(case.name), _moving(case)
    nests = [case.args[i] for i in moving]
    arrays = [a if a.dtype != np.float64 else a.astype("float32") for a in tree.flatten(nests)]

    def fn(*leaves):
        args = list(case.args)
        for i, nest in zip(moving, tree.pack_sequence_as(nests, list(leaves)) if nests else [], strict=True):
            args[i] = nest
        result = op(*args, **case.kwargs)
        return [ops.convert_to_tensor(t) for t in tree.flatten(result)]

    expected = [t.numpy() for t in fn(*map(ops.convert_to_tensor, arrays))]
    traced = trace(fn, [Aval(a.shape, a.dtype.name) for a in arrays])
    for got, want in zip(Executable(traced)(*arrays), expected, strict=True):
        got = np.asarray(got)
        assert got.dtype == want.dtype
        assert got.shape == want.shape
        scale = np.max(np.abs(want[np.isfinite(want)]), initial=1.0) if want.dtype.kind in "fc" else 1.0
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=2e-5 * scale)
