"""NaN in the data: trained on where the model fills them or the loss leaves them out, refused where they spoil it."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import pronghorn
from pronghorn import layers, ops
from pronghorn.data import RaggedTensor
from pronghorn.trainers import missing


@pytest.fixture
def holes():
    """Inputs (40, 4) and targets (40, 2), float32, and the same with NaN in some places."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 4)).astype("float32"), rng.normal(size=(40, 2)).astype("float32")
    return x, y, np.where(rng.random(x.shape) < 0.2, np.nan, x), np.where(rng.random(y.shape) < 0.3, np.nan, y)


def _filled(x):
    return ops.where(ops.isnan(x), 0.0, x)


def _masked(y_true, y_pred):
    missing = ops.isnan(y_true)
    squares = ops.where(missing, 0.0, ops.square(ops.where(missing, 0.0, y_true) - y_pred))
    return ops.sum(squares) / ops.sum(ops.cast(~missing, "float32"))


def _model(first=None, loss="mse", **options):
    pronghorn.utils.set_random_seed(3)
    parts = [pronghorn.Input((4,)), *([layers.Lambda(first)] if first else []), layers.Dense(2), layers.Dropout(0.2)]
    model = pronghorn.Sequential(parts)
    model.compile(pronghorn.optimizers.Adam(0.01), loss, **options)
    return model


def _state(model):
    variables = [*model.variables, *model.optimizer.variables]
    return [v.numpy().tobytes() for v in variables]


def _fails(model, *args, words=(), **options):
    with pytest.raises(ValueError) as caught:
        model.fit(*args, verbose=0, **options)
    message = str(caught.value)
    for word in (*words, "NaN", "lost in one step"):
        assert word in message, message


