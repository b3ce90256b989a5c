"""The class of arrays in a process that imports the stand-in, in processes of their own."""

import subprocess
import sys

import pytest

AS_SCRIPTS = "from pronghorn.scripts import aliases; aliases.install(); import keras; from keras import ops\n"

PROGRAMS = {
    "pronghorn's own class is as it was": """
from pronghorn.engine.graph.tensor import Tensor
before = dict(vars(Tensor))
import tensorflow as tf
ops.ones(2) + 1
assert vars(Tensor) == before
assert type(Tensor(np.ones(2)).shape) is tuple
""",
    "what layers, ops, gradients, data sets and variables give answers as TensorFlow's tensors do": """
import tensorflow as tf
dense = keras.layers.Dense(2)
x = ops.ones((4, 3))
model = keras.Sequential([keras.Input((3,)), dense])
with keras.GradientTape() as tape:
    loss = ops.sum(model(x))
found = [x, x + 1, x[1:], *x, dense(x), model(x), loss, *tape.gradient(loss, dense.trainable_variables)]
found += [dense.kernel.value, keras.random.normal((2,)), next(iter(tf.data.Dataset.from_tensor_slices(np.ones(3))))]
found += [tf.Variable([1.0]).value, tf.function(lambda v: v * 2)(x), tf.stop_gradient(x), tf.reduce_sum(x)]
for each in found:
    assert each.shape.as_list() == list(each.get_shape()) == list(each.numpy().shape), type(each)
    assert isinstance(each, tf.Tensor), type(each)
assert all(each.dtype.is_floating for each in found if not isinstance(each, np.ndarray))
""",
    "so does what a user's layer is given, traced, eagerly and in a step that is compiled": """
import tensorflow as tf
seen = []
class Own(keras.layers.Layer):
    def call(self, x):
        if not isinstance(x, keras.KerasTensor):
            seen.append((x.shape.as_list()[1:], isinstance(x, tf.Tensor), x.get_shape().rank, x.dtype == tf.float32))
        return ops.relu(x)
model = keras.Sequential([keras.Input((3,)), Own(), keras.layers.Dense(1)])
model(np.ones((2, 3)))
model.compile("sgd", "mse")
model.fit(np.ones((4, 3)), np.ones((4, 1)), verbose=0)
model.predict(np.ones((4, 3)), verbose=0)
assert seen and all(each == ([3], True, 2, True) for each in seen), seen
""",
    "arrays from before the import do, too": """
x = ops.ones((2, 3))
import tensorflow as tf
assert x.shape.as_list() == [2, 3] and x.get_shape().rank == 2 and isinstance(x, tf.Tensor)
""",
    "what is pickled has the class of the process that reads it": """
import copy, pickle
import tensorflow as tf
x = ops.ones((2, 3))
assert copy.deepcopy(x).shape.as_list() == [2, 3]
text = pickle.dumps(x)
assert b"pronghorn_tensorflow" not in text
np.testing.assert_array_equal(pickle.loads(text), x)
""",
    "JAX knows them and the parts of variables as its arrays": """
import jax, jax.numpy as jnp, tensorflow as tf
v = tf.Variable([1.0, 2.0])
assert [float(jax.jit(jnp.sum)(x)) for x in (tf.constant([1.0, 2.0]), v.value, v[1:])] == [3, 3, 2]
""",
    "what the graph knows of an array is plain, whatever a script is shown": """
import tensorflow as tf
from pronghorn.engine.graph.tensor import aval_of
known = aval_of(ops.ones((2, 3)))
assert type(known.shape) is tuple and type(known.dtype) is str
""",
}


@pytest.mark.parametrize("what", PROGRAMS)
def test_arrays_of_a_process_that_imports_tensorflow(what):
    if "import jax" in PROGRAMS[what]:
        pytest.importorskip("jax")
    found = subprocess.run(
        [sys.executable, "-c", f"import numpy as np\n{AS_SCRIPTS}{PROGRAMS[what]}"], capture_output=True, text=True
    )
    assert not found.returncode, found.stderr
