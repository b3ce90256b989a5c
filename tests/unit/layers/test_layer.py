"""The base class: names, state, calls, masks, losses, configurations."""

from __future__ import annotations

import copy
from collections import OrderedDict, defaultdict
from typing import NamedTuple

import numpy as np
import pytest

from pronghorn import dtype_policies, jit, layers, models, ops
from pronghorn.engine.graph.active import TraceError
from pronghorn.losses import SparseCategoricalCrossentropy, sparse_categorical_crossentropy
from pronghorn.utils.masking import get_mask, set_mask
from pronghorn.utils.naming import clear_session
from pronghorn.variables import Variable


@pytest.fixture(autouse=True)
def fresh_names():
    clear_session(free_memory=False)  # a garbage collection would take longer than the test


class Scale(layers.Layer):
    def __init__(self, start=1.0, **kwargs):
        super().__init__(**kwargs)
        self.start = start

    def build(self, input_shape):
        self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="factor")

    def call(self, x):
        return x * self.factor * self.start


class Block(layers.Layer):
    """Layers as an attribute, in a list, in a dict."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first = layers.Dense(3)
        self.rest = [layers.Dense(2), layers.Dense(2)]
        self.named = {"last": layers.Dense(1)}

    def call(self, x):
        x = self.first(x)
        for layer in self.rest:
            x = layer(x)
        return self.named["last"](x)


def test_automatic_names_count_up_and_start_anew():
    assert [layers.Conv2D(1, 1).name, layers.Conv2D(1, 1).name, layers.MaxPooling2D().name] == [
        "conv2d",
        "conv2d_1",
        "max_pooling2d",
    ]
    clear_session()
    assert layers.Conv2D(1, 1).name == "conv2d"


def test_paths_of_variables():
    block = Block(name="block")
    block(np.ones((1, 4), "float32"))
    assert [w.path for w in block.weights][:4] == [
        "block/dense/kernel",
        "block/dense/bias",
        "block/dense_1/kernel",
        "block/dense_1/bias",
    ]
    assert block.path == "block" and block.first.path == "block/dense"


def test_a_weight_made_in_the_constructor_leaves_the_path_open():
    """Where a layer is going to be is not known then; as in Keras, only that weight's own path says nothing of it."""

    class Scaled(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.scale = self.add_weight(name="scale", shape=())
            self.dense = layers.Dense(2, name="dense")

        def call(self, x):
            return self.dense(x) * self.scale

    class Outer(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.inner = Scaled(name="inner")

        def call(self, x):
            return self.inner(x)

    for outer in (Outer(name="one"), Outer(name="two")):
        outer(np.ones((1, 3), "float32"))
        assert outer.inner.path == f"{outer.name}/inner" and outer.inner.dense.path == f"{outer.name}/inner/dense"
        paths = ["inner/scale", f"{outer.name}/inner/dense/kernel", f"{outer.name}/inner/dense/bias"]
        assert [w.path for w in outer.weights] == paths


def test_building_without_weights_of_its_own_gives_a_path():
    plain = Block(name="plain")
    plain.build((None, 4))
    assert plain.built and plain.path == "plain"


def test_layers_in_containers_are_found():
    block = Block()
    block(np.ones((1, 4), "float32"))
    assert len(block.weights) == 8 and block.built
    assert [layer.name for layer in block._layers] == ["dense", "dense_1", "dense_2", "dense_3"]
    assert block.count_params() == 15 + 8 + 6 + 3


def test_appended_and_removed_layers_are_noticed():
    block = Block()
    extra = layers.Dense(2)
    block.rest.append(extra)
    assert extra in block._layers
    block.rest.pop()
    assert extra not in block._layers
    del block.first
    assert len(block._layers) == 3


def test_a_built_layer_takes_no_new_state():
    layer = Scale()
    layer(np.ones((1, 2), "float32"))
    with pytest.raises(ValueError, match="built already"):
        layer.late = layers.Dense(1)
    with pytest.raises(ValueError, match="__init__"):
        layer.other = Variable(np.zeros(2, "float32"))


def test_super_init_is_asked_for():
    class Forgetful(layers.Layer):
        def __init__(self):
            self.size = 1

    with pytest.raises(RuntimeError, match="super"):
        Forgetful()(np.ones((1, 1)))


def test_freezing_and_weights():
    layer = layers.BatchNormalization()
    layer.build((None, 3))
    assert [w.name for w in layer.weights] == ["gamma", "beta", "moving_mean", "moving_variance"]
    assert len(layer.trainable_weights) == 2 and len(layer.non_trainable_weights) == 2
    layer.trainable = False
    assert layer.trainable_weights == [] and len(layer.non_trainable_weights) == 4
    values = [np.full(3, float(i), "float32") for i in range(4)]
    layer.set_weights(values)
    assert all((a == b).all() for a, b in zip(layer.get_weights(), values))


def test_set_weights_says_what_does_not_fit_and_changes_nothing():
    layer = layers.Dense(2)
    layer.build((None, 3))
    before = layer.get_weights()
    with pytest.raises(ValueError, match="dense/bias"):
        layer.set_weights([np.zeros((3, 2)), np.zeros(3)])
    with pytest.raises(ValueError, match="2 weights, but 1"):
        layer.set_weights([np.zeros((3, 2))])
    assert all((a == b).all() for a, b in zip(layer.get_weights(), before))


class Flag(layers.Layer):
    def call(self, x, training=None):
        self.seen = training
        return x


class Outer(layers.Layer):
    def __init__(self, default=False):
        super().__init__()
        self.inner = Flag()

    def call(self, x, training=None):
        return self.inner(x)


def test_training_reaches_inner_layers():
    outer = Outer()
    outer(np.ones((1, 1)), training=True)
    assert outer.inner.seen is True
    outer(np.ones((1, 1)))
    assert outer.inner.seen is None


def test_training_given_to_a_layer_wins():
    class Stubborn(layers.Layer):
        def __init__(self):
            super().__init__()
            self.inner = Flag()

        def call(self, x, training=None):
            return self.inner(x, training=False)

    layer = Stubborn()
    layer(np.ones((1, 1)), training=True)
    assert layer.inner.seen is False


def test_masks_go_on_where_they_are_supported():
    x = ops.ones((2, 3, 4))
    set_mask(x, ops.ones((2, 3), dtype="bool"))
    assert get_mask(layers.Dense(2)(x)) is not None
    with pytest.warns(UserWarning, match="does not support masking"):
        assert get_mask(layers.Flatten()(x)) is None


@pytest.mark.filterwarnings("ignore:.*does not support masking")
@pytest.mark.parametrize(
    "layer", [layers.UpSampling1D(1), layers.UpSampling1D(1, dtype="float16"), layers.Cropping1D(0)]
)
def test_masks_end_where_a_layer_has_nothing_to_do(layer):
    x = ops.ones((2, 3, 4))
    set_mask(x, ops.ones((2, 3), dtype="bool"))
    assert get_mask(layer(x)) is None
    assert get_mask(x) is not None

    @jit
    def traced(x):
        set_mask(x, ops.ones((2, 3), dtype="bool"))
        y = layer(x)
        assert get_mask(y) is None
        return y

    assert traced(x).shape == x.shape


def test_masks_are_passed_to_call():
    class Counting(layers.Layer):
        def call(self, x, mask=None):
            return ops.sum(ops.cast(mask, "int32"))

    tokens = np.array([[1, 2, 0]])
    embedded = layers.Embedding(5, 2, mask_zero=True)(tokens)
    assert int(Counting()(embedded)) == 2


def test_losses_are_those_of_the_last_call():
    class Penalty(layers.Layer):
        def call(self, x):
            self.add_loss(ops.sum(x))
            return x

    layer = Penalty()
    layer(np.ones((2, 2), "float32"))
    layer(np.ones((1, 2), "float32"))
    assert [float(v) for v in layer.losses] == [2.0]
    symbolic = layer(layers.Input((2,)))
    assert symbolic.shape == (None, 2) and len(layer.losses) == 0


def test_regularizers_are_losses():
    layer = layers.Dense(2, kernel_regularizer="l2", activity_regularizer="l1", kernel_initializer="ones")
    layer(np.ones((4, 3), "float32"))
    # activity: |3| * 8 elements * 0.01, by the batch of 4; weights: 6 * 0.01
    np.testing.assert_allclose([float(v) for v in layer.losses], [0.06, 0.06], rtol=1e-6)


def test_mixed_precision_casts_inputs_and_shows_weights_in_the_small_type():
    layer = layers.Dense(2, dtype="mixed_bfloat16")
    y = layer(np.ones((1, 3), "float32"))
    assert y.dtype == "bfloat16" and layer.kernel.dtype == "float32" and layer.compute_dtype == "bfloat16"


def test_stateless_call_changes_nothing():
    layer = layers.BatchNormalization(momentum=0.5)
    layer.build((None, 2))
    x = np.array([[1.0, 3.0], [3.0, 5.0]], "float32")
    y, updated = layer.stateless_call(
        [v.value for v in layer.trainable_variables], [v.value for v in layer.non_trainable_variables], x, training=True
    )
    np.testing.assert_allclose(updated[0].numpy(), [1.0, 2.0])
    np.testing.assert_allclose(layer.moving_mean.numpy(), [0.0, 0.0])
    np.testing.assert_allclose(y.numpy(), [[-1, -1], [1, 1]], atol=1e-3)


def test_configuration_of_a_layer_that_writes_none():
    layer = Scale(start=2.0, name="mine")
    again = Scale.from_config(layer.get_config())
    assert again.start == 2.0 and again.name == "mine"


def test_arguments_that_cannot_be_saved_ask_for_get_config():
    class Odd(layers.Layer):
        def __init__(self, thing):
            super().__init__()

    with pytest.raises(NotImplementedError, match="get_config"):
        Odd(object()).get_config()


def test_build_signature_must_match_call():
    class Pair(layers.Layer):
        def build(self, left_shape, other_shape):
            pass

        def call(self, left, right):
            return left + right

    with pytest.raises(ValueError, match="other_shape"):
        Pair()(np.ones((1, 2)), np.ones((1, 2)))


def test_several_arguments_are_built_by_name():
    class Pair(layers.Layer):
        def build(self, left_shape, right_shape):
            self.shapes = (left_shape, right_shape)

        def call(self, left, right):
            return ops.matmul(left, right)

    layer = Pair()
    layer(np.ones((2, 3), "float32"), right=np.ones((3, 4), "float32"))
    assert layer.shapes == ((2, 3), (3, 4))
    assert layer.get_build_config() == {"shapes_dict": {"left_shape": (2, 3), "right_shape": (3, 4)}}


def test_copies_are_independent():
    layer = Scale()
    layer(np.ones((1, 2), "float32"))
    twin = copy.deepcopy(layer)
    twin.factor.assign([5.0, 5.0])
    assert layer.factor.numpy().tolist() == [1.0, 1.0]


def test_inner_errors_name_the_layer():
    class Wrong(layers.Layer):
        def call(self, x):
            return ops.matmul(x, ops.ones((7, 2)))

    with pytest.raises(ValueError, match=r"'wrong' \(Wrong\).*x: \(2, 3\)"):
        Wrong()(np.ones((2, 3), "float32"))


def test_masks_can_be_set_as_keras_scripts_do():
    x = ops.ones((2, 3))
    x._keras_mask = ops.ones((2, 3), dtype="bool")
    assert layers.Dense(1)(x)._keras_mask.dtype == "bool"
    assert layers.Embedding(3, 2, mask_zero=True)(layers.Input((4,)))._keras_mask.shape == (None, 4)


@pytest.mark.parametrize("dtype", ["int32", "float32"])
def test_only_the_way_from_numbers_to_vectors_has_a_mask(dtype):
    layer = layers.ReversibleEmbedding(5, 3, mask_zero=True)
    vectors = layer(np.array([[1, 2, 0]], dtype))
    np.testing.assert_array_equal(vectors._keras_mask, [[True, True, False]])
    assert layer(vectors, reverse=True)._keras_mask is None
    assert layers.ReversibleEmbedding(5, 3)(np.array([[1, 0]], dtype))._keras_mask is None


def test_scores_of_a_tied_embedding_count_at_every_place():
    tokens = layers.Input((4,), dtype="int32")
    layer = layers.ReversibleEmbedding(5, 3, mask_zero=True)
    model = models.Model(tokens, layer(layers.LSTM(3, return_sequences=True)(layer(tokens)), reverse=True))
    model.compile("sgd", SparseCategoricalCrossentropy(from_logits=True, reduction="sum"))
    x, y = np.array([[1, 2, 0, 0]]), np.array([[2, 3, 4, 1]])
    each = sparse_categorical_crossentropy(y, model.predict(x, verbose=0), from_logits=True)
    np.testing.assert_allclose(model.evaluate(x, y, verbose=0), np.sum(each), rtol=1e-5)


def test_weights_by_position():
    layer = layers.Layer(name="free")
    weight = layer.add_weight((3, 4), "ones", "float16")
    assert (weight.shape, weight.dtype, weight.numpy().min()) == ((3, 4), "float16", 1)
    with pytest.raises(ValueError, match="'free'.*add_weight.*name='kernel', shape"):
        layer.add_weight("kernel", shape=(3, 4))
    with pytest.raises(ValueError, match="`shape` came twice.*Pass it once"):
        layer.add_weight((3,), shape=(3,))
    with pytest.raises(TypeError, match="at most 3 positional"):
        layer.add_weight((3,), "ones", "float32", True)


def test_the_policy_of_one_layer_in_a_map():
    policies = dtype_policies.DTypePolicyMap("float32")
    layer, other = layers.Dense(2, dtype=policies), layers.Dense(2, dtype=policies)
    layer.build((None, 1))
    other.build((None, 1))
    for name in ("mixed_bfloat16", "float16"):
        layer.dtype_policy = name
        assert policies[layer.path].name == name
    assert other.compute_dtype == "float32"


def test_constructors_get_the_policy_by_name():
    class Named(layers.Dense):
        def __init__(self, *args, dtype=None, **kwargs):
            assert dtype == "bfloat16"
            super().__init__(*args, dtype=dtype, **kwargs)

    assert Named.from_config(layers.Dense(2, dtype="bfloat16").get_config()).compute_dtype == "bfloat16"


def test_a_configuration_with_a_wrong_value_is_a_type_error_that_shows_it():
    with pytest.raises(TypeError, match="Embedding.*'input_dim': 3.7.*positive integer"):
        layers.Embedding.from_config({"input_dim": 3.7, "output_dim": 8})


def test_a_list_of_layers_may_be_set_as_a_whole():
    class Chain(layers.Layer):
        def __init__(self, chain, **kwargs):
            super().__init__(**kwargs)
            self._layers = chain

        def call(self, x):
            for layer in self._layers:
                x = layer(x)
            return x

    first, second = layers.Dense(2), layers.Dense(2)
    chain = Chain([first, second, first])
    x = np.ones((1, 2), "float32")
    np.testing.assert_array_equal(chain(x), first(second(first(x))))
    assert chain._flatten_layers(include_self=False) == [first, second]
    assert len(chain.weights) == 4 and chain.weights[0].path.startswith("chain/")


def test_layers_tell_what_their_calls_take():
    found = [(layer._call_has_training_arg, layer._call_has_mask_arg) for layer in (layers.GRU(1), layers.Flatten())]
    assert found == [(True, True), (False, False)]


def test_layers_in_ordered_dicts_and_named_tuples_are_found():
    class Pair(NamedTuple):
        left: layers.Layer
        right: list

    class Holder(layers.Layer):
        def __init__(self):
            super().__init__()
            self.by_name = OrderedDict(b=layers.Dense(1, name="b"), a=layers.Dense(1, name="a"))
            self.pair = Pair(layers.Dense(1, name="left"), [layers.Dense(1, name="right")])
            self.kinds = defaultdict(list, {"more": [layers.Dense(1, name="more")]})

    holder = Holder()
    assert [x.name for x in holder._layers] == ["b", "a", "left", "right", "more"]
    assert list(holder.by_name) == ["b", "a"] and isinstance(holder.by_name, OrderedDict)
    assert type(holder.pair) is Pair and holder.kinds["new"] == []
    del holder.by_name["b"]
    holder.by_name.popitem(last=False)
    assert [x.name for x in holder._layers] == ["left", "right", "more"]


class KeepsMask(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, x, mask=None):
        set_mask(x, None)
        return x if mask is None else x + 0


def test_masks_survive_the_cast_to_the_compute_type():
    x = ops.ones((2, 3))
    set_mask(x, ops.convert_to_tensor([True, False]))
    y = KeepsMask(dtype="float16")(x)
    assert y.dtype == "float16" and get_mask(y).tolist() == [True, False]


def test_a_mask_that_was_passed_goes_on():
    y = KeepsMask()(ops.ones((2, 3)), mask=ops.convert_to_tensor([True, False]))
    assert get_mask(y).tolist() == [True, False]


def test_masks_are_those_before_the_call():
    x = ops.ones((2, 3))
    set_mask(x, ops.convert_to_tensor([True, False]))
    assert get_mask(KeepsMask()(x)).tolist() == [True, False]


@pytest.mark.parametrize("dtype", ["bfloat16", "mixed_bfloat16"])
@pytest.mark.parametrize(
    "make",
    [
        layers.Identity,
        layers.Flatten,
        lambda dtype: layers.Reshape((3, 2), dtype=dtype),
        lambda dtype: layers.Permute((2, 1), dtype=dtype),
        lambda dtype: layers.Lambda(lambda x: x * 2, dtype=dtype),
    ],
)
def test_a_symbolic_call_says_the_type_that_the_call_gives(make, dtype):
    layer = make(dtype=dtype)
    x = layers.Input((2, 3))
    symbolic = layer(x)
    assert symbolic.dtype == layer(np.ones((1, 2, 3), "float32")).dtype == "bfloat16"
    assert [type(op).__name__ for op in models.Model(x, symbolic).layers] == ["InputLayer", type(layer).__name__]


def test_a_layer_with_its_own_compute_mask_passes_masks_on():
    class Lookup(layers.Layer):
        def call(self, x):
            return ops.cast(x, "float32")[..., None] * ops.ones((1, 1, 3))

        def compute_mask(self, x, mask=None):
            return ops.not_equal(x, 0)

    x = np.array([[1, 2, 0]])
    assert get_mask(Lookup()(x)).tolist() == [[True, True, False]]
    both = layers.LSTM(2)(Lookup()(x)).numpy()
    lstm = layers.LSTM(2)
    assert both.shape == (1, 2)
    assert np.allclose(lstm(Lookup()(x)).numpy(), lstm(Lookup()(x[:, :2])).numpy()), "the masked step is skipped"


class Scaled(layers.Layer):
    """Its weight has a type of its own; `seen` is the type in which the call reads it."""

    def __init__(self, weight_dtype=None, inner=None, **kwargs):
        super().__init__(**kwargs)
        self.weight_dtype, self.inner = weight_dtype, inner

    def build(self, shape):
        self.w = self.add_weight(shape=(3,), initializer="ones", dtype=self.weight_dtype)

    def call(self, x):
        self.seen = ops.convert_to_tensor(self.w).dtype
        return (x if self.inner is None else self.inner(x)) * self.w


@pytest.mark.parametrize(
    ("policy", "autocast", "weight_dtype", "seen", "result"),
    [
        ("mixed_float16", True, None, "float16", "float16"),
        ("mixed_float16", False, None, "float16", "float32"),  # autocast is about the inputs of an outermost layer
        ("mixed_bfloat16", False, "float16", "bfloat16", "float32"),
        ("float32", True, "float16", "float16", "float32"),  # without mixed precision a weight is read as it is stored
        ("float16", True, "float32", "float32", "float32"),
        ("float16", False, None, "float16", "float32"),
    ],
)
def test_the_type_in_which_weights_are_read(policy, autocast, weight_dtype, seen, result):
    """Recorded from Keras 3.15.1."""
    layer = Scaled(weight_dtype, dtype=policy, autocast=autocast)
    assert layer(np.ones((2, 3), "float32")).dtype == result and layer.seen == seen


@pytest.mark.parametrize(
    ("outer", "policy", "autocast", "seen"),
    [
        ("mixed_float16", "mixed_float16", True, "float16"),
        ("mixed_float16", "mixed_float16", False, "float32"),
        ("mixed_float16", "float32", True, "float32"),
        ("mixed_float16", "mixed_bfloat16", True, "bfloat16"),
        ("float32", "mixed_float16", False, "float16"),
    ],
)
def test_the_type_in_which_weights_of_layers_inside_are_read(outer, policy, autocast, seen):
    """Recorded from Keras 3.15.1."""
    inner = Scaled(dtype=policy, autocast=autocast)
    Scaled(inner=inner, dtype=outer)(np.ones((2, 3), "float32"))
    assert inner.seen == seen


def test_add_metric_says_what_to_write_instead():
    with pytest.raises(NotImplementedError, match=r"'old'.*update_state"):
        layers.Dense(1, name="old").add_metric(np.ones(2), name="mean")


class UntilLarge(models.Model):
    """A model that looks at its values."""

    def __init__(self):
        super().__init__()
        self.grow = layers.Dense(3, kernel_initializer="ones")

    def call(self, x):
        y = self.grow(x)
        while float(ops.mean(y)) < 5.0:
            y = y * 2.0
        return y


def test_a_model_that_looks_at_values_builds_its_layers_in_a_call_with_arrays():
    model = UntilLarge()
    assert ops.convert_to_numpy(model(np.ones((2, 3), "float32"))).tolist() == [[6.0] * 3] * 2
    assert len(model.weights) == 2 and model.built
    with pytest.raises(TraceError, match="The values of"):
        UntilLarge()(layers.Input((3,)))
    model.compile("sgd", "mse")
    with pytest.raises(TraceError, match="run_eagerly=True"):
        model.fit(np.ones((2, 3)), np.ones((2, 3)), verbose=0)
    model.compile("sgd", "mse", run_eagerly=True)
    model.fit(np.ones((2, 3)), np.ones((2, 3)), verbose=0)
    model = UntilLarge()
    model.compile("sgd", "mse", run_eagerly=True)
    model.fit(np.ones((2, 3)), np.ones((2, 3)), verbose=0)
    assert model.evaluate(np.ones((2, 3)), np.ones((2, 3)), verbose=0) > 0


def test_a_layer_of_strings_is_built_without_a_shape():
    class Lengths(layers.Layer):
        def __init__(self):
            super().__init__()
            self._allow_non_tensor_positional_args = True  # as preprocessing layers of Keras's libraries say it

        def build(self, input_shape):
            self.built_for = input_shape

        def call(self, x):
            return [len(each) for each in x]

    layer = Lengths()
    assert layer(["a", "bcd"]) == [1, 3] and layer.built and layer.built_for is None
    assert layer([]) == []
