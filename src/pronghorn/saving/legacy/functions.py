"""TensorFlow's functions in functional models of Keras 2, as functions of `pronghorn.ops`."""

from __future__ import annotations

from typing import Any

from pronghorn.serialization.keras_operations import KerasOperation, find_row

# TensorFlow's name to ours. The first argument is the one that was called; others are given by keyword below.
_FUNCTIONS = {
    "math.add": "add",
    "__operators__.add": "add",
    "math.subtract": "subtract",
    "math.multiply": "multiply",
    "math.truediv": "divide",
    "math.divide": "divide",
    "math.divide_no_nan": "divide_no_nan",
    "math.pow": "power",
    "math.negative": "negative",
    "math.abs": "absolute",
    "math.exp": "exp",
    "math.log": "log",
    "math.sqrt": "sqrt",
    "math.square": "square",
    "math.rsqrt": "rsqrt",
    "math.sin": "sin",
    "math.cos": "cos",
    "math.tanh": "tanh",
    "math.sigmoid": "sigmoid",
    "math.maximum": "maximum",
    "math.minimum": "minimum",
    "math.greater": "greater",
    "math.greater_equal": "greater_equal",
    "math.less": "less",
    "math.less_equal": "less_equal",
    "math.equal": "equal",
    "math.not_equal": "not_equal",
    "math.reduce_mean": "mean",
    "math.reduce_sum": "sum",
    "math.reduce_max": "max",
    "math.reduce_min": "min",
    "math.reduce_prod": "prod",
    "math.argmax": "argmax",
    "math.argmin": "argmin",
    "linalg.matmul": "matmul",
    "nn.relu": "relu",
    "nn.relu6": "relu6",
    "nn.gelu": "gelu",
    "nn.elu": "elu",
    "nn.selu": "selu",
    "nn.silu": "silu",
    "nn.softmax": "softmax",
    "nn.log_softmax": "log_softmax",
    "nn.sigmoid": "sigmoid",
    "nn.tanh": "tanh",
    "nn.softplus": "softplus",
    "nn.leaky_relu": "leaky_relu",
    "cast": "cast",
    "clip_by_value": "clip",
    "concat": "concatenate",
    "stack": "stack",
    "reshape": "reshape",
    "expand_dims": "expand_dims",
    "squeeze": "squeeze",
    "transpose": "transpose",
    "tile": "tile",
    "where": "where",
    "one_hot": "one_hot",
    "zeros_like": "zeros_like",
    "ones_like": "ones_like",
    "image.resize": "image.resize",
}
# Arguments that TensorFlow calls otherwise, and those that say nothing here.
_RENAMED = {
    "y": "x2",
    "input_tensor": "x",
    "perm": "axes",
    "clip_value_min": "x_min",
    "clip_value_max": "x_max",
    "depth": "num_classes",
    "multiples": "repeats",
    "shape": "newshape",
    "alpha": "negative_slope",
}
_SILENT = ("name", "output_type", "layout", "preserve_aspect_ratio", "method")
_TWO_OPERANDS = frozenset(
    ("add", "subtract", "multiply", "divide", "divide_no_nan", "power", "maximum", "minimum", "matmul", "where")
    + ("greater", "greater_equal", "less", "less_equal", "equal", "not_equal")
)


def operation_entry(data: dict[str, Any], nodes: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """A function in a functional model as Keras 3 writes it.

    Args:
        data: the entry of the file.
        nodes: its calls, with their arguments as Keras 3 writes them; None where the entry is Keras 3's but for the
            module.

    Raises:
        ValueError: for a function that has no counterpart.
    """
    if nodes is None:
        row = _row(data["class_name"], by_class=True)
        return _entry(row, data["config"])
    if data["class_name"] == "SlicingOpLambda":
        node = nodes[0]
        key = _slices(node["kwargs"].get("slice_spec"))
        return {
            **_entry(_row("get_item"), {"name": data["config"].get("name")}),
            "inbound_nodes": [{"args": [node["args"][0], key], "kwargs": {}}],
        }
    path = data["config"].get("function")
    ours = _FUNCTIONS.get(path) if isinstance(path, str) else None
    if ours is None:
        raise ValueError(
            f"The model uses TensorFlow's function {path!r} as a layer ({data.get('name')!r}), which is none "
            "of those that are read. Load it with Keras 2 and put the function into a Layer."
        )
    row = _row(ours)
    args, settings = _arguments(row, ours, nodes[0])
    return {
        **_entry(row, {"name": data["config"].get("name", data.get("name")), **settings}),
        "inbound_nodes": [{"args": args, "kwargs": {}}],
    }


def _arguments(row: KerasOperation, ours: str, node: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    first = node["args"][0]
    given = {k: v for k, v in node["kwargs"].items() if k not in _SILENT and v is not None}
    if ours in _TWO_OPERANDS:
        others = [v for k, v in given.items() if k in ("x", "y", "b", "x2")]
        if isinstance(first, list):
            return [*first, *others], {}
        return ([others[0], first] if "x" in given else [first, *others]), {}
    settings = {}
    for name, value in given.items():
        renamed = name if name in row.settings else _RENAMED.get(name, name)
        if renamed not in row.settings:
            raise ValueError(f"The argument {name!r} of TensorFlow's function for {ours!r} is not read.")
        settings[renamed] = value
    return [first], settings


def _slices(spec: Any) -> Any:
    """What stands between the brackets, from the dicts that say start, stop and step."""

    def one(part: Any) -> Any:
        if isinstance(part, dict) and "start" in part:
            return {"class_name": "__slice__", "config": {k: part.get(k) for k in ("start", "stop", "step")}}
        if isinstance(part, dict) and part.get("value") == "...":
            return {"class_name": "__ellipsis__", "config": {}}
        return part

    return [one(part) for part in spec] if isinstance(spec, list) else one(spec)


def _row(name: str, by_class: bool = False) -> KerasOperation:
    row = find_row(class_name=name) if by_class else find_row(function=f"ops.{name}")
    if row is None:
        raise ValueError(f"The function {name!r} in a functional model is not known.")
    return row


def _entry(row: KerasOperation, config: dict[str, Any]) -> dict[str, Any]:
    return {"module": row.module, "class_name": row.name, "config": config, "registered_name": row.name}
