"""`Model.profile`: where a step's time goes."""

import numpy as np
import pytest

import pronghorn as keras
from pronghorn.engine.runtime.peak import peak_gflops

X, Y = np.ones((24, 6), "float32"), np.zeros((24, 2), "float32")


def a_model(**compiling):
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(16, "relu", name="hidden"), keras.layers.Dense(2)])
    model.compile("adam", "mse", metrics=["mae"], **compiling)
    return model


def test_the_rows_name_layers_gradients_optimizer_and_metrics():
    profile = a_model().profile(X, Y, batch_size=8, steps=3, verbose=0)
    layers = " ".join(profile.layers)
    assert profile.steps == 3
    assert profile.ms > 0
    for name in ("hidden", "hidden (gradient)", "adam", "mae"):
        assert name in layers
    assert sum(row.share for row in profile.kernels) == pytest.approx(1)
    contraction = next(row for row in profile.kernels if row.gflops and row.layer.endswith("/hidden"))
    assert 0 < contraction.peak < 1.2
    assert contraction.nbytes >= 4 * (8 * 6 + 6 * 16 + 8 * 16)


def test_the_model_is_as_before():
    model = a_model()
    model.fit(X, Y, epochs=1, verbose=0)
    before = [v.numpy().copy() for v in [*model.variables, *model.optimizer.variables]]
    model.profile(X, Y, steps=2, verbose=0)
    after = [v.numpy() for v in [*model.variables, *model.optimizer.variables]]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def test_it_prints_a_table_that_fits(capsys):
    a_model().profile(X, Y, steps=2)
    printed = capsys.readouterr().out
    assert "train_step" in printed
    assert "% of peak" in printed
    assert max(map(len, printed.splitlines())) <= 120


def test_predictions_need_no_compile(capsys):
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(2)])
    assert model.profile(X, step="predict", steps=1, verbose=0).kernels
    with pytest.raises(ValueError, match="compile"):
        model.profile(X, Y)


@pytest.mark.parametrize(("arguments", "said"), [({"step": "fit"}, "'train', 'test'"), ({"steps": 0}, "positive")])
def test_wrong_arguments(arguments, said):
    with pytest.raises(ValueError, match=said):
        a_model().profile(X, Y, **arguments)


def test_an_eager_model_has_no_kernels():
    with pytest.raises(RuntimeError, match="run_eagerly=False"):
        a_model(run_eagerly=True).profile(X, Y)


def test_the_peak_is_that_of_a_cpu():
    assert 1 < peak_gflops() < 2000


def test_work_in_a_loop_counts_for_each_time():
    model = keras.Sequential([keras.Input((6, 32)), keras.layers.LSTM(64)])
    profile = model.profile(np.ones((64, 6, 32), "float32"), batch_size=64, steps=3, step="predict", verbose=0)
    done = [round(row.gflops * row.ms * 1e6) for row in profile.kernels if row.gflops]
    products = [2 * 64 * 6 * columns * 256 for columns in (64, 32)]  # of the states, step by step, and of the inputs
    assert sorted(done) == pytest.approx(sorted(products), rel=1e-6)
