"""Small calls that run op by op: they take few Python calls, and give what the general way gives."""

import sys
from itertools import product

import numpy as np
import pytest

from pronghorn import ops
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.ops import _broadcast


def python_calls(fn):
    """How many Python functions run in a call of ``fn`` that is not the first."""
    fn()
    calls = 0

    def count(frame, event, argument):
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        fn()
    finally:
        sys.setprofile(None)
    return calls - 1  # `fn` itself


def array(shape=(2, 3), dtype="float32"):
    return Tensor(np.ones(shape, dtypes.to_numpy(dtype)))


@pytest.mark.parametrize(
    "fn",
    [
        lambda x, y: x + y,
        lambda x, y: ops.add(x, y),
        lambda x, y: x < y,
        lambda x, y: -x,
        lambda x, y: 2.0 * x,
        lambda x, y: x - 1,
    ],
)
def test_a_small_call_takes_few_python_calls(fn):
    x, y = array(), array()
    assert python_calls(lambda: fn(x, y)) <= 25


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
