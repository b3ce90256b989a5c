"""NaN, infinities and numbers that a type does not have, against Keras on JAX: called at once, and compiled."""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import numpy as np
import pytest

keras = pytest.importorskip("keras")

import pronghorn  # noqa: E402

pytestmark = pytest.mark.skipif(keras.backend.backend() != "jax", reason="the oracle is Keras on JAX")

NAN, INF = float("nan"), float("inf")
SPECIAL = np.float32([np.nan, np.inf, -np.inf, -0.0, 0.0, 1.0, -1.0, 7.0])
BEYOND = np.float32(
    [np.nan, np.inf, -np.inf, -1.5, -0.5, 255.5, 256, 300, -300, 3e9, -3e9, 1e10, 127.9, 128, -129, 65536.7, 1e30]
)
WHOLE = np.int32([1, 5, 9])
IMAGE = np.ones((1, 4, 4, 1), "f4")
IMAGE[0, 1, 1, 0], IMAGE[0, 2, 3, 0], IMAGE[0, 3, 3, 0] = np.nan, np.inf, -np.inf
ACTIVATIONS = [
    "relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "silu", "softplus", "softsign", "sigmoid", "hard_sigmoid",
    "hard_silu", "hard_tanh", "hard_shrink", "soft_shrink", "tanh_shrink", "celu", "log_sigmoid", "squareplus",
    "sparse_plus", "sparse_sigmoid", "softmax", "log_softmax", "sparsemax",
]  # fmt: skip
REDUCTIONS = [
    "max", "min", "argmax", "argmin", "nanmax", "nanmin", "nansum", "nanmean", "nanstd", "nanvar", "mean", "std",
    "var", "sum", "prod", "sort", "argsort", "logsumexp",
]  # fmt: skip
PAIRS = [
    "maximum", "minimum", "floor_divide", "mod", "divide", "power", "kron", "inner", "dot", "outer", "logaddexp",
    "hypot", "arctan2",
]  # fmt: skip
UNARY = ["sign", "cbrt", "angle", "cumsum", "cumprod", "round", "trunc", "expm1", "sin", "negative", "reciprocal"]
POWERS = (-1, -0.5, 0.5, 1, 2, 3)
EXTREMES = ("max", "min", "amax", "amin", "nanmax", "nanmin")
ZEROS = np.float32([[0, -0.0], [-0.0, 0], [-0.0, -0.0], [-1, -0.0], [0, 1]])
SCORES = np.float32(
    [[NAN, NAN, NAN], [NAN, 0.1, 0.2], [0.3, 0.2, NAN], [INF, 1, 2], [1, INF, INF], [-INF, -INF, 0], [-INF, NAN, NAN]]
)
CASES = {
    **{
        name: (lambda k, x, name=name: getattr(k.ops, name)(x), SPECIAL) for name in (*ACTIVATIONS, *REDUCTIONS, *UNARY)
    },
    **{
        f"{name}, {kind}": (lambda k, x, name=name: getattr(k.ops, name)(x), values)
        for name in ("nanstd", "nanvar", "sparsemax")
        for kind, values in (("finite", SPECIAL[3:]), ("infinite", SPECIAL[1:]), ("NaN", SPECIAL[[0, 5, 7]]))
    },
    **{name: (lambda k, x, name=name: getattr(k.ops, name)(x, x[::-1]), SPECIAL) for name in PAIRS},
    **{
        f"{k} of {name}, class {c}": (
            lambda library, x, k=k, name=name, c=c: getattr(library.metrics, name)(
                np.full(len(x), c, "int32") if "sparse" in name else np.eye(3, dtype="float32")[[c] * len(x)], x, k
            ),
            SCORES,
        )
        for name in ("sparse_top_k_categorical_accuracy", "top_k_categorical_accuracy")
        for c in range(3)
        for k in (1, 2, 3)
    },
    **{
        f"binary_crossentropy of logits for {t}": (
            lambda k, x, t=t: k.ops.binary_crossentropy(np.full(len(x), t, "float32"), x, from_logits=True),
            np.append(SPECIAL, np.float32([13.3, -13.3, 40, -40])),
        )
        for t in (0, 1, 0.5)
    },
    "floor_divide by 0": (lambda k, x: k.ops.floor_divide(x, k.ops.zeros_like(x)), SPECIAL),
    **{f"power {p}": (lambda k, x, p=p: k.ops.power(x, p), SPECIAL) for p in POWERS},
    "kron of matrices": (lambda k, x: k.ops.kron(x, x), np.float32([[np.inf, 1], [0, 2]])),
    "relu above a threshold": (lambda k, x: k.activations.relu(x, threshold=0.5), SPECIAL),
    "relu up to a limit": (lambda k, x: k.activations.relu(x, max_value=4.0), SPECIAL),
    **{
        f"{name} and {number}": (lambda k, x, name=name, number=number: getattr(k.ops, name)(x, number), SPECIAL)
        for name in ("maximum", "minimum")
        for number in (0.0, -0.0, 1.0)
    },
    **{f"{name} of zeros": (lambda k, x, name=name: getattr(k.ops, name)(x, axis=-1), ZEROS) for name in EXTREMES},
    "clip": (lambda k, x: k.ops.clip(x, -1, 2), SPECIAL),
    "clip at 0": (lambda k, x: k.ops.clip(x, 0.0, 2.0), SPECIAL),
    "clip at -0": (lambda k, x: k.ops.clip(x, -2.0, -0.0), SPECIAL),
    "clip integers by floats": (lambda k, x: k.ops.clip(x, 1.5, 6.5), WHOLE),
    "clip integers by an array": (lambda k, x: k.ops.clip(x, np.float32([2, 2, 2]), 6), WHOLE),
    "clip integers by infinities": (lambda k, x: k.ops.clip(x, -np.inf, np.inf), WHOLE),
    "clip bytes by integers": (lambda k, x: k.ops.clip(x, 2, 6), WHOLE.astype("uint8")),
    "max_pool": (lambda k, x: k.ops.max_pool(x, 2, 2), IMAGE),
    "average_pool": (lambda k, x: k.ops.average_pool(x, 2, 2), IMAGE),
    "top_k": (lambda k, x: k.ops.top_k(x, 3), SPECIAL),
    **{
        f"from {source} to {target}": (
            lambda k, x, source=source, target=target: k.ops.cast(k.ops.cast(x, source), target),
            BEYOND,
        )
        for source in ("float32", "bfloat16", "float16")
        for target in ("int8", "int16", "int32", "uint8", "uint16", "uint32", "bool")
    },
}


