"""Made by `python docs/make_stubs.py` from the tables of names; do not edit."""

from pronghorn.losses.loss import Loss as Loss
from pronghorn.losses.loss import LossFunctionWrapper
from pronghorn.losses.margin import categorical_hinge as categorical_hinge
from pronghorn.losses.margin import circle as circle
from pronghorn.losses.margin import hinge as hinge
from pronghorn.losses.margin import squared_hinge as squared_hinge
from pronghorn.losses.probabilistic import binary_crossentropy as binary_crossentropy
from pronghorn.losses.probabilistic import binary_focal_crossentropy as binary_focal_crossentropy
from pronghorn.losses.probabilistic import categorical_crossentropy as categorical_crossentropy
from pronghorn.losses.probabilistic import categorical_focal_crossentropy as categorical_focal_crossentropy
from pronghorn.losses.probabilistic import categorical_generalized_cross_entropy as categorical_generalized_cross_entropy
from pronghorn.losses.probabilistic import ctc as ctc
from pronghorn.losses.probabilistic import kl_divergence as kl_divergence
from pronghorn.losses.probabilistic import poisson as poisson
from pronghorn.losses.probabilistic import sparse_categorical_crossentropy as sparse_categorical_crossentropy
from pronghorn.losses.probabilistic import sparse_categorical_focal_crossentropy as sparse_categorical_focal_crossentropy
from pronghorn.losses.registry import deserialize as deserialize
from pronghorn.losses.registry import get as get
from pronghorn.losses.registry import serialize as serialize
from pronghorn.losses.regression import cosine_similarity as cosine_similarity
from pronghorn.losses.regression import huber as huber
from pronghorn.losses.regression import log_cosh as log_cosh
from pronghorn.losses.regression import mean_absolute_error as mean_absolute_error
from pronghorn.losses.regression import mean_absolute_percentage_error as mean_absolute_percentage_error
from pronghorn.losses.regression import mean_squared_error as mean_squared_error
from pronghorn.losses.regression import mean_squared_logarithmic_error as mean_squared_logarithmic_error
from pronghorn.losses.segmentation import dice as dice
from pronghorn.losses.segmentation import tversky as tversky
from pronghorn.losses.wrappers import BinaryCrossentropy as BinaryCrossentropy
from pronghorn.losses.wrappers import BinaryFocalCrossentropy as BinaryFocalCrossentropy
from pronghorn.losses.wrappers import CategoricalCrossentropy as CategoricalCrossentropy
from pronghorn.losses.wrappers import CategoricalFocalCrossentropy as CategoricalFocalCrossentropy
from pronghorn.losses.wrappers import CategoricalGeneralizedCrossEntropy as CategoricalGeneralizedCrossEntropy
from pronghorn.losses.wrappers import Circle as Circle
from pronghorn.losses.wrappers import CosineSimilarity as CosineSimilarity
from pronghorn.losses.wrappers import Dice as Dice
from pronghorn.losses.wrappers import Huber as Huber
from pronghorn.losses.wrappers import SparseCategoricalCrossentropy as SparseCategoricalCrossentropy
from pronghorn.losses.wrappers import SparseCategoricalFocalCrossentropy as SparseCategoricalFocalCrossentropy
from pronghorn.losses.wrappers import Tversky as Tversky
from typing import Any

class CTC(LossFunctionWrapper):
    """The connectionist temporal classification loss; see `losses.ctc`.

    Args:
        reduction: how the values of the samples are combined; see `Loss`.
        name: its name in logs.
        dtype: the type to compute in; `config.floatx()` by default.

    Example:

    >>> loss = CTC()
    >>> round(float(loss([[1]], [[[0.0, 1.0], [1.0, 0.0]]])), 4)
    0.2189
    """
    def __init__(self, reduction: str | None = 'sum_over_batch_size', name: str = 'ctc', dtype: Any = None) -> None: ...

class CategoricalHinge(LossFunctionWrapper):
    """The hinge loss of one-hot labels.

    Args:
        reduction: how the values of the samples are combined; see `Loss`.
        name: its name in logs.
        dtype: the type to compute in; `config.floatx()` by default.

    Example:

    >>> loss = CategoricalHinge()
    >>> round(float(loss([[0.0, 1.0]], [[0.4, 0.6]])), 4)
    0.8
    """
    def __init__(self, reduction: str | None = 'sum_over_batch_size', name: str = 'categorical_hinge', dtype: Any = None) -> None: ...

class Hinge(LossFunctionWrapper):
    """The hinge loss, for labels -1 and 1.

    Args:
        reduction: how the values of the samples are combined; see `Loss`.
        name: its name in logs.
        dtype: the type to compute in; `config.floatx()` by default.

    Example:

    >>> loss = Hinge()
    >>> round(float(loss([[-1.0, 1.0]], [[-0.5, 2.0]])), 4)
    0.25
    """
    def __init__(self, reduction: str | None = 'sum_over_batch_size', name: str = 'hinge', dtype: Any = None) -> None: ...

