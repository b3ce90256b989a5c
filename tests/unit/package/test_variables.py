import numpy as np

from pronghorn.variables import Variable


def test_storage_starts_on_a_cache_line():
    variables = [Variable(np.ones(n, "float32")) for n in range(1, 20)]
    for number, variable in enumerate(variables):
        if number % 2:
            variable.assign(np.full(variable.shape, 2.0, "float32"))
        _ = variable.value  # an eager Tensor looks at it, so that `storage` copies
    assert all(v.storage().ctypes.data % 64 == 0 for v in variables)
    np.testing.assert_array_equal(variables[3].storage(), [2, 2, 2, 2])