def _arrays(result):
    parts = result if isinstance(result, (list, tuple)) else [result]
    arrays = [np.asarray(part) for part in parts]
    return [(array.dtype, array.astype("f8")) for array in arrays]


@pytest.mark.mostly_slow(every=4)
@pytest.mark.parametrize("name", CASES)
def test_same_as_keras(name):
    function, x = CASES[name]
    expected = _arrays(function(keras, keras.ops.convert_to_tensor(x)))
    at_once = function(pronghorn, pronghorn.ops.convert_to_tensor(x))
    compiled = pronghorn.jit(lambda x: function(pronghorn, x))(x)
    for result in (at_once, compiled):
        for (dtype, got), (wanted_dtype, wanted) in zip(_arrays(result), expected, strict=True):
            assert dtype == wanted_dtype
            np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)
            zeros = (got == 0) & (wanted == 0)
            assert np.array_equal(np.signbit(got[zeros]), np.signbit(wanted[zeros]))


@pytest.mark.parametrize("name", ["cumsum", "sum", "celu"])
def test_zeros_alone(name):
    x = np.float32([-0.0, -0.0])
    wanted = np.asarray(getattr(keras.ops, name)(x))
    op = getattr(pronghorn.ops, name)
    for got in (op(x), pronghorn.jit(op)(x)):
        np.testing.assert_array_equal(np.signbit(got), np.signbit(wanted))


KINKED = ("abs", "sign", "relu6", "leaky_relu", "hard_sigmoid", "hard_silu", "hard_tanh", "hard_shrink", "soft_shrink")
ROLLED = np.float32([1, np.nan, -np.inf, 0.0, -0.0, 1.0, 0.5, np.inf])
STEEP = {
    "cbrt": (lambda k, x: k.ops.cbrt(x), SPECIAL),
    "sparse_sigmoid": (lambda k, x: k.ops.sparse_sigmoid(x), SPECIAL[1:]),
    "floor_divide": (lambda k, x: k.ops.floor_divide(x, x[::-1]), SPECIAL),
    "floor_divide by 0": (lambda k, x: k.ops.floor_divide(1.0, x * 0), SPECIAL),
    "angle": (lambda k, x: k.ops.angle(x), SPECIAL),
    **{name: (lambda k, x, name=name: getattr(k.ops, name)(x), SPECIAL) for name in KINKED},
    **{
        name: (lambda k, x, name=name: getattr(k.ops, name)(x, ROLLED), SPECIAL)
        for name in ("maximum", "minimum", "hypot")
    },
    "logaddexp": (lambda k, x: k.ops.logaddexp(x, ROLLED[::-1]), SPECIAL[[0, 3, 4, 5, 6, 7, 7, 7]]),
    **{f"power {p}": (lambda k, x, p=p: k.ops.power(x, p), SPECIAL) for p in POWERS},
    # An infinite or NaN gradient that comes back is not hidden where an operand has no share of it.
    "log of maximum": (lambda k, x: k.ops.log(k.ops.maximum(x, 0.0)), SPECIAL),
    "log of minimum": (lambda k, x: k.ops.log(1.0 - k.ops.minimum(x, 1.0)), SPECIAL),
    "log of clip": (lambda k, x: k.ops.log(k.ops.clip(x, 0.0, 1.0)), SPECIAL),
    **{
        f"{name} of rows": (lambda k, x, name=name: getattr(k.ops, name)(x, axis=-1), SCORES)
        for name in ("max", "min", "amax")
    },
    "log of max": (lambda k, x: k.ops.log(k.ops.max(x, axis=-1)), np.float32([[0, -1], [1, 2]])),
    "maximum and 0": (lambda k, x: k.ops.maximum(0.0, x), SPECIAL),
    "minimum and 0": (lambda k, x: k.ops.minimum(x, -0.0), SPECIAL),
    "clip": (lambda k, x: k.ops.clip(x, -1.0, 1.0), SPECIAL),
    "relu with a slope": (lambda k, x: k.activations.relu(x, negative_slope=0.1), SPECIAL),
    "relu with all": (lambda k, x: k.activations.relu(x, 0.1, max_value=7.0, threshold=1.0), SPECIAL),
    "mod": (lambda k, x: k.ops.mod(x[::-1], x), SPECIAL[3:]),
    "mod by 0": (lambda k, x: k.ops.mod(2.0, x), SPECIAL[3:]),
    "mod of infinities": (lambda k, x: k.ops.mod(k.ops.sign(x) * np.inf, x), SPECIAL[5:]),
}


