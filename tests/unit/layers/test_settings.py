"""A setting stands in the signature and among the names of the configuration."""

import inspect

import pytest

from pronghorn import layers, ops, optimizers
from pronghorn.layers import settings
from pronghorn.utils.arguments import arguments


def classes_with_settings():
    for place in (layers, optimizers):
        for name in dir(place):
            found = getattr(place, name)
            if inspect.isclass(found) and (getattr(found, "setting_names", ()) or hasattr(found, "cell_class")):
                yield pytest.param(found, id=name)


@pytest.mark.parametrize("cls", list(classes_with_settings()))
def test_every_setting_can_be_given(cls):
    names = getattr(cls, "setting_names", ()) or cls.cell_class.setting_names
    # What every layer has may be among the other keyword arguments.
    assert set(names) - set(settings.OF_EVERY_LAYER) <= inspect.signature(cls).parameters.keys()


def test_arguments_are_those_of_the_signature_and_of_kwargs():
    class Thing:
        def __init__(self, a, b=2, c=3, **kwargs):
            super().__init__()
            self.given = arguments(locals(), without=("c",))

    assert Thing(1, d=4).given == {"a": 1, "b": 2, "d": 4}


def test_a_weight_is_as_the_settings_say():
    class Scale(layers.Layer):
        def __init__(self, kernel_initializer="ones", use_bias=True, **kwargs):
            super().__init__(**kwargs)
            settings.take(self, kernel_initializer=kernel_initializer, use_bias=use_bias)
            settings.take(self, kernel_regularizer="l2", kernel_constraint="non_neg")
            settings.take(self, bias_initializer="zeros", bias_regularizer=None, bias_constraint=None)

        def build(self, input_shape):
            self.factor = settings.weight(self, "factor", (input_shape[-1],), of="kernel")
            self.bias = settings.bias(self, (1,), initializer="ones")

        def call(self, inputs):
            return inputs * self.factor

    layer = Scale()
    layer(ops.ones((2, 3)))
    assert [w.name for w in layer.weights] == ["factor", "bias"]
    assert layer.factor.numpy().tolist() == [1, 1, 1]
    assert layer.bias.numpy().tolist() == [1]
    assert layer.factor.regularizer is layer.kernel_regularizer
    assert layer.factor.constraint is layer.kernel_constraint
    bare = Scale(use_bias=False)
    bare.build((2, 3))
    assert bare.bias is None


@pytest.mark.parametrize(
    ("name", "value", "taken"),
    [
        ("kernel_size", 3, (3, 3)),
        ("padding", "SAME", "same"),
        ("dropout", 1.5, 1.0),
        ("output_padding", None, None),
        ("output_padding", 0, (0, 0)),
        ("anything", "SAME", "SAME"),
    ],
)
def test_settings_are_taken_by_what_their_name_tells(name, value, taken):
    layer = layers.Layer()
    layer.rank = 2
    settings.take(layer, **{name: value})
    assert getattr(layer, name) == taken


@pytest.mark.parametrize(("name", "value"), [("filters", 0), ("strides", (1, 2, 3)), ("padding", "causal")])
def test_settings_that_do_not_fit_are_named(name, value):
    layer = layers.Layer()
    layer.rank = 2
    with pytest.raises(ValueError, match=f"Layer.*`{name}`"):
        settings.take(layer, **{name: value})
