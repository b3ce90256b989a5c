"""Metrics: what is measured during training and evaluation, collected over batches."""

from pronghorn._lazy import attach

_CLASSES = {
    ".reduction_metrics": ("Mean", "MeanMetricWrapper", "Sum"),
    ".accuracy_metrics": (
        "Accuracy",
        "BinaryAccuracy",
        "CategoricalAccuracy",
        "SparseCategoricalAccuracy",
        "SparseTopKCategoricalAccuracy",
        "TopKCategoricalAccuracy",
    ),
    ".wrapped_metrics": (
        "BinaryCrossentropy",
        "CategoricalCrossentropy",
        "CategoricalHinge",
        "CosineSimilarity",
        "Hinge",
        "KLDivergence",
        "LogCoshError",
        "MeanAbsoluteError",
        "MeanAbsolutePercentageError",
        "MeanSquaredError",
        "MeanSquaredLogarithmicError",
        "Poisson",
        "SparseCategoricalCrossentropy",
        "SquaredHinge",
    ),
    ".regression_metrics": ("R2Score", "RootMeanSquaredError"),
    ".correlation_metrics": ("ConcordanceCorrelation", "PearsonCorrelation"),
    ".confusion_metrics": (
        "FalseNegatives",
        "FalsePositives",
        "Precision",
        "PrecisionAtRecall",
        "Recall",
        "RecallAtPrecision",
        "SensitivityAtSpecificity",
        "SpecificityAtSensitivity",
        "TrueNegatives",
        "TruePositives",
    ),
    ".auc": ("AUC",),
    ".f_score_metrics": ("F1Score", "FBetaScore"),
    ".iou_metrics": ("BinaryIoU", "IoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU"),
}
_FUNCTIONS = {
    "pronghorn.losses": (
        "binary_crossentropy",
        "binary_focal_crossentropy",
        "categorical_crossentropy",
        "categorical_focal_crossentropy",
        "categorical_hinge",
        "hinge",
        "huber",
        "kl_divergence",
        "log_cosh",
        "mean_absolute_error",
        "mean_absolute_percentage_error",
        "mean_squared_error",
        "mean_squared_logarithmic_error",
        "poisson",
        "sparse_categorical_crossentropy",
        "squared_hinge",
    ),
    ".accuracy_metrics": (
        "binary_accuracy",
        "categorical_accuracy",
        "sparse_categorical_accuracy",
        "sparse_top_k_categorical_accuracy",
        "top_k_categorical_accuracy",
    ),
    ".correlation_metrics": ("concordance_correlation", "pearson_correlation"),
}

attach(
    __name__,
    {
        "Metric": ".metric",
        "deserialize": ".registry",
        "get": ".registry",
        "serialize": ".registry",
        **{name: module for table in (_CLASSES, _FUNCTIONS) for module, names in table.items() for name in names},
    },
)