@pytest.mark.mostly_slow(every=4)
@pytest.mark.parametrize("name", STEEP)
def test_same_gradients_as_keras(name):
    """At corners, at jumps and where a function is infinitely steep."""
    import jax

    function, x = STEEP[name]
    wanted = jax.grad(lambda x: function(keras, x).sum())(x)

    def gradient(x):
        with pronghorn.GradientTape() as tape:
            tape.watch(x)
            y = pronghorn.ops.sum(function(pronghorn, x))
        found = tape.gradient(y, x)
        return pronghorn.ops.zeros_like(x) if found is None else found

    for got in (gradient(pronghorn.ops.convert_to_tensor(x)), pronghorn.jit(gradient)(x)):
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("target", ["int8", "int32", "uint8", "uint32", "int64"])
def test_one_meaning_of_a_cast_wherever_it_is_asked_for(target):
    """NumPy leaves open what becomes of floats that a type does not have: arrays of NumPy are converted alike."""
    ops, x = pronghorn.ops, pronghorn.ops.convert_to_tensor(BEYOND)
    expected = ops.cast(x, target).numpy()
    for got in (
        ops.cast(BEYOND, target),
        ops.convert_to_tensor(BEYOND, dtype=target),
        ops.array(BEYOND, dtype=target),
        ops.array(BEYOND.astype("f8"), dtype=target),
        x.astype(target),
        pronghorn.jit(lambda x: ops.cast(x, target))(BEYOND),
        pronghorn.Variable(BEYOND, dtype=target).value,
    ):
        np.testing.assert_array_equal(got, expected)
    info = np.iinfo(target)
    assert expected[0] == 0 and expected[1] == info.max and expected[2] == info.min
    assert ops.full((2,), 1e30, dtype=target).tolist() == [info.max] * 2


_OTHERS = {"Loss", "CTC", "Circle"}  # take something else
LOSSES = [
    name
    for name in sorted(pronghorn.losses.__all__)
    if name[0].isupper() and name not in _OTHERS and hasattr(keras.losses, name)  # some are of a newer Keras
]
NOT_A_NUMBER = {"one": [[0.2, NAN, 0.3], [0.1, 0.7, 0.2]], "all": [[NAN] * 3] * 2}
BEYOND_THE_REST = {str(x): [[0.2, x, 0.3], [0.1, 0.7, 0.2]] for x in (INF, -INF, 0.0, -0.0, 1.0)}


@pytest.mark.slow
@pytest.mark.parametrize("name", LOSSES)
def test_gradients_of_losses(name):
    """A prediction that is NaN or infinite is no minimum of a loss: its gradient is what it is in Keras."""
    import jax

    y = np.float32([[0, 1, 0], [1, 0, 0]])
    if name.startswith("Sparse") or name == "CategoricalGeneralizedCrossEntropy":
        y = np.int32([1, 0])
    theirs, ours = (getattr(k.losses, name)(reduction="sum") for k in (keras, pronghorn))
    gradient = pronghorn.jit(pronghorn.grad(lambda p: ours(y, p)))
    for case, values in {**NOT_A_NUMBER, **BEYOND_THE_REST}.items():
        p = np.float32(values)
        wanted = np.asarray(jax.grad(lambda p: theirs(y, p))(p))
        np.testing.assert_allclose(gradient(p), wanted, rtol=1e-5, atol=1e-6, err_msg=case)
