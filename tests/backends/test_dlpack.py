"""Arrays in one memory with other libraries, by DLPack, both ways."""

import numpy as np
import pytest

import pronghorn as keras
from pronghorn import interop, ops
from pronghorn.engine.backends import engine as engines
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.engine.runtime.arena import aligned_copy

SHAPES = [(), (0,), (3, 0, 2), (1,), (4, 3), (2, 3, 4)]


def values(shape, dtype):
    numbers = np.arange(np.prod(shape, dtype=int)).reshape(shape) % 2
    return aligned_copy(numbers.astype(dtypes.to_numpy(dtype)))


def library(name):
    if not engines.is_installed(name):
        pytest.skip(f"{name} is not installed")
    if name == "jax":
        import jax

        return jax
    import torch

    return torch


def address(array):
    return array.__array_interface__["data"][0]


@pytest.mark.parametrize("dtype", [n for n in dtypes.ALL if n not in ("bfloat16", *dtypes.FLOAT8)])
@pytest.mark.parametrize("shape", SHAPES)
def test_numpy(dtype, shape):
    ours = Tensor(values(shape, dtype))
    theirs = np.from_dlpack(ours)
    assert (theirs.dtype, theirs.shape, address(theirs)) == (np.asarray(ours).dtype, shape, address(np.asarray(ours)))
    back = interop.from_dlpack(theirs)
    assert (back.dtype, back.shape, address(np.asarray(back))) == (dtype, shape, address(theirs))


@pytest.mark.parametrize("dtype", dtypes.ALL)
@pytest.mark.parametrize("shape", SHAPES)
def test_torch(dtype, shape):
    torch = library("torch")
    ours = Tensor(values(shape, dtype))
    theirs = torch.from_dlpack(ours)
    assert (theirs.dtype, tuple(theirs.shape)) == (getattr(torch, dtype), shape)
    if ours.size:
        assert theirs.data_ptr() == address(np.asarray(ours))
    back = interop.from_dlpack(theirs)
    assert (back.dtype, back.shape) == (dtype, shape)
    np.testing.assert_array_equal(back.numpy(), ours.numpy())
    if ours.size:
        assert address(np.asarray(back)) == theirs.data_ptr()


@pytest.mark.parametrize("dtype", dtypes.ALL)
@pytest.mark.parametrize("shape", SHAPES)
def test_jax(dtype, shape):
    jax = library("jax")
    ours = Tensor(values(shape, dtype))
    with engines.engine("jax").computing():
        theirs = jax.numpy.from_dlpack(ours)
        assert (dtypes.name_of(theirs.dtype), theirs.shape) == (dtype, shape)
        back = interop.from_dlpack(theirs)
    if ours.size:
        assert theirs.unsafe_buffer_pointer() == address(np.asarray(ours))
        assert address(np.asarray(back)) == theirs.unsafe_buffer_pointer()
    assert (back.dtype, back.shape) == (dtype, shape)
    np.testing.assert_array_equal(back.numpy(), ours.numpy())


def test_memory_outlives_the_object_it_came_from():
    torch = library("torch")
    back = interop.from_dlpack((torch.arange(1000) % 7).to(torch.bfloat16))
    there = torch.from_dlpack(Tensor(values((999,), "bfloat16")))
    torch.zeros(1000), torch.zeros(1000, dtype=torch.bfloat16)
    assert back.numpy().astype("int32").tolist() == [i % 7 for i in range(1000)]
    assert there.float().tolist() == [i % 2 for i in range(999)]


def test_what_others_write_is_seen():
    torch = library("torch")
    theirs = torch.zeros(3)
    ours = interop.from_dlpack(theirs)
    theirs += 1
    assert ours.numpy().tolist() == [1, 1, 1]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_arrays_that_may_not_be_written_to(dtype):
    array = values((4,), dtype)
    array.flags.writeable = False
    ours = Tensor(array)
    if dtype == "float32":
        there = np.from_dlpack(ours)
        assert address(there) == address(array) and not there.flags.writeable
        assert interop.from_dlpack(array).numpy().tolist() == array.tolist()
    theirs = library("jax").numpy.from_dlpack(ours)  # it cannot be told
    assert theirs.tolist() == array.tolist()
    assert address(array) != theirs.unsafe_buffer_pointer()
    with pytest.raises(BufferError):
        ours.__dlpack__(copy=False)


def test_strides():
    torch = library("torch")
    array = np.arange(24, dtype="float32").reshape(4, 6)[::2, ::-1]
    assert interop.from_dlpack(np.arange(24).reshape(4, 6)[::2]).numpy().tolist() == [[*range(6)], [*range(12, 18)]]
    assert interop.from_dlpack(torch.arange(6).reshape(2, 3).T).numpy().tolist() == [[0, 3], [1, 4], [2, 5]]
    assert np.from_dlpack(Tensor(array)).tolist() == array.tolist()


def test_a_variable_hands_over_its_value_of_now():
    variable = keras.Variable(np.float32([1, 2]))
    there = np.from_dlpack(variable)
    variable.assign([3, 4])
    assert there.tolist() == [1, 2]


def test_a_copy_where_it_is_asked_for():
    ours = ops.ones(3)
    assert address(np.from_dlpack(ours, copy=True)) != address(np.asarray(ours))


def test_what_cannot_be_handed_over():
    with pytest.raises(TypeError, match="method __dlpack__, got a list"):
        interop.from_dlpack([1.0])
    with pytest.raises(BufferError, match="device"):
        ops.ones(3).__dlpack__(dl_device=(2, 0))
    torch = library("torch")
    with pytest.raises(BufferError, match="grad"):
        interop.from_dlpack(torch.ones(3, requires_grad=True))
