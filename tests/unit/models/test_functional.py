"""Functional models: structures of inputs and outputs, shared layers, nesting, configurations."""

from __future__ import annotations

import numpy as np
import pytest

from pronghorn import Input, Model, Sequential, layers, ops
from pronghorn.models import clone_model, model_from_json
from pronghorn.models.function import Function
from pronghorn.models.functional import Functional
from pronghorn.symbolic.infer import infer_spec
from pronghorn.symbolic.keras_tensor import KerasTensor
from pronghorn.symbolic.operation import Operation
from pronghorn.utils.naming import clear_session

A, B = np.ones((2, 3), "float32"), np.full((2, 3), 2.0, "float32")


@pytest.fixture(autouse=True)
def fresh_names():
    clear_session(free_memory=False)


def two_in_two_out():
    a, b = layers.Input((3,), name="a"), layers.Input((3,), name="b")
    shared = layers.Dense(4, name="shared")
    total = layers.Add(name="total")([shared(a), shared(b)])
    return Model([a, b], [total, total * 2.0], name="two")


def test_lists_of_inputs_and_outputs():
    model = two_in_two_out()
    total, doubled = model([A, B])
    np.testing.assert_allclose(doubled.numpy(), 2 * total.numpy())
    assert len(model.weights) == 2 and model.input_names == ["a", "b"]
    assert model.output_names == ["total", "multiply"]


def test_inputs_by_name():
    model = two_in_two_out()
    np.testing.assert_allclose(model({"b": B, "a": A})[0].numpy(), model([A, B])[0].numpy())


def test_dicts_and_nests():
    a, b = layers.Input((3,)), layers.Input((3,))
    model = Model({"x": a, "rest": [b]}, {"sum": a + b, "parts": (a, b)})
    result = model({"x": A, "rest": [B]})
    assert result["sum"].numpy().tolist() == (A + B).tolist() and isinstance(result["parts"], tuple)


def test_layers_are_in_the_order_of_their_depth():
    model = two_in_two_out()
    assert [layer.name for layer in model.layers] == ["a", "b", "shared", "total"]
    assert [op.name for op in model.operations] == ["a", "b", "shared", "total", "multiply"]


def test_models_nest_and_are_called_again():
    inner = Sequential([layers.Input((3,)), layers.Dense(3)])
    x = layers.Input((3,))
    model = Model(x, inner(inner(x)))
    np.testing.assert_allclose(model(A).numpy(), inner(inner(A)).numpy(), rtol=1e-6)
    other = layers.Input((3,))
    assert model(other).shape == (None, 3)


def test_ops_and_operators_become_operations():
    x = layers.Input((3, 4))
    y = ops.softmax(ops.concatenate([x, -x], axis=-1))[:, 0] ** 2
    model = Model(x, y)
    assert y.shape == (None, 8)
    v = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")
    e = np.exp(np.concatenate([v, -v], -1))
    np.testing.assert_allclose(model(v).numpy(), (e / e.sum(-1, keepdims=True))[:, 0] ** 2, rtol=1e-5)


@pytest.mark.parametrize("make", [two_in_two_out], ids=["two"])
def test_configurations_give_the_same_model(make):
    model = make()
    for again in (Model.from_config(model.get_config()), model_from_json(model.to_json()), clone_model(model)):
        assert type(again) is Functional and again.name == model.name
        again.set_weights(model.get_weights())
        np.testing.assert_allclose(again([A, B])[1].numpy(), model([A, B])[1].numpy())


def test_a_model_from_the_middle_of_another():
    x = layers.Input((3,))
    hidden = layers.Dense(4)(x)
    head = Model(hidden, layers.Dense(2)(hidden))
    assert head.input_shape == (None, 4) and len(head.weights) == 2
    assert head(np.ones((1, 4), "float32")).shape == (1, 2)


class Pair(layers.Layer):
    def call(self, x):
        return x, 2.0 * x


def test_a_model_from_one_of_the_results_of_a_call():
    a, b = Pair()(layers.Input((3,)))
    head = Model(b, b + 1.0)
    np.testing.assert_array_equal(head(A).numpy(), A + 1.0)
    with pytest.raises(ValueError, match="output 0 of 'pair.*only another output is among the `inputs`"):
        Model(b, a + b)
    with pytest.raises(ValueError, match="output 0 of 'pair.*only another output is among the `inputs`"):
        Model(b, a)


def test_ranks_and_types_are_adjusted():
    x = layers.Input((1,))
    model = Model(x, x * 2.0)
    assert model(np.array([1, 2])).shape == (2, 1)
    assert model(np.array([[1], [2]], "uint8")).dtype == "float32"


def test_forgotten_inputs_are_named():
    a, b = layers.Input((3,), name="a"), layers.Input((3,), name="forgotten")
    with pytest.raises(ValueError, match="forgotten"):
        Model(a, a + b)


def test_names_must_differ():
    x = layers.Input((3,))
    with pytest.raises(ValueError, match="2 operations .*'same'"):
        Model(x, layers.Dense(1, name="same")(layers.Dense(1, name="same")(x)))


