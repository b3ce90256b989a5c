"""Knowledge distillation: a small model learns from the targets and from a large model's outputs."""

from pronghorn._lazy import attach

attach(
    __name__,
    {
        "DistillationLoss": ".losses",
        "Distiller": ".distiller",
        "FeatureDistillation": ".losses",
        "LogitsDistillation": ".losses",
    },
)
