"""Models as scikit-learn's estimators, in its pipelines and searches."""

import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import pronghorn as keras
from pronghorn.wrappers import SKLearnClassifier, SKLearnRegressor, SKLearnTransformer


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 4))
    return x, x[:, 0] + x[:, 1]


def network(X, y, units=16, loss="mse", activation=None):
    outputs = y.shape[1] if y is not None and y.ndim > 1 else 1
    model = keras.Sequential(
        [
            keras.Input((X.shape[1],)),
            keras.layers.Dense(units, activation="relu"),
            keras.layers.Dense(outputs, activation=activation),
        ]
    )
    model.compile(keras.optimizers.Adam(0.05), loss)
    return model


SOFTMAX = {"loss": "categorical_crossentropy", "activation": "softmax"}
QUIET = {"verbose": 0, "epochs": 20}


def test_classifier(data):
    keras.utils.set_random_seed(0)
    x, score = data
    labels = np.where(score > 0, "high", "low")
    classifier = SKLearnClassifier(network, model_kwargs=SOFTMAX, fit_kwargs=QUIET)
    with pytest.raises(NotFittedError):
        classifier.predict(x)
    pipeline = make_pipeline(StandardScaler(), classifier).fit(x, labels)
    assert pipeline.score(x, labels) > 0.9 and set(pipeline.predict(x)) == {"high", "low"}
    assert pipeline[-1].decision_function(x).shape == (120, 2) and "loss" in pipeline[-1].history_
    with pytest.raises(ValueError, match="3 features"):
        pipeline[-1].predict(x[:, :3])


def test_regressor_in_a_search(data):
    keras.utils.set_random_seed(0)
    x, y = data
    search = GridSearchCV(
        SKLearnRegressor(network, fit_kwargs=QUIET), {"model_kwargs": [{"units": 2}, {"units": 16}]}, cv=2
    )
    assert search.fit(x, y).score(x, y) > 0.8 and search.predict(x).shape == (120,)
    two = SKLearnRegressor(network, fit_kwargs=QUIET).fit(x, np.stack([y, y], 1))
    assert two.predict(x).shape == (120, 2)


def test_transformer_of_a_compiled_model(data):
    x, _ = data
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)])
    model.compile("adam", "mse")
    before = model.get_weights()[0]
    transformer = SKLearnTransformer(model, fit_kwargs=QUIET)
    assert transformer.fit(x, x).transform(x).shape == (120, 4)
    np.testing.assert_array_equal(model.get_weights()[0], before)  # the model itself is cloned, not trained
    warm = clone(transformer).set_params(warm_start=True, model=model).fit(x, x)
    assert warm.model_ is model


def test_a_fitted_estimator_pickles(data):
    x, y = data
    regressor = SKLearnRegressor(network, fit_kwargs={"verbose": 0}).fit(x, y)
    copy = pickle.loads(pickle.dumps(regressor))
    np.testing.assert_allclose(copy.predict(x), regressor.predict(x), rtol=1e-6)


def test_a_model_that_is_not_compiled_is_refused(data):
    x, y = data
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    with pytest.raises(RuntimeError, match="not compiled"):
        SKLearnRegressor(model).fit(x, y)
