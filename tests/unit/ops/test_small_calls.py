"""Small calls that run op by op: they take few Python calls, and give what the general way gives."""

import os
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
import pytest

from pronghorn import Variable, ops
from pronghorn.engine.autodiff import GradientTape
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.ops import _broadcast, _short_ways

COUNTED = """
import sys
import numpy as np
from pronghorn import ops

x = y = ops.ones((2, 3))
for line in sys.argv[1:]:
    fn = eval(f"lambda: {line}")
    for _ in range(10):
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
CALLS = ["x + y", "ops.add(x, y)", "x < y", "-x", "2.0 * x", "ops.exp(x)", "x @ x.T"]


def test_a_small_call_takes_few_python_calls():
    """In a process of its own: libraries that tests import have arrays answer in their ways."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run(
        [sys.executable, "-c", COUNTED, *CALLS], env=env, capture_output=True, text=True, check=True
    )
    counts = dict(zip(CALLS, map(int, result.stdout.split())))
    assert len(counts) == len(CALLS) and max(counts.values()) <= 12, counts


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


ELEMENTWISE = {
    1: "abs negative floor ceil exp expm1 log log1p sqrt sin tanh arcsin arctan cosh logical_not isfinite bitwise_not",
    2: "add subtract multiply divide equal less greater_equal logical_and logical_xor bitwise_or",
}
SPECIAL = [0.0, -0.0, 1.5, -3.0, np.nan, np.inf, -np.inf, 1e30]


def small(dtype, shape):
    count = int(np.prod(shape))
    with np.errstate(all="ignore"):
        return Tensor(np.resize(np.array(SPECIAL), count).reshape(shape).astype(dtypes.to_numpy(dtype)))


def outcome(name, operands):
    try:
        found = getattr(ops, name)(*operands)
    except (TypeError, ValueError) as error:
        return str(error)
    assert isinstance(found, Tensor) and type(found.data) is np.ndarray
    return found.data.dtype, found.data.shape, found.data.tobytes()


@pytest.mark.filterwarnings("ignore:overflow encountered in cast")  # numbers that a type does not have
@pytest.mark.parametrize("dtype", dtypes.ALL)
@pytest.mark.parametrize(
    ("count", "name"), [(count, name) for count, names in ELEMENTWISE.items() for name in names.split()]
)
def test_the_short_way_gives_what_the_long_way_gives(count, name, dtype):
    cases = [[small(dtype, shape)] * count for shape in [(), (0,), (2, 3), (1, 8), (2047,), (3000,)]]
    if count == 2:
        pairs = [((2, 3), (3,)), ((2, 1), (1, 3)), ((0, 3), (1, 3)), ((1,), (0,)), ((3, 1), ()), ((2, 3), (3, 2))]
        cases += [[small(dtype, x), small(dtype, y)] for x, y in [*pairs, ((2000, 1), (1, 3))]]
        cases += [[small(dtype, (8,)), number] for number in [2.5, 3, True, *SPECIAL, 1e300]]
        cases += [case[::-1] for case in cases] + [[small(dtype, (8,)), small("int16", (8,))]]
    with GradientTape():  # which has every call go the long way
        expected = [outcome(name, case) for case in cases]
    assert [outcome(name, case) for case in cases] == expected


def short(dtype, *shape):
    return small(dtype, shape)


#: Calls whose shapes and settings say what is computed, of small arrays made by `short`.
BY_SHAPES = {
    "matrices": lambda t: ops.matmul(short(t, 2, 3), short(t, 3, 4)),
    "a view of a matrix": lambda t: ops.matmul(short(t, 3, 8), ops.transpose(short(t, 4, 8))),
    "a column": lambda t: ops.matmul(short(t, 1, 5), short(t, 5, 1)),
    "nothing to sum": lambda t: ops.matmul(short(t, 2, 0), short(t, 0, 3)),
    "no rows": lambda t: ops.matmul(short(t, 0, 3), short(t, 3, 2)),
    "vectors": lambda t: ops.matmul(short(t, 5), short(t, 5)),
    "products of a batch": lambda t: ops.matmul(short(t, 2, 1, 2, 3), short(t, 4, 3, 2)),
    "a large product": lambda t: ops.matmul(short(t, 2000, 1), short(t, 1, 2000)),
    "shapes that do not fit": lambda t: ops.matmul(short(t, 2, 3), short(t, 2, 3)),
    "transpose": lambda t: ops.transpose(short(t, 2, 3, 4), (1, 2, 0)),
    "reshape": lambda t: ops.reshape(short(t, 2, 6), (3, -1)),
    "reshape by a list": lambda t: ops.reshape(short(t, 2, 6), [4, 3]),
    "sum": lambda t: ops.sum(short(t, 2, 6)),
    "sum of rows": lambda t: ops.sum(short(t, 2, 6), axis=-1, keepdims=True),
    "sum of nothing": lambda t: ops.sum(short(t, 0, 3), axis=0),
    "1 is not True": lambda t: ops.sum(short(t, 2, 3), 0, True),
    "True is not 1": lambda t: ops.sum(short(t, 2, 3), 1, False),
    "mean": lambda t: ops.mean(short(t, 3, 4), axis=(0, 1)),
    "variance": lambda t: ops.var(short(t, 3, 4), axis=0),
    "maximum of some": lambda t: ops.max(short(t, 3, 4), axis=1),
    "maximum of two": lambda t: ops.maximum(short(t, 8), -short(t, 8)),
    "minimum with a number": lambda t: ops.minimum(short(t, 8), 1),
    "softmax": lambda t: ops.softmax(short(t, 2, 8), axis=0),
    "relu": lambda t: ops.relu(short(t, 9)),
    "an axis too far": lambda t: ops.sum(short(t, 2, 3), axis=5),
}


