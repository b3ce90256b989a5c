"""Models as estimators of scikit-learn: classifiers, regressors and transformers."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from pronghorn._extras import install_command
from pronghorn.models import Model, clone_model

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin
    from sklearn.exceptions import NotFittedError
except ImportError:
    raise ImportError(
        f"The wrappers need scikit-learn; to install it: {install_command('sklearn')}", name="sklearn"
    ) from None

from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_array, check_X_y, column_or_1d


class _Wrapper:
    """What the three wrappers share: making the model, and fitting it."""

    def __init__(
        self,
        model: Any,
        warm_start: bool = False,
        model_kwargs: dict[str, Any] | None = None,
        fit_kwargs: dict[str, Any] | None = None,
    ) -> None:
        self.model = model
        self.warm_start = warm_start
        self.model_kwargs = model_kwargs
        self.fit_kwargs = fit_kwargs

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        # A network trained for a few epochs is not held to the scores that scikit-learn expects of its estimators.
        for kind in (tags.classifier_tags, tags.regressor_tags):
            if kind is not None:
                kind.poor_score = True
        if tags.transformer_tags is not None:
            tags.transformer_tags.preserves_dtype = []
        tags.non_deterministic = True
        return tags

    def _make_model(self, x: np.ndarray, y: Any) -> Any:
        name = type(self).__name__
        if not isinstance(self.model, Model):
            model = self.model(x, y, **(self.model_kwargs or {}))
        elif self.warm_start:
            model = self.model
        else:
            model = clone_model(self.model)
            if self.model.optimizer is not None:
                model.compile_from_config(copy.deepcopy(self.model.get_compile_config()))
        if getattr(model, "loss", None) is None and getattr(model, "optimizer", None) is None:
            raise RuntimeError(f"{name}: the model is not compiled; call model.compile(...) first.")
        return model

    def _fit(self, x: np.ndarray, y: Any, **kwargs: Any) -> None:
        if self.warm_start and hasattr(self, "model_"):
            model = self.model_
        else:
            model = self._make_model(x, y)
        history = model.fit(x, y, **{**(self.fit_kwargs or {}), **kwargs})
        self.model_ = model
        self.history_ = history.history

    @property
    def epoch_(self) -> int:
        """How many epochs the last fit took; 0 before one."""
        return len(next(iter(getattr(self, "history_", {}).values()), ()))

    def _checked(self, x: Any) -> np.ndarray:
        if not hasattr(self, "model_"):
            raise NotFittedError(f"{type(self).__name__} is not fitted yet; call fit first.")
        x = check_array(x)
        if x.shape[1] != self.n_features_in_:
            raise ValueError(
                f"X has {x.shape[1]} features, but {type(self).__name__} is expecting {self.n_features_in_} features "
                "as input."
            )
        return x


def _is_object(y: Any) -> bool:
    return np.asarray(y).dtype == object


class SKLearnClassifier(_Wrapper, ClassifierMixin, BaseEstimator):
    """A classifier for scikit-learn.

    Args:
        model: a compiled model, which is cloned for each fit, or a function of `(X, y, **model_kwargs)` that returns
            one.
        warm_start: whether a fit goes on from the weights of the one before.
        model_kwargs: arguments for the function.
        fit_kwargs: arguments for `model.fit`.

    Attributes:
        model_, history_, classes_: the fitted model, its history, and the labels.

    >>> import numpy as np
    >>> from pronghorn import layers, models
    >>> def network(X, y):
    ...     model = models.Sequential([layers.Input(X.shape[1:]), layers.Dense(2, activation="softmax")])
    ...     model.compile("adam", "categorical_crossentropy")
    ...     return model
    >>> x, y = np.random.default_rng(0).normal(size=(40, 3)), np.array(["no", "yes"] * 20)
    >>> classifier = SKLearnClassifier(network, fit_kwargs={"epochs": 1, "verbose": 0}).fit(x, y)
    >>> set(classifier.predict(x)) <= {"no", "yes"}
    True
    """

    def fit(self, X: Any, y: Any, **kwargs: Any) -> SKLearnClassifier:
        """Train on samples `X` of shape `(n, features)` and their labels `y`."""
        X, y = check_X_y(X, y, multi_output=True)
        kind = type_of_target(y, raise_unknown=True)
        if kind not in ("binary", "multiclass"):
            raise ValueError(f"Unknown label type: {kind}. {type(self).__name__} only supports classification.")
        self.classes_, numbers = np.unique(column_or_1d(y, warn=True), return_inverse=True)
        self.n_features_in_ = X.shape[1]
        self._fit(X, np.eye(len(self.classes_))[numbers], **kwargs)
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """Return what the model gives, a score for each class."""
        X = self._checked(X)
        return np.asarray(self.model_.predict(X, verbose=0))

    def predict(self, X: Any) -> np.ndarray:
        """Return the likeliest label of each sample."""
        X = self._checked(X)
        return self.classes_[np.argmax(self.model_.predict(X, verbose=0), axis=-1)]


class SKLearnRegressor(_Wrapper, RegressorMixin, BaseEstimator):
    """A regressor for scikit-learn; see `SKLearnClassifier` for the arguments.

    >>> import numpy as np
    >>> from pronghorn import layers, models
    >>> def network(X, y):
    ...     model = models.Sequential([layers.Input(X.shape[1:]), layers.Dense(1)])
    ...     model.compile("adam", "mse")
    ...     return model
    >>> x = np.random.default_rng(0).normal(size=(40, 3))
    >>> regressor = SKLearnRegressor(network, fit_kwargs={"epochs": 1, "verbose": 0}).fit(x, x[:, 0])
    >>> regressor.predict(x).shape
    (40,)
    """

    def fit(self, X: Any, y: Any, **kwargs: Any) -> SKLearnRegressor:
        """Train on samples `X` of shape `(n, features)` and their targets `y`."""
        X, y = check_X_y(X, y, multi_output=True, y_numeric=True)
        self.n_features_in_ = X.shape[1]
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        self._one_target = y.ndim == 1
        self._fit(X, y[:, None] if self._one_target else y, **kwargs)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return the target of each sample."""
        X = self._checked(X)
        values = np.asarray(self.model_.predict(X, verbose=0))
        return values[:, 0] if self._one_target and values.ndim == 2 and values.shape[1] == 1 else values


