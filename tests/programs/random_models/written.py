"""Draws models as users write them: blocks of `written_layers`, data with numbers far out, training of all kinds."""

from __future__ import annotations

from typing import Any

from random_models import training_menu
from random_models.layer_menu import Draw
from random_models.spec import Spec, make

POLICIES = ("float32",) * 9 + ("mixed_bfloat16", "mixed_float16")
VALUES = ("normal", "lognormal", "sentinel", "sentinel", "bytes")
SENTINELS = (-9999.0, 255.0, 1e6)
ACTIVATIONS = ("relu", "tanh", "gelu", "sigmoid", "softplus", "silu")


def block(name: str, /, **kwargs: Any) -> dict[str, Any]:
    return {"block": name, "kwargs": kwargs}


class Writing:
    """A model that grows block by block; ``shape`` is that of its last value, without the batch."""

    def __init__(self, seed: int):
        self.d = Draw(("written", seed).__repr__())
        self.seed = seed

    def given(self) -> dict[str, Any]:
        d = self.d
        rank = d.choice((1, 2, 3, 3, 3))
        channels = d.choice((3, 8, 16, 32)) if rank > 1 else d.choice((5, 16, 33))
        shape = {1: [channels], 2: [d.choice((5, 12, 24)), channels], 3: [d.choice((8, 9, 12)), 8, channels]}[rank]
        # Beside a sentinel, 16 bits leave nothing to measure: a gate that rounds to 1 hides what it would pass.
        values = ("normal", "lognormal", "bytes") if self.spec["policy"] != "float32" else VALUES
        result: dict[str, Any] = {"shape": shape, "dtype": "float32", "values": d.choice(values)}
        result["missing"] = d.choice(SENTINELS)
        result["whole"] = d.rarely(2)  # columns or rows of the image, rather than numbers here and there
        return result

    def convolution(self) -> dict[str, Any]:
        """Masked, or one of the library's."""
        d = self.d
        filters, size = d.choice((4, 16, 16, 32)), d.choice((3, 3, 3, 2, 5))
        steps = {"strides": 2} if d.rarely(5) else {"dilation": 2} if d.rarely(6) else {}
        small = min(self.shape[:-1])
        if small <= 4:
            size, steps = min(size, 3), {}
        if d.rarely(3):
            if "dilation" in steps:
                steps = {"dilation_rate": 2}
            made = block(f"Conv{len(self.shape) - 1}D", filters=filters, kernel_size=size, padding="same", **steps)
        else:
            made = block("MaskedConv", filters=filters, size=size, kind=d.choice(("A", "B", "B", "pruned", "numbers")),
                         way=d.choice(("product", "product", "assigned", "constraint", "weights")),
                         seed=d.randrange(1000), **steps)  # fmt: skip
        if "strides" in steps:
            self.shape[:-1] = [-(-n // 2) for n in self.shape[:-1]]
        self.shape[-1] = filters
        return made

    def any_block(self) -> dict[str, Any]:
        d, width = self.d, self.d.choice((4, 8, 16))
        names = ["Residual", "Branches", "Affine", "Modulated", "Punished", "Tracked", "Nested", "MaskedDense", "plain"]
        if len(self.shape) == 2:
            names += ["Attending", "Stepped"]
        if self.masked:  # those that a mask passes
            names = ["Residual", "Affine", "Tracked", "MaskedDense", "Stepped"]
        name = d.choice(names)
        if name == "plain":
            kind = d.choice(("BatchNormalization", "LayerNormalization", "Activation"))
            return block(kind, **({"activation": d.choice(ACTIVATIONS)} if kind == "Activation" else {}))
        if name in ("Residual", "Modulated", "Tracked"):
            own = {"Residual": {"depth": d.choice((1, 2)), "activation": d.choice(ACTIVATIONS)},
                   "Modulated": {"strength": 0.25}, "Tracked": {}}  # fmt: skip
            return block(name, **own[name])
        if name == "Punished":
            self.shape[-1] = 8
            return block(name, rate=0.05)
        if name == "MaskedDense":
            self.shape[-1] = width
            return block(name, units=width, seed=d.randrange(1000))
        if name == "Stepped":
            self.shape[-1] = width
            return block(name, units=width)
        own = {"joined": d.choice(("concatenate", "multiply", "maximum"))} if name == "Branches" else {}
        self.shape[-1] = width * (2 if own.get("joined") == "concatenate" else 1)
        return block(name, width=width, **own)

    def blocks(self) -> list[dict[str, Any]]:
        d = self.d
        result = []
        if self.spec["input"]["values"] == "sentinel" and d.rarely(3):
            result.append(block("Filled", missing=self.spec["input"]["missing"]))
            self.shape[-1] *= 2
        elif self.spec["input"]["values"] != "normal" and d.rarely(3):
            result.append(block("Squashed"))
        if len(self.shape) == 2 and d.rarely(3) and not result:
            result.append(block("Masking", mask_value=0.0))
            self.spec["input"]["padded"] = True
        self.masked = result[-1:] == [block("Masking", mask_value=0.0)]
        for i in range(d.choice((1, 2, 3, 4))):
            convolves = len(self.shape) > 1 and (i == 0 or d.rarely(2)) and not self.masked
            result.append(self.convolution() if convolves else self.any_block())
            if convolves and d.rarely(2):
                result.append(block("Activation", activation=d.choice(ACTIVATIONS)))
        if len(self.shape) == 3 and d.rarely(3):
            result.append(block("MaxPooling2D", pool_size=2))
            self.shape[:-1] = [n // 2 for n in self.shape[:-1]]
        if len(self.shape) > 1 and d.rarely(2):
            rank = len(self.shape) - 1
            result.append(block("MaskedMean") if rank == 1 else block("GlobalAveragePooling2D"))
            self.shape, self.masked = self.shape[-1:], False
        return result

    def head(self) -> dict[str, Any]:
        d = self.d
        kind = d.choice(("float", "known", "binary", "classes", "some classes"))
        units = {"float": d.choice((1, 3)), "known": d.choice((1, 3)), "binary": 1}.get(kind, 4)
        self.spec["blocks"].append(block("Dense", units=units, dtype="float32"))
        metrics = d.sample(("mae", "mse"), d.choice((0, 1)))
        loss: Any = make("losses", d.choice(("MeanSquaredError", "Huber", "MeanAbsoluteError", "LogCosh")))
        if kind == "known":
            loss = "known"
        if kind == "binary":
            loss = make("losses", "BinaryCrossentropy", from_logits=True)
        if "classes" in kind:
            ignored = {"ignore_class": -1} if kind == "some classes" else {}
            loss, metrics = make("losses", "SparseCategoricalCrossentropy", from_logits=True, **ignored), []
            if not ignored and d.rarely(2):
                metrics = ["accuracy"]
        if self.masked:  # the mask weights the loss; Keras on JAX loses it before the metrics of a training step
            metrics = []
        return {"loss": loss, "metrics": metrics, "target": kind, "weighted": d.rarely(3)}

    def optimizer(self) -> Any:
        d = self.d
        name = d.choice(("SGD", "SGD", "Adam", "RMSprop", "AdamW", "Adagrad"))
        kwargs = d.some(**{k: v for k, v in training_menu.OPTIMIZERS[name].items() if k != "nesterov"})
        if name in ("SGD", "Adagrad") and self.spec["input"]["values"] != "normal":
            kwargs["global_clipnorm"] = 1.0  # or the second step is of infinite numbers
        made = make("optimizers", name, learning_rate=d.choice((0.1, 0.01, 0.001)), **kwargs)
        if d.rarely(6) and self.spec["policy"] != "mixed_float16":
            growth = d.choice((1, 2, 100))
            scale = 2.0 ** d.choice((4, 15))
            made = make("optimizers", "LossScaleOptimizer", inner_optimizer=made, initial_scale=scale,
                        dynamic_growth_steps=growth)  # fmt: skip
        return made

    def drawn(self) -> Spec:
        d = self.d
        self.spec: Spec = {"seed": self.seed, "policy": d.choice(POLICIES)}
        self.spec["form"] = d.choice(("subclass", "subclass", "functional"))
        self.spec["input"] = self.given()
        self.shape = list(self.spec["input"]["shape"])
        self.spec["blocks"] = self.blocks()
        self.spec["compile"] = {"head": self.head(), "optimizer": self.optimizer()}
        scaled = (
            self.spec["policy"] == "mixed_float16"
            or self.spec["compile"]["optimizer"]["$make"][1] == "LossScaleOptimizer"
        )
        self.spec["steps"] = {"compute_loss": d.rarely(4), "train_step": None}
        if d.rarely(3) and not scaled:
            self.spec["steps"]["train_step"] = d.choice(("twice", "clipped", "centred", "halved"))
        batch = d.choice((2, 3, 4))
        self.spec["data"] = {"batch": batch, "rows": 2 * batch + (1 if d.rarely(6) else 0), "epochs": 1}
        if d.rarely(2):
            self.spec["data"]["weights"] = d.choice(("sample", "sample", "step", "class"))
        return self.spec


def written_spec(seed: int) -> Spec:
    """The model of a seed: always the same, as long as the menus are."""
    return Writing(seed).drawn()
