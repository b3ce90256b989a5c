"""NumPy's functions, called on our arrays, give what they give for NumPy's: the same type and the same values."""

import inspect

import numpy as np
import pytest

import pronghorn
from pronghorn import ops
from pronghorn.engine.graph.tensor import Tensor

ARRAYS = {
    "matrix": np.float32([[1.5, -2, 3], [4, 5, 0.5]]),
    "integers": np.int32([2, 0, 1]),
    "thin": np.float32([[[1], [2]]]),
    "scalar": np.array(2.0, "float32"),
    "bools": np.array([True, False]),
    "square": np.float32([[2, 1], [1, 3]]),
    "empty": np.zeros((0, 3), "float32"),
}
ARGUMENTS = [
    *([name] for name in ARRAYS),
    *([[name, name]] for name in ARRAYS),
    *([name, name] for name in ARRAYS),
    *(["matrix", "integers"], ["thin", 1], ["matrix", 0], ["matrix", 1], ["matrix", 0.5], ["matrix", -3, 3]),
    *(["bools", "matrix", "matrix"], ["matrix", "integers", 1], ["integers", 3], ["thin", [1, 2]]),
]
WRITE = {"copyto", "fill_diagonal", "place", "put", "put_along_axis", "putmask"}  # into an argument
#: Memory as it comes, files; and two that do not look for arrays in a list.
LEFT_OUT = {"empty_like", "may_share_memory", "save", "savez", "savez_compressed", "savetxt", "is_busday", "trim_zeros"}
FUNCTIONS = [
    pytest.param(function, id=f"{module.__name__}.{name}")
    for module in (np, np.linalg, np.fft)
    for name, function in sorted(vars(module).items())
    if hasattr(function, "_implementation") and name not in LEFT_OUT and not inspect.isclass(function)
]


def arguments(names, kind):
    def made(name):
        if isinstance(name, list):
            return [made(part) for part in name]
        return kind(ARRAYS[name].copy()) if isinstance(name, str) else name

    return [made(name) for name in names]


def outcome(function, given):
    try:
        with np.errstate(all="ignore"):
            return function(*given)
    except Exception as error:
        return error


def assert_same(found, expected):
    assert type(found) is type(expected)
    if isinstance(expected, (list, tuple)):
        assert len(found) == len(expected)
        for pair in zip(found, expected):
            assert_same(*pair)
    elif isinstance(expected, (np.ndarray, np.generic)):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.filterwarnings("ignore")  # of NumPy's, about means of nothing
def test_gives_what_it_gives_for_arrays_of_numpy(function):
    for names in ARGUMENTS:
        given = arguments(names, Tensor)
        expected, found = outcome(function, arguments(names, lambda x: x)), outcome(function, given)
        if isinstance(expected, Exception) or function.__name__ in WRITE or "read-only" in str(found):
            assert isinstance(found, Exception), names
        else:
            assert_same(found, expected)
        for name, tensor in zip(names, given):
            if isinstance(tensor, Tensor):
                np.testing.assert_array_equal(tensor.data, ARRAYS[name])


def test_no_result_shows_the_memory_of_an_array():
    x = ops.ones((1, 3))
    for found in (np.squeeze(x), np.ravel(x), np.transpose(x), np.split(x, 3, axis=1)[0], np.broadcast_to(x, (2, 3))):
        found[...] = 7
    assert np.asarray(x).tolist() == [[1, 1, 1]]


def test_probabilities_can_be_drawn_from():
    rng = np.random.default_rng(0)
    for _ in range(50):
        p = np.squeeze(ops.softmax(rng.normal(size=(1, 3)).astype("float32")))
        assert np.random.choice(3, p=p) in (0, 1, 2)


def test_while_a_function_is_traced_the_method_is_what_can_be_had():
    compiled = pronghorn.jit(lambda x: np.squeeze(x) + 1)
    assert np.asarray(compiled(np.zeros((1, 2), "float32"))).tolist() == [1, 1]


@pytest.mark.parametrize("made", [Tensor, pronghorn.Variable], ids=["Tensor", "Variable"])
@pytest.mark.parametrize("function", [np.take, np.repeat, np.ndarray.take, np.ndarray.repeat])
def test_floats_are_no_indices(made, function):
    for indices in (np.float32([1.5, 0.5]), np.float32([[1.5, 0.5], [1, 0]]).T[0], np.complex64([1, 0])):
        with pytest.raises(TypeError, match="Cannot cast array data"):
            function(np.arange(2.0), made(indices))
    np.testing.assert_array_equal(function(np.arange(2.0), made(np.int32([1, 0]))), function(np.arange(2.0), [1, 0]))


@pytest.mark.parametrize("made", [Tensor, pronghorn.Variable], ids=["Tensor", "Variable"])
def test_arrays_of_tensors_have_their_values_strides_or_not(made):
    for array in [*ARRAYS.values(), np.float32([[1, 2], [3, 4]]).T, np.float32(range(9))[::2], np.int32([1, 2])[::-1]]:
        found = np.asarray(made(array))
        assert type(found) is np.ndarray
        assert found.dtype == array.dtype
        np.testing.assert_array_equal(found, array)


def test_arrays_outlive_their_tensors_and_stay_apart_from_variables():
    array = np.asarray(Tensor(np.arange(1000.0)))
    variable = pronghorn.Variable(np.zeros(3, "float32"))
    before = np.asarray(variable)
    variable.assign([1, 2, 3])
    np.testing.assert_array_equal(array, np.arange(1000.0))
    np.testing.assert_array_equal(before, 0)


def test_arrays_that_may_not_be_written_to_stay_so():
    frozen = np.arange(3.0)
    frozen.flags.writeable = False
    assert not np.asarray(Tensor(frozen)).flags.writeable


def test_casts_on_demand_and_none_without_a_copy():
    tensor = Tensor(np.float32([1.5, -0.5]))
    np.testing.assert_array_equal(np.asarray(tensor, dtype="int64"), [1, 0])
    np.testing.assert_array_equal(tensor.__array__(np.int64), [1, 0])
    with pytest.raises(ValueError, match="without a copy"):
        tensor.__array__(np.int64, copy=False)


def test_bfloat16_arrays_have_their_dtype():
    found = np.asarray(ops.cast([1.0, 2.5], "bfloat16"))
    assert found.dtype.name == "bfloat16"
    assert found.tolist() == [1.0, 2.5]
