"""Models as estimators of scikit-learn."""

from pronghorn._lazy import attach

attach(
    __name__,
    {"SKLearnClassifier": ".sklearn", "SKLearnRegressor": ".sklearn", "SKLearnTransformer": ".sklearn"},
)
