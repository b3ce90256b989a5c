"""`model.summary()` prints what Keras prints, character by character."""

import os

import pytest

os.environ.setdefault("KERAS_BACKEND", "jax")
keras = pytest.importorskip("keras")

import pronghorn  # noqa: E402


def sequential(k):
    layers = k.layers
    return k.Sequential(
        [
            k.Input((28, 28, 1)),
            layers.Conv2D(32, 3),
            layers.MaxPooling2D(2),
            layers.BatchNormalization(trainable=False),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, name="a_name_that_is_far_too_long_for_its_column"),
        ]
    )


def graph(k):
    layers = k.layers
    inputs = k.Input((4,))
    left, right = layers.Dense(3, name="left")(inputs), layers.Dense(3, name="right")(inputs)
    return k.Model(inputs, layers.Add(name="add")([left, right]), name="two")


def graph_with_ops(k):
    a, b = k.Input((4,)), k.Input((4,), name="b")
    dense = k.layers.Dense(3)
    return k.Model([a, b], dense(a) + dense(b) * 2)


def several_outputs(k):
    inputs = k.Input((4,), dtype="int32")
    return k.Model(inputs, [k.layers.Embedding(5, 2)(inputs), k.layers.Flatten()(inputs)])


def nested(k):
    layers = k.layers
    inner = k.Sequential([k.Input((4,)), layers.Dense(3)], name="inner")
    middle = k.Sequential([k.Input((4,)), inner, layers.Activation("relu")], name="middle")
    return k.Sequential([k.Input((4,)), middle, layers.Dense(2)], name="outer")


def shared(k):
    a, b = k.Input((8, 8, 1)), k.Input((9, 9, 1))
    convolution = k.layers.Conv2D(2, 3)
    return k.Model([a, b], [convolution(a), convolution(b)])


def unbuilt(k):
    return k.Sequential([k.layers.Dropout(0.5), k.layers.Dense(3)])


def empty(k):
    return k.Sequential()


def lower_precision(k):
    inputs = k.Input((None, 4), batch_size=3, dtype="float16")
    return k.Model(inputs, k.layers.LayerNormalization(dtype="float16")(inputs))


def with_optimizer(k):
    model = graph(k)
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    return model


def subclass(k):
    class Small(k.Model):
        def __init__(self):
            super().__init__(name="small")
            self.first = k.layers.Dense(2)
            self.second = k.layers.Dense(3)

        def call(self, x):
            return self.second(self.first(x))

    model = Small()
    model(k.ops.ones((2, 3)))
    return model


MODELS = [
    sequential, graph, graph_with_ops, several_outputs, nested, shared, unbuilt, empty, lower_precision, with_optimizer,
    subclass,
]  # fmt: skip


def text_of(k, build, **options):
    k.utils.clear_session(free_memory=False)
    model = build(k)
    lines = []
    model.summary(print_fn=lambda text, line_break=True: lines.append(text), **options)
    return "\n".join(lines).rstrip()


@pytest.mark.parametrize("columns", ["80", "200"])
@pytest.mark.parametrize("build", MODELS)
def test_like_keras(build, columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    assert text_of(pronghorn, build) == text_of(keras, build)


@pytest.mark.parametrize("build", [nested, graph])
@pytest.mark.parametrize(
    "options",
    [
        {"expand_nested": True},
        {"show_trainable": True},
        {"line_length": 60},
        {"line_length": 100},
        {"positions": [0.2, 0.5, 0.7, 1.0]},
        {"expand_nested": True, "show_trainable": True, "line_length": 90},
    ],
    ids=str,
)
def test_options_like_keras(build, options, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert text_of(pronghorn, build, **options) == text_of(keras, build, **options)


def test_layer_range(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    options = {"layer_range": ["max_pool.*", "flatten"]}
    assert text_of(pronghorn, sequential, **options) == text_of(keras, sequential, **options)
    with pytest.raises(ValueError, match="does not match the layer names; the model has conv2d"):
        text_of(pronghorn, sequential, layer_range=["x", "y"])
    with pytest.raises(ValueError, match="two names"):
        text_of(pronghorn, sequential, layer_range=["x"])
    with pytest.raises(ValueError, match="2 entries, but the table of this model has 4 columns"):
        text_of(pronghorn, graph, positions=[0.5, 1.0])