@pytest.mark.parametrize("options", [{}, {"run_eagerly": True}, {"steps_per_execution": 2}])
def test_gaps_that_the_first_layer_fills(holes, options):
    x, y, gaps, _ = holes
    model = _model(_filled, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        history = model.fit(gaps, y, batch_size=8, epochs=2, verbose=0, validation_split=0.25)
        result = model.evaluate(gaps, y, verbose=0)
    other = _model(_filled, **options)
    expected = other.fit(np.nan_to_num(gaps), y, batch_size=8, epochs=2, verbose=0, validation_split=0.25)
    assert history.history == expected.history
    assert result == other.evaluate(np.nan_to_num(gaps), y, verbose=0)
    assert _state(model) == _state(other)


def test_labels_that_the_loss_leaves_out(holes):
    x, _, _, gaps = holes
    model = _model(loss=_masked)
    history = model.fit(x, gaps, batch_size=8, epochs=3, verbose=0, validation_data=(x, gaps))
    assert np.isfinite([*history.history["loss"], *history.history["val_loss"]]).all()
    assert np.isfinite(model.get_weights()[0]).all()
    assert np.isfinite(model.evaluate(x, gaps, verbose=0))


@pytest.mark.parametrize("backend", ["numpy", "llvm"])
@pytest.mark.parametrize("eager", [False, True])
def test_nothing_changes_where_they_spoil_the_model(holes, backend, eager, monkeypatch):
    monkeypatch.setenv("PRONGHORN_BACKEND", backend)
    x, y, gaps, _ = holes
    model, other = _model(run_eagerly=eager), _model(run_eagerly=eager)
    for each in (model, other):
        each.fit(x, y, batch_size=8, shuffle=False, verbose=0)
    before = _state(model)
    _fails(model, gaps, y, words=["`x` holds", "among its 160 numbers", "columns 0, 1, 2, 3", "makes the loss"])
    assert _state(model) == before
    for each in (model, other):
        each.fit(x, y, batch_size=8, shuffle=False, verbose=0)
    assert _state(model) == _state(other)


@pytest.mark.parametrize("size", [1, 8, 40])
def test_samples_of_a_late_batch_are_tried_first(holes, size):
    x, y, _, _ = holes
    gaps = x.copy()
    gaps[35, 1] = np.nan
    model = _model()
    before = _state(model)
    _fails(model, gaps, y, batch_size=size, shuffle=False, words=["(35, 1)", "column 1"])
    assert _state(model)[: len(model.variables)] == before[: len(model.variables)]
    assert not np.any([np.any(v.numpy()) for v in model.optimizer.variables if "momentum" in v.path])


def test_labels_of_which_most_are_missing(holes):
    x, y, _, _ = holes
    labels = np.full_like(y, np.nan)
    labels[30:] = y[30:]
    history = _model(loss=_masked).fit(x, labels, batch_size=16, verbose=0)  # with some labels in each batch
    assert np.isfinite(history.history["loss"]).all()


def test_a_gradient_that_is_nan_where_the_loss_is_a_number(holes):
    x, y, gaps, _ = holes

    def late(x):  # where's other branch has a gradient, too
        return ops.where(ops.isnan(x), 0.0, ops.sqrt(ops.abs(x)))

    model = pronghorn.Sequential([pronghorn.Input((4,)), layers.Dense(4), layers.Lambda(late), layers.Dense(2)])
    model.compile("sgd", "mse")
    before = _state(model)
    _fails(model, gaps, y, words=["not the loss, but its gradient"])
    assert _state(model) == before


def test_each_array_with_gaps_is_tried(holes):
    x, y, x_gaps, y_gaps = holes
    x_gaps[20:], y_gaps[:20] = x[20:], y[:20]  # the first batches have none in y
    model = _model(_filled)
    _fails(model, x_gaps, y_gaps, batch_size=8, shuffle=False, words=["`y` holds"])
    assert np.isfinite(model.get_weights()[0]).all()
    weights = np.ones(40, "float32")
    weights[7] = np.nan
    _fails(_model(), x, y, sample_weight=weights, words=["`sample_weight` holds 1 NaN", "(7,)"])


def test_several_outputs(holes):
    x, y, _, gaps = holes
    inputs = pronghorn.Input((4,))
    model = pronghorn.Model(inputs, {name: layers.Dense(2, name=name)(inputs) for name in ("a", "b")})
    model.compile("sgd", {"a": "mse", "b": "mse"})
    _fails(model, x, {"a": y, "b": gaps}, words=["`y['b']` holds"])
    model.compile("sgd", {"a": "mse", "b": _masked})
    assert np.isfinite(model.fit(x, {"a": y, "b": gaps}, verbose=0).history["loss"]).all()


def test_a_step_and_optimizers_of_ones_own(holes):
    x, y, gaps, _ = holes

    class Own(pronghorn.Model):
        def __init__(self):
            super().__init__()
            self.dense, self.own = layers.Dense(2), pronghorn.optimizers.Adam()

        def call(self, x):
            return self.dense(x)

        def train_step(self, data):
            x, y = data
            with pronghorn.GradientTape() as tape:
                error = ops.mean(ops.square(self(x) - y))
            weights = self.trainable_variables
            self.own.apply(tape.gradient(error, weights), weights)
            return {"error": error}

    model = Own()
    model.compile()
    model.fit(x, y, verbose=0)
    before = [v.numpy().tobytes() for v in (*model.variables, *model.own.variables)]
    _fails(model, gaps, y, words=["`x` holds"])
    assert [v.numpy().tobytes() for v in (*model.variables, *model.own.variables)] == before


class _Holder:
    """An object that nobody looks into."""

    def __init__(self, **held):
        vars(self).update(held)


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize(
    "kept",
    [lambda o: [o], lambda o: {"a": (o,)}, lambda o: _Holder(o=o), lambda o: lambda: o],
    ids=["list", "nested", "object", "closure"],
)
def test_the_trial_leaves_what_the_step_changes_wherever_it_is_kept(holes, kept, eager):
    x, y, gaps, _ = holes

    class Own(pronghorn.Model):
        def __init__(self, own, count):
            super().__init__()
            self.dense, self.own, self.count = layers.Dense(2), kept(own), kept(count)
            self.step_with = lambda: (own, count)

        def call(self, x):
            return self.dense(_filled(x))

        def train_step(self, data):
            x, y = data
            own, count = self.step_with()
            with pronghorn.GradientTape() as tape:
                loss = ops.mean(ops.square(self(x) - y))
            own.apply(tape.gradient(loss, self.trainable_variables), self.trainable_variables)
            count.assign_add(1)
            return {"loss": loss}

    found = []
    for data in (gaps, np.nan_to_num(gaps)):
        pronghorn.utils.set_random_seed(3)
        own, count = pronghorn.optimizers.Adam(), pronghorn.Variable(0, dtype="int32", trainable=False)
        model = Own(own, count)
        model.compile(run_eagerly=eager)
        losses = model.fit(data, y, batch_size=8, epochs=2, verbose=0).history["loss"]
        assert int(count.numpy()) == int(own.iterations.numpy()) == 10
        found.append((losses, [v.numpy().tobytes() for v in (*model.variables, *own.variables)]))
    assert found[0] == found[1]


def test_generators(holes):
    x, y, gaps, _ = holes
    model = _model()
    model.fit(x, y, verbose=0)
    before = _state(model)
    _fails(model, iter([(gaps, y), (x, y)]), words=["`x` of the first batch holds"])
    assert _state(model) == before
    _model(_filled).fit(iter([(gaps, y), (x, y)]), verbose=0)
    assert np.isnan(model.fit(iter([(x, y), (gaps, y)]), verbose=0).history["loss"]).all()  # later ones: as in Keras


def test_rows_of_different_lengths(holes):
    rows = RaggedTensor.from_row_lengths(np.array([[1.0], [2.0], [np.nan], [3.0]], "float32"), [2, 1, 1])
    inputs = pronghorn.Input((None, 1), ragged=True)
    model = pronghorn.Model(inputs, layers.Dense(1)(layers.GlobalAveragePooling1D()(inputs)))
    model.compile("sgd", "mse")
    _fails(model, rows, np.ones((3, 1)), words=["`x` holds 1 NaN"])


def test_callbacks_that_stop_get_their_turn(holes, capsys):
    x, y, gaps, _ = holes
    with pytest.warns(UserWarning, match="`x` holds"):
        history = _model().fit(gaps, y, epochs=5, verbose=0, callbacks=[pronghorn.callbacks.TerminateOnNaN()])
    assert len(history.history["loss"]) == 1
    assert "training stops" in capsys.readouterr().out


def test_results_that_are_nan_are_told_once(holes):
    x, y, gaps, labels = holes
    model = _model()
    with pytest.warns(UserWarning, match="`x` holds.*columns 0, 1, 2, 3") as told:
        assert np.isnan(model.evaluate(gaps, y, verbose=0))
    assert len(told) == 1
    with pytest.warns(UserWarning, match="`y` holds") as told:
        history = model.fit(x, y, epochs=3, verbose=0, validation_data=(x, labels))
    assert len(told) == 1
    assert np.isnan(history.history["val_loss"]).all()
    assert np.isfinite(history.history["loss"]).all()


def test_a_batch_all_of_whose_labels_are_missing_is_told(holes):
    x, _, _, gaps = holes
    gaps[-8:] = np.nan  # the mean of none
    with pytest.warns(UserWarning, match="`y` holds") as told:
        _model(loss=_masked).fit(x, gaps, batch_size=8, shuffle=False, epochs=2, verbose=0)
    assert len(told) == 1


def test_single_batches(holes):
    x, y, gaps, _ = holes
    model = _model()
    with pytest.warns(UserWarning, match="test_on_batch: `x` of the batch holds NaN, and the loss is NaN"):
        assert np.isnan(model.test_on_batch(gaps, y))
    with pytest.warns(UserWarning, match="train_on_batch: .* so are the weights"):
        assert np.isnan(model.train_on_batch(gaps, y))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isfinite(_model(_filled).train_on_batch(gaps, y))


def test_a_model_that_was_spoiled_before_is_not_blamed_on_the_data(holes):
    x, y, gaps, _ = holes
    model = _model(_filled)
    model.set_weights([np.full(w.shape, np.nan, w.dtype) for w in model.get_weights()])
    with pytest.warns(UserWarning, match="NaN"):
        model.fit(gaps, y, verbose=0)


def test_data_without_gaps_is_not_tried(holes, monkeypatch):
    x, y, _, _ = holes
    tried = []
    monkeypatch.setattr(missing, "_spoiled", lambda *args: tried.append(args))
    _model().fit(x, y, verbose=0)
    _model().fit(iter([(x, y)]), verbose=0)
    assert not tried


def test_infinities_are_told(holes):
    x, y, _, _ = holes
    x[3, 2] = -np.inf
    with pytest.warns(UserWarning, match=r"infinite values, the first at index \(3, 2\)"):
        _model(lambda x: ops.clip(x, -5.0, 5.0)).fit(x, y, verbose=0)
