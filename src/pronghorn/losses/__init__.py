"""Losses: functions of `(y_true, y_pred)` that give a value per sample, and classes that reduce those to a scalar."""

from pronghorn._lazy import attach

_REGRESSION = {
    "mean_absolute_error": "MeanAbsoluteError",
    "mean_absolute_percentage_error": "MeanAbsolutePercentageError",
    "mean_squared_error": "MeanSquaredError",
    "mean_squared_logarithmic_error": "MeanSquaredLogarithmicError",
    "cosine_similarity": "CosineSimilarity",
    "huber": "Huber",
    "log_cosh": "LogCosh",
}
_MARGIN = {
    "categorical_hinge": "CategoricalHinge",
    "circle": "Circle",
    "hinge": "Hinge",
    "squared_hinge": "SquaredHinge",
}
_PROBABILISTIC = {
    "binary_crossentropy": "BinaryCrossentropy",
    "binary_focal_crossentropy": "BinaryFocalCrossentropy",
    "categorical_crossentropy": "CategoricalCrossentropy",
    "categorical_focal_crossentropy": "CategoricalFocalCrossentropy",
    "categorical_generalized_cross_entropy": "CategoricalGeneralizedCrossEntropy",
    "ctc": "CTC",
    "kl_divergence": "KLDivergence",
    "poisson": "Poisson",
    "sparse_categorical_crossentropy": "SparseCategoricalCrossentropy",
    "sparse_categorical_focal_crossentropy": "SparseCategoricalFocalCrossentropy",
}
_SEGMENTATION = {"dice": "Dice", "tversky": "Tversky"}

_FAMILIES = {
    ".regression": _REGRESSION,
    ".margin": _MARGIN,
    ".probabilistic": _PROBABILISTIC,
    ".segmentation": _SEGMENTATION,
}

attach(
    __name__,
    {
        "Loss": ".loss",
        "deserialize": ".registry",
        "get": ".registry",
        "serialize": ".registry",
        **{name: module for module, names in _FAMILIES.items() for name in names},
        **{name: ".wrappers" for names in _FAMILIES.values() for name in names.values()},
    },
)