class KLDivergence(LossFunctionWrapper):
    """The Kullback-Leibler divergence of distributions.

    Args:
        reduction: how the values of the samples are combined; see `Loss`.
        name: its name in logs.
        dtype: the type to compute in; `config.floatx()` by default.

    Example:

    >>> loss = KLDivergence()
    >>> round(float(loss([[0.5, 0.5]], [[0.25, 0.75]])), 4)
    0.1438
    """
    def __init__(self, reduction: str | None = 'sum_over_batch_size', name: str = 'kl_divergence', dtype: Any = None) -> None: ...

class LogCosh(LossFunctionWrapper):
    """The mean of `log(cosh(error))`.

    Args:
        reduction: how the values of the samples are combined; see `Loss`.
        name: its name in logs.
        dtype: the type to compute in; `config.floatx()` by default.

    Example:

    >>> loss = LogCosh()
    >>> round(float(loss([[1.0, 2.0]], [[2.0, 4.0]])), 4)
    0.8794
    """
    def __init__(self, reduction: str | None = 'sum_over_batch_size', name: str = 'log_cosh', dtype: Any = None) -> None: ...

class MeanAbsoluteError(LossFunctionWrapper):
    """The mean of the absolute errors.

    Args:
        reduction: how the values of the samples are combined; see `Loss`.
        name: its name in logs.
        dtype: the type to compute in; `config.floatx()` by default.

    Example:

    >>> loss = MeanAbsoluteError()
    >>> round(float(loss([[1.0, 2.0]], [[2.0, 4.0]])), 4)
    1.5
    """
    def __init__(self, reduction: str | None = 'sum_over_batch_size', name: str = 'mean_absolute_error', dtype: Any = None) -> None: ...

class MeanAbsolutePercentageError(LossFunctionWrapper):
    """The mean of the absolute errors in per cent of the targets.

    Args:
        reduction: how the values of the samples are combined; see `Loss`.
        name: its name in logs.
        dtype: the type to compute in; `config.floatx()` by default.

    Example:

    >>> loss = MeanAbsolutePercentageError()
    >>> round(float(loss([[1.0, 2.0]], [[2.0, 4.0]])), 4)
    100.0
    """
    def __init__(self, reduction: str | None = 'sum_over_batch_size', name: str = 'mean_absolute_percentage_error', dtype: Any = None) -> None: ...

class MeanSquaredError(LossFunctionWrapper):
    """The mean of the squared errors.

    Args:
        reduction: how the values of the samples are combined; see `Loss`.
        name: its name in logs.
        dtype: the type to compute in; `config.floatx()` by default.

    Example:

    >>> loss = MeanSquaredError()
    >>> round(float(loss([[1.0, 2.0]], [[2.0, 4.0]])), 4)
    2.5
    """
    def __init__(self, reduction: str | None = 'sum_over_batch_size', name: str = 'mean_squared_error', dtype: Any = None) -> None: ...

class MeanSquaredLogarithmicError(LossFunctionWrapper):
    """The mean of the squared differences of the logarithms.

    Args:
        reduction: how the values of the samples are combined; see `Loss`.
        name: its name in logs.
        dtype: the type to compute in; `config.floatx()` by default.

    Example:

    >>> loss = MeanSquaredLogarithmicError()
    >>> round(float(loss([[1.0, 2.0]], [[2.0, 4.0]])), 4)
    0.2127
    """
    def __init__(self, reduction: str | None = 'sum_over_batch_size', name: str = 'mean_squared_logarithmic_error', dtype: Any = None) -> None: ...

class Poisson(LossFunctionWrapper):
    """The Poisson loss, for counts.

    Args:
        reduction: how the values of the samples are combined; see `Loss`.
        name: its name in logs.
        dtype: the type to compute in; `config.floatx()` by default.

    Example:

    >>> loss = Poisson()
    >>> round(float(loss([[1.0, 2.0]], [[2.0, 4.0]])), 4)
    1.2671
    """
    def __init__(self, reduction: str | None = 'sum_over_batch_size', name: str = 'poisson', dtype: Any = None) -> None: ...

class SquaredHinge(LossFunctionWrapper):
    """The squared hinge loss.

    Args:
        reduction: how the values of the samples are combined; see `Loss`.
        name: its name in logs.
        dtype: the type to compute in; `config.floatx()` by default.

    Example:

    >>> loss = SquaredHinge()
    >>> round(float(loss([[-1.0, 1.0]], [[-0.5, 2.0]])), 4)
    0.125
    """
    def __init__(self, reduction: str | None = 'sum_over_batch_size', name: str = 'squared_hinge', dtype: Any = None) -> None: ...
