"""Made by `python docs/make_stubs.py` from the tables of names; do not edit."""

from pronghorn.losses import binary_crossentropy as binary_crossentropy
from pronghorn.losses import binary_focal_crossentropy as binary_focal_crossentropy
from pronghorn.losses import categorical_crossentropy as categorical_crossentropy
from pronghorn.losses import categorical_focal_crossentropy as categorical_focal_crossentropy
from pronghorn.losses import categorical_hinge as categorical_hinge
from pronghorn.losses import hinge as hinge
from pronghorn.losses import huber as huber
from pronghorn.losses import kl_divergence as kl_divergence
from pronghorn.losses import log_cosh as log_cosh
from pronghorn.losses import mean_absolute_error as mean_absolute_error
from pronghorn.losses import mean_absolute_percentage_error as mean_absolute_percentage_error
from pronghorn.losses import mean_squared_error as mean_squared_error
from pronghorn.losses import mean_squared_logarithmic_error as mean_squared_logarithmic_error
from pronghorn.losses import poisson as poisson
from pronghorn.losses import sparse_categorical_crossentropy as sparse_categorical_crossentropy
from pronghorn.losses import squared_hinge as squared_hinge
from pronghorn.metrics.accuracy_metrics import Accuracy as Accuracy
from pronghorn.metrics.accuracy_metrics import BinaryAccuracy as BinaryAccuracy
from pronghorn.metrics.accuracy_metrics import CategoricalAccuracy as CategoricalAccuracy
from pronghorn.metrics.accuracy_metrics import SparseCategoricalAccuracy as SparseCategoricalAccuracy
from pronghorn.metrics.accuracy_metrics import SparseTopKCategoricalAccuracy as SparseTopKCategoricalAccuracy
from pronghorn.metrics.accuracy_metrics import TopKCategoricalAccuracy as TopKCategoricalAccuracy
from pronghorn.metrics.accuracy_metrics import binary_accuracy as binary_accuracy
from pronghorn.metrics.accuracy_metrics import categorical_accuracy as categorical_accuracy
from pronghorn.metrics.accuracy_metrics import sparse_categorical_accuracy as sparse_categorical_accuracy
from pronghorn.metrics.accuracy_metrics import sparse_top_k_categorical_accuracy as sparse_top_k_categorical_accuracy
from pronghorn.metrics.accuracy_metrics import top_k_categorical_accuracy as top_k_categorical_accuracy
from pronghorn.metrics.auc import AUC as AUC
from pronghorn.metrics.confusion_metrics import FalseNegatives as FalseNegatives
from pronghorn.metrics.confusion_metrics import FalsePositives as FalsePositives
from pronghorn.metrics.confusion_metrics import Precision as Precision
from pronghorn.metrics.confusion_metrics import PrecisionAtRecall as PrecisionAtRecall
from pronghorn.metrics.confusion_metrics import Recall as Recall
from pronghorn.metrics.confusion_metrics import RecallAtPrecision as RecallAtPrecision
from pronghorn.metrics.confusion_metrics import SensitivityAtSpecificity as SensitivityAtSpecificity
from pronghorn.metrics.confusion_metrics import SpecificityAtSensitivity as SpecificityAtSensitivity
from pronghorn.metrics.confusion_metrics import TrueNegatives as TrueNegatives
from pronghorn.metrics.confusion_metrics import TruePositives as TruePositives
from pronghorn.metrics.correlation_metrics import ConcordanceCorrelation as ConcordanceCorrelation
from pronghorn.metrics.correlation_metrics import PearsonCorrelation as PearsonCorrelation
from pronghorn.metrics.correlation_metrics import concordance_correlation as concordance_correlation
from pronghorn.metrics.correlation_metrics import pearson_correlation as pearson_correlation
from pronghorn.metrics.f_score_metrics import F1Score as F1Score
from pronghorn.metrics.f_score_metrics import FBetaScore as FBetaScore
from pronghorn.metrics.iou_metrics import BinaryIoU as BinaryIoU
from pronghorn.metrics.iou_metrics import IoU as IoU
from pronghorn.metrics.iou_metrics import MeanIoU as MeanIoU
from pronghorn.metrics.iou_metrics import OneHotIoU as OneHotIoU
from pronghorn.metrics.iou_metrics import OneHotMeanIoU as OneHotMeanIoU
from pronghorn.metrics.metric import Metric as Metric
from pronghorn.metrics.reduction_metrics import Mean as Mean
from pronghorn.metrics.reduction_metrics import MeanMetricWrapper as MeanMetricWrapper
from pronghorn.metrics.reduction_metrics import OwnFunction
from pronghorn.metrics.reduction_metrics import Sum as Sum
from pronghorn.metrics.registry import deserialize as deserialize
from pronghorn.metrics.registry import get as get
from pronghorn.metrics.registry import serialize as serialize
from pronghorn.metrics.regression_metrics import R2Score as R2Score
from pronghorn.metrics.regression_metrics import RootMeanSquaredError as RootMeanSquaredError
from pronghorn.metrics.wrapped_metrics import BinaryCrossentropy as BinaryCrossentropy
from pronghorn.metrics.wrapped_metrics import CategoricalCrossentropy as CategoricalCrossentropy
from pronghorn.metrics.wrapped_metrics import CosineSimilarity as CosineSimilarity
from pronghorn.metrics.wrapped_metrics import SparseCategoricalCrossentropy as SparseCategoricalCrossentropy
from typing import Any

