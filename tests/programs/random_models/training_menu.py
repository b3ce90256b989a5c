"""How a random model is trained: optimizers with drawn options, losses, metrics, data."""

from __future__ import annotations

from typing import Any

from random_models.layer_menu import Draw
from random_models.spec import make

BETA = (0.5, 0.8, 0.95)
MOMENTS = {"beta_1": BETA, "beta_2": BETA, "epsilon": (1e-7, 1e-3)}
OPTIMIZERS: dict[str, dict[str, tuple[Any, ...]]] = {
    "SGD": {"momentum": BETA, "nesterov": (True,)},
    "Adam": {**MOMENTS, "amsgrad": (True,)},
    "AdamW": {**MOMENTS, "amsgrad": (True,)},
    "Adamax": MOMENTS,
    "Nadam": MOMENTS,
    "Lamb": MOMENTS,
    "Lion": {"beta_1": BETA, "beta_2": BETA},
    "Adadelta": {"rho": BETA, "epsilon": (1e-7, 1e-3)},
    "Adagrad": {"initial_accumulator_value": (0.0, 0.1, 0.5), "epsilon": (1e-7, 1e-3)},
    "Adafactor": {"beta_2_decay": (-0.5,), "clip_threshold": (0.5,), "relative_step": (False,)},
    "RMSprop": {"rho": BETA, "momentum": BETA, "centered": (True,)},
    "Ftrl": {
        "learning_rate_power": (-0.8,),
        "initial_accumulator_value": (0.5,),
        "l1_regularization_strength": (0.05,),
        "l2_regularization_strength": (0.05,),
        "l2_shrinkage_regularization_strength": (0.05,),
        "beta": (0.3,),
    },
    "Muon": {"momentum": BETA, "nesterov": (False,), "ns_steps": (1, 3, 5), "rms_rate": (None,)},
    "ScheduleFreeAdamW": {**MOMENTS, "warmup_steps": (0, 2)},
}
SCHEDULES: dict[str, dict[str, Any]] = {
    "ExponentialDecay": {"decay_steps": 3, "decay_rate": 0.7},
    "InverseTimeDecay": {"decay_steps": 2, "decay_rate": 0.9, "staircase": True},
    "PolynomialDecay": {"decay_steps": 4, "end_learning_rate": 0.001, "power": 1.5},
    "CosineDecay": {"decay_steps": 5, "alpha": 0.1, "warmup_target": 0.05, "warmup_steps": 2},
    "CosineDecayRestarts": {"first_decay_steps": 2},
}
REGRESSION = (
    ("MeanSquaredError", {}), ("MeanAbsoluteError", {}), ("Huber", {"delta": 0.7}), ("LogCosh", {}),
    ("CosineSimilarity", {}), ("MeanSquaredLogarithmicError", {}), ("Tversky", {}), ("Dice", {}),
)  # fmt: skip
ONE_HOT = ("CategoricalCrossentropy", "CategoricalFocalCrossentropy")
REGRESSION_METRICS = ("mae", "mse", "RootMeanSquaredError", "MeanAbsoluteError", "LogCoshError")


def optimizer(d: Draw, policy: str) -> dict[str, Any]:
    """Any optimizer; what all of them take, now and then."""
    name = d.choice(sorted(OPTIMIZERS))
    if name == "Nadam" and policy == "mixed_float16":
        name = "Adam"  # Keras scales the loss then, and forgets Nadam's product of momenta after each step
    kwargs: dict[str, Any] = d.some(**OPTIMIZERS[name])
    if kwargs.get("nesterov") and "momentum" not in kwargs and name == "SGD":
        kwargs["momentum"] = 0.5
    if d.rarely(4):
        kwargs["weight_decay"] = d.choice((0.004, 0.1))
    if d.rarely(3):
        kwargs[d.choice(("clipnorm", "clipvalue", "global_clipnorm"))] = d.choice((0.01, 0.3))
    if d.rarely(5):
        kwargs |= {"use_ema": True} | d.some(ema_momentum=BETA, ema_overwrite_frequency=(1, 2))
    if d.rarely(6):
        kwargs["gradient_accumulation_steps"] = d.choice((2, 3))
    if d.rarely(8):
        kwargs["loss_scale_factor"] = 16.0
    kwargs["learning_rate"] = d.choice((0.03, 0.01, 0.003))
    if d.rarely(4):
        schedule = d.choice(sorted(SCHEDULES))
        kwargs["learning_rate"] = make(
            "optimizers.schedules", schedule, initial_learning_rate=0.02, **SCHEDULES[schedule]
        )
    return make("optimizers", name, **kwargs)


def regression(d: Draw) -> dict[str, Any]:
    """A loss of any output."""
    name, options = d.choice(REGRESSION)
    if d.rarely(6):
        options = {**options, "reduction": d.choice(("sum", "mean_with_sample_weight"))}
    names = d.sample(REGRESSION_METRICS, d.choice((0, 0, 1, 2)))
    return {"loss": make("losses", name, **options), "metrics": metrics(names), "target": "float"}


def metrics(names: list[str]) -> list[Any]:
    return [make("metrics", n) if n[0].isupper() else n for n in names]


def binary(d: Draw, logits: bool) -> dict[str, Any]:
    """A loss of yes and no."""
    options = {"from_logits": logits} | d.some(label_smoothing=(0.1,))
    name = d.choice(("BinaryCrossentropy", "BinaryCrossentropy", "BinaryFocalCrossentropy"))
    names = [] if logits else d.sample(("accuracy", "AUC", "Precision", "Recall"), d.choice((0, 1, 2)))
    return {"loss": make("losses", name, **options), "metrics": metrics(names), "target": "binary"}


def categorical(d: Draw, logits: bool) -> dict[str, Any]:
    """A loss of classes, as numbers or as rows of ones and zeros."""
    sparse = d.rarely(2)
    name = "SparseCategoricalCrossentropy" if sparse else d.choice(ONE_HOT)
    names = d.sample(("accuracy", "SparseTopK" if sparse else "TopK"), d.choice((0, 1, 2)))
    tops = {n: make("metrics", f"{n}CategoricalAccuracy", k=2) for n in ("SparseTopK", "TopK")}
    return {
        "loss": make("losses", name, from_logits=logits),
        "metrics": [tops.get(n, n) for n in names],
        "target": "classes" if sparse else "one_hot",
    }


def data(d: Draw, outputs: int) -> dict[str, Any]:
    """How many rows there are, and how they are given."""
    batch = d.choice((1, 2, 3, 4, 5, 7))
    result: dict[str, Any] = {"batch": batch, "rows": batch * d.choice((2, 3))}
    if d.rarely(5) and batch > 1:  # JAX compiles the step for each batch size anew
        result["rows"] += d.randrange(1, batch)
    if d.rarely(4):
        result["sample_weight"] = True
    elif d.rarely(6) and outputs == 1:
        result["class_weight"] = True
    result["validation"] = d.rarely(2)
    result["epochs"] = d.choice((1, 2))
    result["save"] = d.rarely(8)
    return result