def test_arrays_of_another_shape_are_refused():
    model = two_in_two_out()
    with pytest.raises(ValueError, match="expects 2 input"):
        model([A])
    with pytest.raises(ValueError, match=r"got one of shape \(2, 5\)"):
        model([A, np.ones((2, 5))])


def test_an_input_of_another_shape_is_named_with_where_it_is():
    x = layers.Input((2, 3), name="picture")
    model = Model([{"image": x}], layers.Flatten()(x))
    for wrong, said in (
        (np.ones((5, 6)), r"A sample has as many values as it needs: pass x.reshape\(\(-1, 2, 3\)\)"),
        (np.ones((2, 3)), "The batch axis is missing"),
        (np.ones((5, 2, 4)), "name 'picture' at path '0.image'"),
    ):
        with pytest.raises(ValueError, match=said):
            model([{"image": wrong}])


def test_a_list_for_a_dict_of_inputs_in_no_clear_order():
    def subtract(first, second):
        x, y = layers.Input((2,), name=first), layers.Input((2,), name=second)
        return Model({first: x, second: y}, layers.Subtract()([x, y]))

    with pytest.warns(UserWarning, match="is called with"):
        subtract("a", "b")([np.ones((1, 2)), np.zeros((1, 2))])
    with pytest.raises(ValueError, match="does not say which entry is which"):
        subtract("b", "a")([np.ones((1, 2)), np.zeros((1, 2))])


def test_configurations_that_make_no_model():
    config = {
        "name": "m",
        "layers": [
            {"class_name": "InputLayer", "name": "x", "config": {"batch_shape": [None, 2], "name": "x"}},
            *(
                {
                    "class_name": "Dense",
                    "name": name,
                    "config": {"units": 2, "name": name},
                    "inbound_nodes": [[[source, 0, 0, {}]]],
                }
                for name, source in (("a", "b"), ("b", "a"))
            ),
        ],
        "input_layers": [["x", 0, 0]],
        "output_layers": [["b", 0, 0]],
    }
    with pytest.raises(ValueError, match="'a', 'b' are in a loop"):
        Functional.from_config(config)
    del config["layers"][2]
    with pytest.raises(ValueError, match="Missing node: b"):
        Functional.from_config(config)


def test_subclasses_may_be_made_of_tensors():
    class Net(Model):
        def __init__(self, width):
            x = layers.Input((3,))
            super().__init__(inputs=x, outputs=layers.Dense(width)(x))
            self.width = width

    net = Net(5)
    assert isinstance(net, Functional) and net.output_shape == (None, 5) and net.width == 5


def test_symbolic_tensors_say_that_they_have_no_values():
    x = layers.Input((3,))
    with pytest.raises((TypeError, ValueError), match="pronghorn.ops"):
        np.exp(x)
    with pytest.raises(TypeError, match="if"):
        bool(x > 0)
    with pytest.raises(TypeError, match="layer's call"):
        len(x)


def test_functions_are_operations():
    x = layers.Input((3,))
    square = Function(x, x * x)
    assert isinstance(square, Operation) and square(B).numpy().tolist() == (B * B).tolist()
    assert square.compute_output_shape((7, 3)) == (7, 3)


# -- shapes of what is not known yet ----------------------------------------------------------------------------------
def spec(fn, *shapes):
    return infer_spec(fn, tuple(KerasTensor(s) for s in shapes)).shape


def test_unknown_extents_stay_unknown():
    assert spec(lambda x: x + 1.0, (None, 3)) == (None, 3)
    assert spec(lambda x: ops.concatenate([x, x], axis=1), (None, None, 3)) == (None, None, 3)
    assert spec(lambda x: ops.reshape(x, (-1, 6)), (None, 2, 3)) == (None, 6)


def test_unknown_extents_of_different_axes_may_meet():
    assert spec(lambda q, k: ops.matmul(ops.matmul(q, ops.swapaxes(k, 1, 2)), k), (None, None, 4), (None, None, 4)) == (
        None,
        None,
        4,
    )