class CategoricalHinge(OwnFunction):
    """The mean of the hinge loss of one-hot labels.

    Args:
        name: its name in logs.
        dtype: the type of the state.

    Example:

    >>> metric = CategoricalHinge()
    >>> metric.update_state([[0.0, 1.0]], [[0.4, 0.6]])
    >>> round(float(metric.result()), 4)
    0.8
    """
    def __init__(self, name: str = 'categorical_hinge', dtype: Any = None) -> None: ...

class Hinge(OwnFunction):
    """The mean of the hinge loss.

    Args:
        name: its name in logs.
        dtype: the type of the state.

    Example:

    >>> metric = Hinge()
    >>> metric.update_state([[-1.0, 1.0]], [[-0.5, 2.0]])
    >>> round(float(metric.result()), 4)
    0.25
    """
    def __init__(self, name: str = 'hinge', dtype: Any = None) -> None: ...

class KLDivergence(OwnFunction):
    """The mean of the Kullback-Leibler divergence.

    Args:
        name: its name in logs.
        dtype: the type of the state.

    Example:

    >>> metric = KLDivergence()
    >>> metric.update_state([[0.5, 0.5]], [[0.25, 0.75]])
    >>> round(float(metric.result()), 4)
    0.1438
    """
    def __init__(self, name: str = 'kl_divergence', dtype: Any = None) -> None: ...

class LogCoshError(OwnFunction):
    """The mean of `log(cosh(error))`.

    Args:
        name: its name in logs.
        dtype: the type of the state.

    Example:

    >>> metric = LogCoshError()
    >>> metric.update_state([[1.0, 2.0]], [[2.0, 4.0]])
    >>> round(float(metric.result()), 4)
    0.8794
    """
    def __init__(self, name: str = 'logcosh', dtype: Any = None) -> None: ...

class MeanAbsoluteError(OwnFunction):
    """The mean of the absolute errors.

    Args:
        name: its name in logs.
        dtype: the type of the state.

    Example:

    >>> metric = MeanAbsoluteError()
    >>> metric.update_state([[1.0, 2.0]], [[2.0, 4.0]])
    >>> round(float(metric.result()), 4)
    1.5
    """
    def __init__(self, name: str = 'mean_absolute_error', dtype: Any = None) -> None: ...

class MeanAbsolutePercentageError(OwnFunction):
    """The mean of the absolute errors in per cent of the targets.

    Args:
        name: its name in logs.
        dtype: the type of the state.

    Example:

    >>> metric = MeanAbsolutePercentageError()
    >>> metric.update_state([[1.0, 2.0]], [[2.0, 4.0]])
    >>> round(float(metric.result()), 4)
    100.0
    """
    def __init__(self, name: str = 'mean_absolute_percentage_error', dtype: Any = None) -> None: ...

class MeanSquaredError(OwnFunction):
    """The mean of the squared errors.

    Args:
        name: its name in logs.
        dtype: the type of the state.

    Example:

    >>> metric = MeanSquaredError()
    >>> metric.update_state([[1.0, 2.0]], [[2.0, 4.0]])
    >>> round(float(metric.result()), 4)
    2.5
    """
    def __init__(self, name: str = 'mean_squared_error', dtype: Any = None) -> None: ...

class MeanSquaredLogarithmicError(OwnFunction):
    """The mean of the squared differences of the logarithms.

    Args:
        name: its name in logs.
        dtype: the type of the state.

    Example:

    >>> metric = MeanSquaredLogarithmicError()
    >>> metric.update_state([[1.0, 2.0]], [[2.0, 4.0]])
    >>> round(float(metric.result()), 4)
    0.2127
    """
    def __init__(self, name: str = 'mean_squared_logarithmic_error', dtype: Any = None) -> None: ...

class Poisson(OwnFunction):
    """The mean of the Poisson loss.

    Args:
        name: its name in logs.
        dtype: the type of the state.

    Example:

    >>> metric = Poisson()
    >>> metric.update_state([[1.0, 2.0]], [[2.0, 4.0]])
    >>> round(float(metric.result()), 4)
    1.2671
    """
    def __init__(self, name: str = 'poisson', dtype: Any = None) -> None: ...

class SquaredHinge(OwnFunction):
    """The mean of the squared hinge loss.

    Args:
        name: its name in logs.
        dtype: the type of the state.

    Example:

    >>> metric = SquaredHinge()
    >>> metric.update_state([[-1.0, 1.0]], [[-0.5, 2.0]])
    >>> round(float(metric.result()), 4)
    0.125
    """
    def __init__(self, name: str = 'squared_hinge', dtype: Any = None) -> None: ...
