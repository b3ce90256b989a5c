"""Optimizers: how gradients change weights, and schedules of the learning rate."""

from pronghorn._lazy import attach

attach(
    __name__,
    {
        "Adadelta": ".adadelta",
        "Adafactor": ".adafactor",
        "Adagrad": ".adagrad",
        "Adam": ".adam",
        "AdamW": ".adamw",
        "Adamax": ".adamax",
        "Ftrl": ".ftrl",
        "Lamb": ".lamb",
        "Lion": ".lion",
        "LossScaleOptimizer": ".loss_scale_optimizer",
        "MultiOptimizer": ".multi_optimizer",
        "Muon": ".muon",
        "Nadam": ".nadam",
        "Optimizer": ".optimizer",
        "OptimizerMap": ".multi_optimizer",
        "RMSprop": ".rmsprop",
        "SGD": ".sgd",
        "ScheduleFreeAdamW": ".schedule_free_adamw",
        "deserialize": ".registry",
        "get": ".registry",
        "serialize": ".registry",
    },
    submodules=("legacy", "schedules"),
)
