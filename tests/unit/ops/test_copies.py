"""What is made of NumPy's arrays does not change with them."""

import numpy as np
import pytest

from pronghorn import ops


@pytest.mark.parametrize("make", [ops.convert_to_tensor, ops.array, lambda x: ops.convert_to_tensor(x, "float32")])
def test_an_array_may_be_written_again(make):
    buffer, found = np.zeros((2, 3), "float32"), []
    for number in range(3):
        buffer[:] = number
        found.append(make(buffer[:, 1:]))
    assert [x.tolist() for x in found] == [[[i, i], [i, i]] for i in range(3)]


def test_what_nobody_can_write_is_shared():
    fixed = np.ones(3, "float32")
    fixed.flags.writeable = False
    assert np.shares_memory(ops.convert_to_tensor(fixed).data, fixed)
    tensor = ops.ones((3,))
    assert ops.convert_to_tensor(tensor) is tensor


def test_numpy_gives_a_copy():
    tensor = ops.ones((2,))
    tensor.numpy()[:] = 7
    assert tensor.tolist() == [1, 1] and isinstance(ops.ones(()).numpy(), np.float32)