def test_calls_that_need_numbers_are_traced_with_numbers():
    assert spec(lambda x: x[:, : int(x.shape[1]) // 2], (None, None, 2)) == (None, None, 2)


def test_a_fixed_batch_meets_an_unknown_one():
    assert spec(lambda x, y: x + y, (None, 3), (8, 3)) == (8, 3)


def test_a_training_flag_given_to_a_layer_stays():
    base = Sequential([layers.Input((3,)), layers.BatchNormalization(momentum=0.5)])
    x = layers.Input((3,))
    frozen, free = Model(x, base(x, training=False)), Model(x, base(x))
    frozen(A, training=True)
    assert base.layers[0].moving_mean.numpy().tolist() == [0.0, 0.0, 0.0]
    free(A, training=True)
    assert base.layers[0].moving_mean.numpy().tolist() == [0.5, 0.5, 0.5]


def test_a_function_needs_inputs_outputs_and_its_structure():
    x = KerasTensor((2, 3))
    with pytest.raises(ValueError, match="`inputs` argument cannot be empty"):
        Function([], x)
    with pytest.raises(ValueError, match="`outputs` argument cannot be empty"):
        Function(x, [])
    with pytest.raises(ValueError, match="invalid input structure"):
        Function([x, x + 1], x * 2)(np.ones((2, 3)))
    for wrong in (np.ones((4, 3)), np.ones((2, 3, 3))):
        with pytest.raises(ValueError, match="incompatible inputs"):
            Function(x, x * 2)(wrong)


def _structures(a, b):
    """Structures of one and of two tensors."""
    return [a, [a], (a,), {"x": a}, [[a]]], [[a, b], (a, b), {"z": b, "y": a}, [a, {"z": b}], {"x": [a, b]}]


def test_shapes_do_not_depend_on_the_structure():
    """The shape of a single tensor, or a list of shapes, as in Keras; the structure is that of `input` and `output`."""
    a, b = layers.Input((3,)), layers.Input((4,))
    h = layers.Concatenate()([a, b])
    ones, twos = _structures(layers.Dense(2)(h), layers.Dense(5)(h))
    for outputs in ones:
        assert Model([a, b], outputs).output_shape == (None, 2)
    for outputs in twos:
        model = Model((a, b), outputs)
        assert sorted(model.output_shape) == [(None, 2), (None, 5)] and isinstance(model.output_shape, list)
        assert model.input_shape == [(None, 3), (None, 4)]
    for inputs in _structures(a, b)[0]:
        assert Model(inputs, layers.Dense(2)(a)).input_shape == (None, 3)
    for inputs in _structures(a, b)[1]:
        shapes = Model(inputs, layers.Dense(2)(h)).input_shape
        assert sorted(shapes) == [(None, 3), (None, 4)] and isinstance(shapes, list)


def test_a_list_of_one_output_stays_one_in_symbolic_calls():
    a = layers.Input((3,))
    for outputs in ([layers.Dense(2)(a)], (layers.Dense(2)(a),)):
        found = Model(a, outputs)(layers.Input((3,)))
        assert type(found) is type(outputs) and found[0].shape == (None, 2)
    inner = Model(a, [layers.Dense(2)(a)])
    assert np.shape(Model(a, layers.Dense(1)(inner(a)[0]))(np.ones((2, 3), "float32"))) == (2, 1)


def test_a_layer_is_cloned_as_a_model_is():
    layer = layers.Dense(3, activation="relu")
    assert not clone_model(layer).built
    layer.build((None, 2))
    clone = clone_model(layer)
    assert clone is not layer and clone.get_config() == layer.get_config()
    assert [w.shape for w in clone.weights] == [(2, 3), (3,)]
    assert not np.array_equal(clone.kernel, layer.kernel)
    with pytest.raises(ValueError, match="must be a Model"):
        clone_model(3)


def test_a_subclassed_model_is_cloned_built_and_compiled():
    class Small(Model):
        def __init__(self, units=2, **kwargs):
            super().__init__(**kwargs)
            self.last = layers.Dense(units)
            self.units = units

        def call(self, x):
            return self.last(x)

        def get_config(self):
            return {**super().get_config(), "units": self.units}

    model = Small(3)
    model.compile("sgd", "mse")
    model(A)
    clone = clone_model(model)
    assert type(clone) is Small and clone.units == 3 and clone.compiled
    assert [w.shape for w in clone.weights] == [(3, 3), (3,)]


def test_an_input_without_axes_takes_one_sample_as_it_takes_several():
    x = Input(shape=())
    model = Model(x, x + 1)
    for rows in (1, 3):
        assert model(np.ones(rows, "float32")).shape == (rows,)
        assert model.predict(np.ones(rows), verbose=0).shape == (rows,)
    assert model(np.ones((3, 1), "float32")).shape == (3,)
    with pytest.raises(ValueError, match=r"of shape \(None,\), but got one of shape \(3, 2\)"):
        model(np.ones((3, 2), "float32"))


def test_a_layer_that_gives_less_than_it_announced():
    class Promising(layers.Layer):
        def call(self, x):
            return x

        def compute_output_spec(self, x):
            return [KerasTensor(x.shape), KerasTensor(x.shape)]

    inputs = Input((3,))
    model = Model(inputs, Promising(name="promising")(inputs))
    with pytest.raises(ValueError, match="Promising 'promising' gave 1 of the 2 arrays"):
        model(A)


def test_arguments_that_mean_nothing_are_told_and_passed_over():
    """As under Keras: subclasses may hand on all that they were given."""
    inputs = Input((3,))

    class Handing(Model):
        def __init__(self, **kwargs):
            super().__init__(inputs=inputs, outputs=layers.Dense(2)(inputs), **kwargs)

    with pytest.warns(UserWarning, match="Handing 'one'.* no use for the arguments trainabel; nearest: trainable"):
        model = Handing(name="one", trainabel=True)
    assert model(A).shape == (len(A), 2)
    with pytest.warns(UserWarning, match="Functional 'two'.* no use for the arguments sampler. Leave"):
        Model(inputs, inputs + 1, name="two", sampler="greedy")