class SKLearnTransformer(_Wrapper, TransformerMixin, BaseEstimator):
    """A transformer for scikit-learn; see `SKLearnClassifier` for the arguments.

    >>> import numpy as np
    >>> from pronghorn import layers, models
    >>> def network(X, y):
    ...     model = models.Sequential([layers.Input(X.shape[1:]), layers.Dense(2)])
    ...     model.compile("adam", "mse")
    ...     return model
    >>> x = np.random.default_rng(0).normal(size=(40, 3))
    >>> transformer = SKLearnTransformer(network, fit_kwargs={"epochs": 1, "verbose": 0}).fit(x, x[:, :2])
    >>> transformer.transform(x).shape, transformer.predict(x).shape
    ((40, 2), (40, 2))
    """

    def fit(self, X: Any, y: Any = None, **kwargs: Any) -> SKLearnTransformer:
        """Train on samples `X` of shape `(n, features)`, and targets `y` if the model wants them."""
        X = check_array(X)
        self.n_features_in_ = X.shape[1]
        self._fit(X, None if y is None else np.asarray(y, dtype="float64" if _is_object(y) else None), **kwargs)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return what the model gives for each sample."""
        X = self._checked(X)
        return np.asarray(self.model_.predict(X, verbose=0))

    def predict(self, X: Any) -> np.ndarray:
        """Return what the model gives for each sample: the same as `transform`."""
        return self.transform(X)
