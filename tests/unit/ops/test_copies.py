"""What is made of NumPy's arrays does not change with them."""

import numpy as np
import pytest

import pronghorn
from pronghorn import ops


@pytest.mark.parametrize("make", [ops.convert_to_tensor, ops.array, lambda x: ops.convert_to_tensor(x, "float32")])
def test_an_array_may_be_written_again(make):
    buffer, found = np.zeros((2, 3), "float32"), []
    for number in range(3):
        buffer[:] = number
        found.append(make(buffer[:, 1:]))
    assert [x.tolist() for x in found] == [[[i, i], [i, i]] for i in range(3)]


VIEWS = {
    "broadcast_to": lambda x: ops.broadcast_to(x, (2, 2)),
    "cast": lambda x: ops.cast(x, "float32"),
    "concatenate": lambda x: ops.concatenate([x]),
    "diagonal": ops.diagonal,
    "expand_dims": lambda x: ops.expand_dims(x, 0),
    "flip": ops.flip,
    "reshape": lambda x: ops.reshape(x, (4,)),
    "slice": lambda x: ops.slice(x, (0, 0), (1, 2)),
    "split": lambda x: ops.split(x, 2),
    "stack": lambda x: ops.stack([x]),
    "stop_gradient": ops.stop_gradient,
    "transpose": ops.transpose,
    "unstack": ops.unstack,
}


@pytest.mark.parametrize("readable", ["written to", "a view to be read"])
@pytest.mark.parametrize("name", VIEWS)
def test_views_are_copies(name, readable):
    buffer = np.ones((2, 2), "float32")
    given = buffer.view()
    given.flags.writeable = readable == "written to"
    found = VIEWS[name](given)
    buffer[:] = 7
    assert all((np.asarray(x) == 1).all() for x in (found if isinstance(found, list) else [found]))


def test_a_tape_keeps_what_it_needs():
    buffer, weight = np.ones((1, 2), "float32"), pronghorn.Variable(np.ones((2, 1), "float32"))
    with pronghorn.GradientTape() as tape:
        loss = 0.0
        for number in range(1, 4):
            buffer[:] = number
            loss = loss + ops.sum(ops.matmul(buffer, weight))
    assert tape.gradient(loss, weight).tolist() == [[6], [6]]


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
