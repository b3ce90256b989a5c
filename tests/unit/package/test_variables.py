import re
from pathlib import Path

import numpy as np
import pytest

from pronghorn.variables import Variable


def test_storage_starts_on_a_cache_line():
    variables = [Variable(np.ones(n, "float32")) for n in range(1, 20)]
    for number, variable in enumerate(variables):
        if number % 2:
            variable.assign(np.full(variable.shape, 2.0, "float32"))
        _ = variable.value  # an eager Tensor looks at it, so that `storage` copies
    assert all(v.storage().ctypes.data % 64 == 0 for v in variables)
    np.testing.assert_array_equal(variables[3].storage(), [2, 2, 2, 2])


STATUS = Path("/proc/self/status")


def resident():
    return 1024 * int(re.search(r"VmRSS:\s*(\d+) kB", STATUS.read_text())[1])


@pytest.mark.skipif(not STATUS.exists(), reason="memory is counted as Linux does")
def test_large_zeros_take_no_memory_before_they_are_used():
    """An optimizer's slots are as large as the weights: to clear them takes the time of a step."""
    before = resident()
    slots = [Variable("zeros", shape=(1 << 24,)) for _ in range(2)]
    assert resident() - before < 32 << 20  # of 128
    slots[0].assign(np.ones(1 << 24, "float32"))
    assert not slots[1].numpy()[:: 1 << 10].any()
