import subprocess
import sys

import numpy as np
import pytest

from pronghorn.engine.runtime import guard


@pytest.mark.parametrize("at_end", [True, False])
@pytest.mark.parametrize("shape", [(), (0,), (3, 5), (5000,)])
def test_guarded_arrays_are_ordinary_arrays_full_of_nan(shape, at_end):
    empty = guard.guarded_empty(shape, "float32", at_end)
    assert empty.shape == shape and np.isnan(empty).all() and empty.flags.writeable
    copy = guard.guarded_copy(np.ones(shape, np.int64), at_end)
    assert copy.shape == shape and (copy == 1).all()


@pytest.mark.skipif(not guard.can_guard(), reason="pages cannot be forbidden here")
@pytest.mark.parametrize(("at_end", "offset"), [(True, 4), (False, -1)])
def test_what_leaves_an_array_ends_the_process(at_end, offset):
    script = f"""
import ctypes
from pronghorn.engine.runtime.guard import guarded
array = guarded(4, {at_end})
array.fill(7)
print(ctypes.c_uint8.from_address(array.ctypes.data + 3).value, flush=True)
ctypes.c_uint8.from_address(array.ctypes.data + {offset}).value
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "7\n" and done.returncode != 0
