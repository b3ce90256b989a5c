"""Concrete functions: methods, what they refuse, and their graphs."""

import pytest

import pronghorn as keras
from pronghorn_tensorflow.alias import TensorFlowAlias

tf = TensorFlowAlias("tensorflow")
ROWS = tf.TensorSpec([None, 1], tf.float32)


class Line(tf.Module):
    def __init__(self):
        super().__init__()
        self.w, self.b = tf.Variable([[2.0]]), tf.Variable(1.0, trainable=False)

    @tf.function
    def free(self, x, n=1):
        """A line."""
        return x @ self.w * n + self.b

    @tf.function(input_signature=[ROWS])
    def fixed(self, x):
        return x @ self.w + self.b


@pytest.mark.parametrize(
    "concrete",
    [
        lambda line: line.free.get_concrete_function(ROWS),
        lambda line: line.free.get_concrete_function(x=tf.ones((2, 1))),
        lambda line: line.fixed.get_concrete_function(),
        lambda line: line.fixed.get_concrete_function(ROWS),
    ],
)
def test_methods(concrete):
    line = Line()
    function = concrete(line)
    assert function(tf.ones((2, 1))).tolist() == [[3], [3]]
    assert function(x=tf.ones((2, 1))).tolist() == [[3], [3]]
    line.w.assign([[4.0]])
    assert function(tf.ones((2, 1))).tolist() == [[5], [5]]
    assert function.variables == (line.w, line.b) and function.trainable_variables == (line.w,)
    assert [t.name for t in function.inputs] == ["x:0"]


def test_methods_have_their_words():
    assert Line().free.__doc__ == "A line." and Line().free.__name__ == "free"
    assert Line().free(tf.ones((1, 1)), n=3).tolist() == [[7]]


def test_operations_take_what_those_before_them_give():
    graph = Line().free.get_concrete_function(ROWS).graph
    made = set()
    for operation in graph.get_operations():
        assert made.issuperset(tensor.name for tensor in operation.inputs)
        assert graph.get_operation_by_name(operation.name) is operation
        made.update(tensor.name for tensor in operation.outputs)
    types = [operation.type for operation in graph.get_operations()]
    assert types[:4] == ["Placeholder", "ReadVariable", "ReadVariable", "dot_general"]
    with pytest.raises(KeyError, match="no operation 'y'"):
        graph.get_tensor_by_name("y:0")
    with pytest.raises(KeyError, match="has 1 of them"):
        graph.get_tensor_by_name("x:1")
    with pytest.raises(NotImplementedError, match="not TensorFlow's"):
        graph.as_graph_def()


def test_layers_whose_call_is_one():
    class Twice(keras.layers.Layer):
        @tf.function
        def call(self, x, training=False):
            return x * (3.0 if training else 2.0)

    layer = Twice()
    assert layer(tf.ones((1, 1))).tolist() == [[2]] and layer(tf.ones((1, 1)), training=True).tolist() == [[3]]
    model = keras.Sequential([keras.Input((1,)), layer])
    assert model.predict(tf.ones((2, 1)), verbose=0).tolist() == [[2], [2]]
    concrete = tf.function(lambda x: model(x)).get_concrete_function(ROWS)
    assert concrete(tf.ones((2, 1))).tolist() == [[2], [2]] and concrete.outputs[0].shape == (None, 1)
