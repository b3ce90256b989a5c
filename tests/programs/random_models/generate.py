"""Draws a model from a seed.

Shapes are those that Pronghorn infers while the model is drawn. What it refuses is kept aside (``refused``): Keras has
to refuse it too. Not drawn are stateful recurrent layers: Keras on JAX forgets their states after each batch.
"""

from __future__ import annotations

from math import prod
from typing import Any

import pronghorn
from pronghorn.utils.masking import get_mask
from random_models import training_menu
from random_models.layer_menu import LARGEST, MENU, SIZES, Draw, layer
from random_models.spec import Node, Spec, apply, inputs_of, pruned, references, renumbered

POLICIES = ("float32",) * 12 + ("mixed_bfloat16",) * 3 + ("mixed_float16",) * 2 + ("float64",) * 3
REFUSALS = (TypeError, ValueError, IndexError, NotImplementedError, ZeroDivisionError)
TRIES = 6


class Drawing:
    """A model that grows node by node."""

    def __init__(self, seed: int, layers: int | None = None):
        self.d = d = Draw(seed)
        self.wanted = layers or d.choice((5, 6, 8, 10, 12, 15, 20, 25, 30, 40))
        self.spec: Spec = {"seed": seed, "policy": d.choice(POLICIES), "sequential": d.rarely(4)}
        self.spec |= {"inputs": [], "nodes": [], "outputs": [], "refused": []}
        d.policy = self.spec["policy"]
        self.spec["data"] = training_menu.data(d, 1)
        self.values: list[Any] = []
        self.layers: dict[int, Any] = {}
        self.loose: list[int] = []  # values that nothing uses yet

    # -- growing -------------------------------------------------------------------------------------------------------
    def add(self, node: Node) -> bool:
        """Adds a node if its value is of use: not too large, not empty."""
        if self.keeps_its_mask_on_jax(node):
            return False
        try:
            value = apply(node, len(self.values), pronghorn, self.values, self.layers)
        except REFUSALS as error:
            self.spec["refused"].append(self.refusal(node, error))
            return False
        shape = self.shape_of(value)
        if not isinstance(value, list) and not (0 < len(shape) <= 4 and 0 < prod(shape) <= LARGEST):
            return False
        self.values.append(value)
        self.spec["nodes"].append(node)
        used = references(node)
        self.loose = [i for i in self.loose if i not in used] + [len(self.values) - 1]
        return True

    def keeps_its_mask_on_jax(self, node: Node) -> bool:
        """Whether axes stay where they are, of a value with a mask: `transpose` of JAX gives back the same array then,
        on which Keras finds the mask again that `Permute`, which does not support masks, should have ended."""
        first = self.spec["nodes"][node["again"] - len(self.spec["inputs"])] if "again" in node else node
        if first.get("layer") != "Permute" or first["kwargs"]["dims"] != sorted(first["kwargs"]["dims"]):
            return False
        return get_mask(self.values[node["inputs"][0]]) is not None

    def refusal(self, node: Node, error: Exception) -> dict[str, Any]:
        """What was refused, as a model of its own."""
        used = sorted(set(references(node)))
        inputs = [{"shape": list(self.shape(i)), "dtype": str(self.values[i].dtype)} for i in used]
        return {"node": renumbered(node, used.index), "inputs": inputs, "why": f"{type(error).__name__}: {error}"}

    @staticmethod
    def shape_of(value: Any) -> tuple[int, ...]:
        return () if isinstance(value, list) else tuple(value.shape[1:])

    def shape(self, i: int) -> tuple[int, ...]:
        return self.shape_of(self.values[i])

    def grow(self) -> None:
        """One more node after the last value, or after another; or one that joins two."""
        d = self.d
        if not self.spec["sequential"]:
            if len(self.values) > 3 and d.rarely(5) and self.join():
                return
            if len(self.values) > 3 and d.rarely(10) and self.again():
                return
        source = self.loose[-1]
        if not self.spec["sequential"] and d.rarely(6):
            source = d.choice(self.usable())
        for _ in range(TRIES):
            if self.add_from_menu(source):
                return
        if not self.spec["sequential"]:
            self.add({"layer": "Dense", "kwargs": {"units": 3}, "inputs": [source]})

    def usable(self) -> list[int]:
        """The values that layers of floats may take."""
        return [i for i, v in enumerate(self.values) if not isinstance(v, list) and "int" not in str(v.dtype)]

    def add_from_menu(self, source: int) -> bool:
        shape = self.shape(source)
        names = [n for n, (_, ranks, _) in MENU.items() if len(shape) in ranks]
        if self.spec["sequential"]:
            names = [n for n in names if n not in ("operation", "attention")]
        name = self.d.choices(names, [MENU[n][0] for n in names])[0]
        node = MENU[name][2](self.d, shape)
        if node is None:
            return False
        if "op" in node:
            node["args"] = [{"$value": source} if a == {"$value": "x"} else a for a in node["args"]]
        else:
            node["inputs"] = [source] * (2 if node.pop("twice", False) else 1)
        return self.add(node)

    def join(self) -> bool:
        """A merging layer over values whose shapes fit, such as a residual connection."""
        d, last = self.d, self.loose[-1]
        shape, usable = self.shape(last), self.usable()
        if last not in usable:
            return False
        same = [i for i in usable if self.shape(i) == shape and i != last]
        if same:
            others = d.sample(same, min(len(same), d.choice((1, 1, 2))))
            kind = d.choice(("Add", "Add", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Subtract"))
            return self.add(layer(kind) | {"inputs": [last, *others][: 2 if kind == "Subtract" else 3]})
        for i in reversed(usable):
            other = self.shape(i)
            if i != last and len(other) == len(shape):
                differing = [k for k, (m, n) in enumerate(zip(shape, other)) if m != n]
                if len(differing) == 1:
                    return self.add(layer("Concatenate", axis=differing[0] + 1) | {"inputs": [last, i]})
                if len(shape) == 2 and shape[-1] == other[-1]:
                    if d.rarely(2):
                        return self.add(layer("Attention") | {"inputs": [last, i]})
                    return self.add(layer("Dot", axes=2, **d.some(normalize=(True,))) | {"inputs": [last, i]})
        flat = [i for i in usable if len(self.shape(i)) == 1]
        if len(shape) == 1 and len(flat) > 1:
            return self.add(layer("Concatenate") | {"inputs": d.sample(flat, 2)})
        return False

    def again(self) -> bool:
        """A layer that was there before, called on another value."""
        first = len(self.spec["inputs"])
        nodes = [
            i for i in range(first, len(self.values))
            if "layer" in self.spec["nodes"][i - first] and self.may_be_called_again(self.spec["nodes"][i - first])
        ]  # fmt: skip
        for i in self.d.sample(nodes, min(3, len(nodes))):
            source = self.spec["nodes"][i - first]["inputs"][0]
            same = [j for j in self.usable() if j != source and self.shape(j) == self.shape(source)]
            if same:
                return self.add({"again": i, "inputs": [self.d.choice(same)]})
        return False

    @staticmethod
    def may_be_called_again(node: Node) -> bool:
        """Not those that are called as no other; and not those that regularize what they give, for in the steps of
        Keras on JAX the loss of one of the calls alone counts (`losses` after a call of the model has them all)."""
        if len(node["inputs"]) > 1 or node["layer"] in ("Embedding", "Masking", "ActivityRegularization"):
            return False
        return "activity_regularizer" not in node["kwargs"]

    # -- beginning and end ---------------------------------------------------------------------------------------------
    def begin(self) -> None:
        d = self.d
        if d.rarely(15):
            self.spec["data"]["static_batch"] = self.spec["data"]["batch"]
            self.spec["data"]["rows"] -= self.spec["data"]["rows"] % self.spec["data"]["batch"]
        for _ in range(1 if self.spec["sequential"] else d.choice((1, 1, 1, 2, 3))):
            rank = d.choice((1, 2, 2, 3, 3, 4))
            largest = {1: 33, 2: 17, 3: 9, 4: 5}[rank]
            if rank == 1 and d.rarely(2):
                shape = [d.choice((1, 3, 5, 7))]
                self.spec["inputs"].append({"shape": shape, "dtype": "int32", "below": d.choice((2, 7))})
            else:
                shape = [d.choice([s for s in SIZES if s <= largest]) for _ in range(rank)]
                wide = self.spec["policy"] == "float64"
                self.spec["inputs"].append({"shape": shape, "dtype": "float64" if wide else "float32"})
        self.values = inputs_of(self.spec, pronghorn)
        for i, given in enumerate(self.spec["inputs"]):
            self.loose.append(i)
            if given["dtype"] == "int32":
                kwargs = {"input_dim": given["below"], "output_dim": d.size(17), **d.some(mask_zero=(True,))}
                self.add(layer("Embedding", **kwargs) | {"inputs": [i]})
            elif len(given["shape"]) == 2 and d.rarely(4):
                self.add(layer("Masking", mask_value=0.0) | {"inputs": [i]})
                given["padded"] = True

    def heads(self) -> list[dict[str, Any]]:
        """One to three outputs, each with a loss."""
        d, heads = self.d, []
        ends = [i for i in self.loose if i in self.usable()][-3:]
        if self.spec["sequential"]:
            ends = ends[-1:]
        for end in ends:
            kind = d.choice(("regression", "binary", "categorical"))
            if kind == "regression" or (self.spec["sequential"] and len(self.shape(end)) > 2):
                heads.append(training_menu.regression(d))
                self.spec["outputs"].append(end)
                continue
            logits = d.rarely(3)
            units = d.choice((1, 3)) if kind == "binary" else d.choice((2, 3, 5))
            last = {} if logits else {"activation": "sigmoid" if kind == "binary" else "softmax"}
            last |= {"dtype": "float32"} if d.rarely(2) and self.spec["policy"] != "float64" else {}
            if len(self.shape(end)) > 1 and d.rarely(2):
                self.add(layer("Flatten") | {"inputs": [end]})
                end = len(self.values) - 1
            self.add(layer("Dense", units=units, **last) | {"inputs": [end]})
            heads.append(getattr(training_menu, kind)(d, logits))
            self.spec["outputs"].append(len(self.values) - 1)
        return heads

    def drawn(self) -> Spec:
        pronghorn.config.set_dtype_policy(self.spec["policy"])
        try:
            self.begin()
            for _ in range(2 * self.wanted):
                if len(self.spec["nodes"]) >= self.wanted:
                    break
                self.grow()
            heads = self.heads()
        finally:
            pronghorn.config.set_dtype_policy("float32")
        self.spec["compile"] = {"optimizer": training_menu.optimizer(self.d, self.spec["policy"]), "heads": heads}
        if len(heads) > 1:
            self.spec["data"].pop("class_weight", None)
            if self.d.rarely(3):
                self.spec["compile"]["loss_weights"] = [0.5, 2.0, 1.0][: len(heads)]
        return self.spec


def random_spec(seed: int, layers: int | None = None) -> Spec:
    """The model of a seed: always the same, as long as the menus are."""
    spec = Drawing(seed, layers).drawn()
    refused = spec.pop("refused")
    spec = pruned(spec)
    spec["refused"] = refused
    return spec
