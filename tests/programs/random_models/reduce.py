"""Makes a failing model smaller while it fails alike."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

from random_models.spec import Spec, make, pruned, references, renumbered

PLAIN_HEAD = {"loss": make("losses", "MeanSquaredError"), "metrics": [], "target": "float"}


def without(spec: Spec, k: int) -> Spec | None:
    """The specification without its node ``k``, whose users take its first input; None if it has none."""
    number, node = len(spec["inputs"]) + k, spec["nodes"][k]
    used = references(node)
    if not used:
        return None
    place = lambda i: used[0] if i == number else i - (i > number)  # noqa: E731
    if any(n.get("again") == number for n in spec["nodes"]):
        return None
    result = copy.deepcopy(spec)
    result["nodes"] = [renumbered(n, place) for i, n in enumerate(result["nodes"]) if i != k]
    result["outputs"] = [place(i) for i in result["outputs"]]
    return pruned(result)


def ending_at(spec: Spec, number: int) -> Spec:
    """The part of a model that leads to one value, trained on squares."""
    result = copy.deepcopy(spec)
    result["outputs"] = [number]
    result["compile"] = {"optimizer": spec["compile"]["optimizer"], "heads": [PLAIN_HEAD]}
    result["data"].pop("class_weight", None)
    return pruned(result)


def simpler_training(spec: Spec) -> Iterator[Spec]:
    """The model with one of its settings left away."""
    for key in ("sample_weight", "class_weight", "save", "validation", "static_batch"):
        if spec["data"].get(key):
            yield {**spec, "data": {**spec["data"], key: False} if key != "static_batch" else spec["data"]}
    yield {**spec, "data": {**spec["data"], "epochs": 1, "rows": spec["data"]["batch"]}}
    yield {**spec, "sequential": False, "refused": []}
    yield {**spec, "policy": "float32"}
    yield {**spec, "compile": {**spec["compile"], "optimizer": make("optimizers", "SGD", learning_rate=0.1)}}
    name, kwargs = spec["compile"]["optimizer"]["$make"][1:]
    for key in kwargs:
        optimizer = make("optimizers", name, **{k: v for k, v in kwargs.items() if k != key})
        yield {**spec, "compile": {**spec["compile"], "optimizer": optimizer}}
    heads = spec["compile"]["heads"]
    yield {**spec, "compile": {**spec["compile"], "heads": [PLAIN_HEAD] * len(heads)}}
    yield {**spec, "compile": {**spec["compile"], "heads": [{**h, "metrics": []} for h in heads]}}


def simpler_layers(spec: Spec) -> Iterator[Spec]:
    """The model with an argument of a layer left away."""
    for k, node in enumerate(spec["nodes"]):
        for key in node.get("kwargs", {}):
            result = copy.deepcopy(spec)
            del result["nodes"][k]["kwargs"][key]
            yield result


def smaller(spec: Spec) -> Iterator[Spec]:
    """What to try next, boldest first."""
    first, count = len(spec["inputs"]), len(spec["nodes"])
    if count > 1 or len(spec["outputs"]) > 1:
        steps = sorted({count // 4, count // 2, 3 * count // 4, *range(max(0, count - 4), count - 1)})
        for k in steps if len(spec["outputs"]) == 1 else range(count):
            yield ending_at(spec, first + k)
        for k in range(count):
            candidate = without(spec, k)
            if candidate is not None:
                yield candidate
    yield from simpler_training(spec)
    yield from simpler_layers(spec)


def smaller_written(spec: Spec) -> Iterator[Spec]:
    """As `smaller`, of a model as users write it, whose blocks take any shape."""
    blocks = spec["blocks"]
    for i in range(len(blocks) - 1):
        yield {**spec, "blocks": blocks[:i] + blocks[i + 1 :]}
    yield {**spec, "policy": "float32"}
    yield {**spec, "form": "functional"}
    yield {**spec, "steps": {"compute_loss": False, "train_step": None}}
    yield {**spec, "data": {"batch": 2, "rows": 2, "epochs": 1}}
    yield {**spec, "input": {**spec["input"], "values": "normal"}}
    yield {**spec, "compile": {**spec["compile"], "optimizer": make("optimizers", "SGD", learning_rate=0.1)}}
    head = {"loss": make("losses", "MeanSquaredError"), "metrics": [], "target": "float", "weighted": False}
    yield {**spec, "compile": {**spec["compile"], "head": head}}
    for i, block in enumerate(blocks):
        for key in ("strides", "dilation", "dilation_rate"):
            if key in block["kwargs"]:
                plainer = {**block, "kwargs": {k: v for k, v in block["kwargs"].items() if k != key}}
                yield {**spec, "blocks": [*blocks[:i], plainer, *blocks[i + 1 :]]}


def reduced(
    spec: Spec,
    kinds: Callable[[Spec], set[str]],
    tries: int = 60,
    smaller: Callable[[Spec], Iterator[Spec]] = smaller,
) -> Spec:
    """A smaller model for which ``kinds`` still gives one of what it gives for ``spec``."""
    wanted = kinds(spec)
    progress = bool(wanted)
    while progress and tries > 0:
        progress = False
        for candidate in smaller(spec):
            if candidate == spec:
                continue
            tries -= 1
            if tries < 0:
                break
            try:
                alike = kinds(candidate) & wanted
            except Exception:  # shapes that no longer fit: not a model
                continue
            if alike:
                spec, progress = candidate, True
                break
    return spec