@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "int32", "bool"])
@pytest.mark.parametrize("name", BY_SHAPES)
def test_a_plan_gives_what_the_long_way_gives(name, dtype):
    def found():
        try:
            result = BY_SHAPES[name](dtype)
        except (TypeError, ValueError) as error:
            return type(error), str(error)
        return result.dtype, result.shape, result.data.tobytes()

    with GradientTape():
        expected = found()
    assert [found(), found()] == [expected] * 2


def test_an_op_plans_for_so_many_shapes_alone(monkeypatch):
    made = []
    plan_of = _short_ways.plan_of
    monkeypatch.setattr(_short_ways, "plan_of", lambda *call: made.append(call) or plan_of(*call))
    product = _short_ways.by_shapes(ops.matmul.__wrapped__)
    for n in range(1, 2 * _short_ways.MOST_PLANS):
        assert product(array((n, 2)), array((2, 1))).shape == (n, 1)
    assert len(made) == _short_ways.MOST_PLANS


def test_a_variable_is_computed_with_by_its_value_of_now():
    v, x = Variable(np.ones((3, 2), "float32")), array()
    assert ops.matmul(x, v).numpy().tolist() == [[3.0, 3.0]] * 2
    kept = ops.reshape(v, (2, 3))
    v.assign(2 * np.ones((3, 2), "float32"))
    assert ops.matmul(x, v).numpy().tolist() == [[6.0, 6.0]] * 2
    assert kept.numpy().tolist() == [[1.0] * 3] * 2


def test_the_short_way_is_taken_where_nothing_else_goes_on(monkeypatch):
    taken, applied = [], _short_ways.applied
    monkeypatch.setattr(_short_ways, "MOST_PLANS", 1 << 30)  # other tests have called with many shapes
    monkeypatch.setattr(_short_ways, "applied", lambda op, *rest: taken.append(op.__name__) or applied(op, *rest))
    x, v = array(), Variable(np.ones((2, 3), "float32"))

    def long_ways(call):
        call()
        taken.clear()
        call()
        return taken.copy()

    assert long_ways(lambda: ops.exp(x * x + 2.0 * x)) == []
    assert long_ways(lambda: ops.sum(ops.matmul(x, ops.transpose(x)), axis=0)) == []
    assert long_ways(lambda: v + x) == []  # a variable is computed with by its value
    assert long_ways(lambda: x + np.ones((2, 3), "float32")) == ["add"]
    assert long_ways(lambda: ops.add(x1=x, x2=x)) == ["add"]
    with GradientTape():
        assert long_ways(lambda: x + x) == ["add"]


def test_settings_of_numpy_stay_the_programs_own(recwarn):
    x = small("float32", (8,))
    with np.errstate(all="raise"), np.errstate(divide="call"):
        before = np.geterr()
        x / x, ops.log(x), x * 1e300
        assert np.geterr() == before
        recwarn.clear()
        x / x, ops.log(x), x * 1e300
        assert not recwarn.list
        with pytest.raises(FloatingPointError):
            np.float32([np.inf]) - np.float32([np.inf])


def test_threads_take_the_short_way_together():
    x = small("float32", (8,))
    expected = ops.exp(x * x - x).data.tobytes()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: {ops.exp(x * x - x).data.tobytes() for _ in range(500)}, range(8)))
    assert found == [{expected}] * 8


@pytest.mark.parametrize("dtype", dtypes.ALL)
def test_a_conversion_copies_what_its_owner_may_change(dtype):
    array = np.ones((2, 3), dtypes.to_numpy(dtype))
    with GradientTape():
        expected = ops.convert_to_tensor(array)
    found = ops.convert_to_tensor(array)
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    array[:] = 0
    assert found.data.tobytes() == np.ones((2, 3), found.data.dtype).tobytes()


def test_a_call_that_is_warned_of_warns_once_each_time():
    x = Tensor(np.ones((5, 1), "float32"))
    for _ in range(3):
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            ops.softmax(x)
        assert len(told) == 1
