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
        **{name: ".decay" for name in _CLASSES},
        "deserialize": ".registry",
        "serialize": ".registry",
    },
)
