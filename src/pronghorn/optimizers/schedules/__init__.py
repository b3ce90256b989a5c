"""Schedules: the learning rate as a function of the number of updates so far."""

from pronghorn._lazy import attach

_CLASSES = (
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
)

attach(
    __name__,
    {
        "LearningRateSchedule": ".schedule",
        **dict.fromkeys(_CLASSES, ".decay"),
        "deserialize": ".registry",
        "serialize": ".registry",
    },
)
