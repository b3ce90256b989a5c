"""Plans as scripts: what they make is what the plan makes."""

import pytest

import pronghorn as keras
from pronghorn import layers
from pronghorn.studio import commands, data_sets, edits
from pronghorn.studio.plans import plan_of
from pronghorn.studio.settings import Settings, settings_of
from pronghorn.studio.show_code import code_of
from pronghorn.studio.workbench import Workbench


def model_of(code):
    ours = code.partition("\n\nmodel.compile")[0].replace("model.summary()", "")
    ours = ours.replace("import keras\n", "import pronghorn as keras\n").replace("from keras", "from pronghorn")
    names = {}
    exec(ours, names)
    return names["model"]


def branches():
    x = keras.Input((6, 6, 2))
    shared = layers.Conv2D(3, (1, 2), padding="same", kernel_regularizer=keras.regularizers.L2(0.25))
    y = layers.Concatenate(axis=-1)([shared(x), shared(keras.ops.tanh(x))])
    return keras.Model(x, [layers.Dense(2, name="9 lives")(layers.Flatten()(y)), y])


def stack():
    return keras.Sequential(
        [
            keras.Input((9,), dtype="int32"),
            layers.Embedding(20, 4),
            layers.LSTM(5, return_sequences=True, kernel_initializer=keras.initializers.HeNormal(seed=3)),
            layers.LayerNormalization(epsilon=0.01),
            layers.Dense(3, activation="softmax", use_bias=False, name="scores"),
        ]
    )


def models_in_models():
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation="relu"), layers.Dense(2)], name="inner")
    x = keras.Input((4,))
    middle = keras.Model(x, inner(layers.Dense(4, name="way")(x)), name="middle")
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    return keras.Model([a, b], layers.Add(name="sum")([middle(a), middle(b)]))


@pytest.mark.parametrize("make", [branches, stack, models_in_models])
def test_the_code_makes_the_model(make):
    model = make()
    made = model_of(code_of(plan_of(model), Settings(), None))

    def told(model):
        hidden = ("name", "build_config")
        plain = [layer for layer in model._flatten_layers(include_self=False) if not isinstance(layer, keras.Model)]
        return [{k: v for k, v in layer.get_config().items() if k not in hidden} for layer in plain]

    assert told(made) == told(model)
    assert made.output_shape == model.output_shape
    assert [w.shape for w in made.weights] == [w.shape for w in model.weights]


def test_layers_that_need_one_of_several_settings_are_written():
    encoding = layers.CategoryEncoding(num_tokens=4, output_mode="multi_hot")
    assert "num_tokens=4" in code_of(plan_of(keras.Sequential([keras.Input((2,)), encoding])), Settings(), None)


def test_only_what_is_not_usual_is_written():
    code = code_of(plan_of(keras.Sequential([keras.Input((4,)), layers.Dense(3)])), Settings(), None)
    assert "        layers.Dense(3),\n" in code


def test_the_optimizer_and_the_loss_are_written():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=0.125)
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), loss)
    settings = settings_of(model.get_compile_config(), Settings())
    code = code_of(plan_of(model), settings, None)
    assert "optimizer=keras.optimizers.SGD(learning_rate=0.05, momentum=0.9)" in code
    assert "loss=keras.losses.CategoricalCrossentropy(label_smoothing=0.125)" in code


def test_a_layer_of_somebody_is_refused_by_name():
    @keras.saving.register_keras_serializable("studio_test")
    class Mine(layers.Layer):
        def call(self, x):
            return x

    with pytest.raises(ValueError, match="Mine of somebody's own"):
        code_of(plan_of(keras.Sequential([keras.Input((4,)), Mine()])), Settings(), None)


@pytest.mark.parametrize(
    ("layer", "field", "value", "shown"),
    [
        (layers.Dense(3, activation="relu"), "units", -3, 'layers.Dense(-3, activation="relu"),'),
        (layers.Dense(3), "activation", "rellu", 'layers.Dense(3, activation="rellu"),'),
        (layers.Conv1D(3, 2), "kernel_size", [0], "layers.Conv1D(3, (0,)),"),
        (layers.Conv1D(3, 2), "filters", None, "layers.Conv1D(None, (2,)),"),
        (layers.Dropout(0.5), "rate", 7, "layers.Dropout(7),"),
        (layers.Embedding(3, 4), "input_dim", 0, "layers.Embedding(0, 4),"),
        (layers.LSTM(3), "units", 0, "layers.LSTM(0),"),
        (layers.Activation("relu"), "activation", "rellu", 'layers.Activation("rellu"),'),
    ],
)
def test_only_what_is_not_usual_is_written_of_a_wrong_layer(layer, field, value, shown):
    shape = () if isinstance(layer, layers.Embedding) else (8, 8)
    plan = plan_of(keras.Sequential([keras.Input(shape), layer]))
    plan = edits.set_field(plan, layer.name, field, value[0] if isinstance(value, list) else value)
    assert f"        {shown}\n" in code_of(plan, Settings(), None)


def test_what_does_not_run_is_told():
    bench = Workbench()
    bench.use_data(data_sets.load_packaged("mnist"))
    assert commands.run(bench, {"do": "code"})["result"]["problem"] == ""
    name = next(layer.name for layer in bench.built.plan.layers if "units" in layer.config)
    bench.edit("set", name=name, field="units", value=-1)
    found = commands.run(bench, {"do": "code"})["result"]
    assert "layers.Dense(-1" in found["code"] and "positive" in found["problem"]
