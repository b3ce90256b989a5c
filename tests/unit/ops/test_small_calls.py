"""Small calls that run op by op: they take few Python calls, and give what the general way gives."""

import os
import subprocess
import sys
from itertools import product

import numpy as np
import pytest

from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.ops import _broadcast

COUNTED = """
import sys
import numpy as np
from pronghorn import ops

x = y = ops.ones((2, 3))
for line in sys.argv[1:]:
    fn = eval(f"lambda: {line}")
    fn()
    calls = 0

    def count(frame, event, argument):
        global calls
        calls += event == "call"

    sys.setprofile(count)
    fn()
    sys.setprofile(None)
    print(calls - 1)  # but for the lambda
"""
CALLS = ["x + y", "ops.add(x, y)", "x < y", "-x", "2.0 * x", "x - 1"]


def test_a_small_call_takes_few_python_calls():
    """In a process of its own: libraries that tests import have arrays answer in their ways."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run(
        [sys.executable, "-c", COUNTED, *CALLS], env=env, capture_output=True, text=True, check=True
    )
    counts = dict(zip(CALLS, map(int, result.stdout.split())))
    assert len(counts) == len(CALLS) and max(counts.values()) <= 25, counts


def array(shape=(2, 3), dtype="float32"):
    return Tensor(np.ones(shape, dtypes.to_numpy(dtype)))


def described(operands):
    return [(x.dtype, x.shape, np.asarray(x).tobytes()) for x in operands]


@pytest.mark.parametrize("dtype", dtypes.ALL)
@pytest.mark.filterwarnings("ignore")  # numbers that a type does not have
def test_a_number_beside_an_array_is_converted_as_by_promotion(dtype, monkeypatch):
    def outcome(*operands):
        try:
            return described(_broadcast.operands(*operands))
        except (TypeError, ValueError, OverflowError) as error:
            return str(error)

    numbers = (2.0, 1, -1, 300, 2**40, True, np.nan, np.inf, 1e300, -0.0)
    cases = [
        pair
        for shape, number in product([(), (3,), (0,), (2, 3)], numbers)
        for pair in ((array(shape, dtype), number), (number, array(shape, dtype)))
    ]
    quick = [outcome(*pair) for pair in cases]
    monkeypatch.setattr(_broadcast, "_alike", lambda x, y: None)
    assert quick == [outcome(*pair) for pair in cases]


def test_shapes_are_looked_at_whatever_was_called_before():
    assert (array() + array()).shape == (2, 3)
    with pytest.raises(ValueError, match="broadcast"):
        array() + array((3, 2))
    assert (array() + array((1, 3))).shape == (2, 3)
