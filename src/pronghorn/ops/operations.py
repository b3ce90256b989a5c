"""Ops as objects: `Sum(axis=1)(x)` is `sum(x, axis=1)`.

Keras has a class for each op, under the op's name in CamelCase, and names these classes in the models that it saves.
Here one base class serves all ops: an op's parameters that are arrays are arguments of the call, the others are
arguments of the constructor.
"""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable

from pronghorn import ops
from pronghorn.ops._class_names import OP_OF_CLASS
from pronghorn.symbolic.operation import Operation

_ARRAYS = frozenset(
    """a angle abs_ array b beta bias bins body cond coordinates data depthwise_kernel elements elems end_points
    fill_value function gamma image1 image2 images indices init inputs kernel key loop_vars mask mean offset operands
    output output_length pointwise_kernel pred predictions q query scale segment_ids sequence_lengths sorted_sequence
    start start_indices start_points stop target target_length targets tensor transform translation updates value values
    variable variance volumes weights x x1 x2 xs y""".split()  # noqa: SIM905 (a table)
)
"""Names under which ops take arrays."""

_EXCEPTIONS: dict[str, tuple[str, ...]] = {
    "arange": ("dtype",),
    "associative_scan": ("reverse", "axis"),
    "batch_normalization": ("axis", "epsilon"),
    "bincount": ("weights", "minlength", "sparse"),
    "clip": ("x_min", "x_max"),
    "cond": (),
    "diagonal": ("offset", "axis1", "axis2"),
    "digitize": (),
    "elastic_transform": ("alpha", "sigma", "interpolation", "fill_mode", "fill_value", "seed", "data_format"),
    "fori_loop": ("lower", "upper", "body_fun"),
    "histogram": ("bins", "range"),
    "isclose": ("equal_nan",),
    "allclose": ("rtol", "atol", "equal_nan"),
    "affine_transform": ("interpolation", "fill_mode", "fill_value", "data_format"),
    "map_coordinates": ("order", "fill_mode", "fill_value"),
    "map": (),
    "pad": ("pad_width", "mode"),
    "perspective_transform": ("interpolation", "fill_value", "data_format"),
    "layer_normalization": ("axis", "epsilon", "rms_scaling"),
    "resize": (
        "size", "interpolation", "antialias", "crop_to_aspect_ratio", "pad_to_aspect_ratio", "fill_mode", "fill_value",
        "data_format",
    ),
    "scan": ("length", "reverse", "unroll"),
    "scale_and_translate": ("spatial_dims", "method", "antialias"),
    "select": (),
    "squareplus": ("b",),
    "switch": (),
    "trace": ("offset", "axis1", "axis2"),
    "trapezoid": ("x", "dx", "axis"),
    "unique": (
        "sorted", "return_index", "return_inverse", "return_counts", "axis", "size", "fill_value",
    ),
    "vectorized_map": ("function",),
    "where": (),
    "while_loop": ("cond", "body", "maximum_iterations"),
}  # fmt: skip
"""The constructor's parameters where the names above do not tell them."""


class OpOperation(Operation):
    """Base of the ops' classes; subclasses come from `operation_class`."""

    function: Callable[..., typing.Any]
    static: tuple[str, ...]

    def __init__(self, *args: typing.Any, name: str | None = None, **kwargs: typing.Any) -> None:
        super().__init__(name=name)
        if len(args) > len(self.static):
            raise TypeError(
                f"{type(self).__name__} takes {', '.join(self.static) or 'no arguments'}; got {len(args)} by position."
            )
        self.settings = {**dict(zip(self.static, args)), **kwargs}
        unknown = sorted(set(self.settings) - set(self.static))
        if unknown:
            raise TypeError(f"{type(self).__name__} has no argument {unknown[0]!r}; it takes {', '.join(self.static)}.")
        defaults = inspect.signature(type(self).function).parameters
        for setting in self.static:
            value = self.settings.get(setting, getattr(defaults.get(setting), "default", None))
            setattr(self, setting, value)

    def call(self, *args: typing.Any, **kwargs: typing.Any) -> typing.Any:
        """The op of these arrays, with the constructor's settings."""
        bound = [p for p in _parameters(type(self).function) if p not in self.settings]
        if _takes_any_number(type(self).function):
            leading = [self.settings[p] for p in self.static if p in self.settings and p == "subscripts"]
            rest = {k: v for k, v in self.settings.items() if k != "subscripts"}
            return type(self).function(*leading, *args, **rest, **kwargs)
        return type(self).function(**dict(zip(bound, args)), **self.settings, **kwargs)

    def get_config(self) -> dict[str, typing.Any]:
        return {"name": self.name, **self.settings}


def _parameters(fn: Callable[..., typing.Any]) -> list[str]:
    return list(inspect.signature(fn).parameters)


def _takes_any_number(fn: Callable[..., typing.Any]) -> bool:
    return any(p.kind is p.VAR_POSITIONAL for p in inspect.signature(fn).parameters.values())


@functools.lru_cache(None)
def operation_class(name: str, fn: Callable[..., typing.Any]) -> type[OpOperation]:
    """The class ``name`` of the op ``fn``.

    >>> from pronghorn import ops
    >>> operation_class("Sum", ops.sum)(axis=1)([[1, 2], [3, 4]]).numpy()
    array([3, 7], dtype=int32)
    """
    static = _EXCEPTIONS.get(fn.__name__)
    if static is None:
        keep = [
            p.name
            for p in inspect.signature(fn).parameters.values()
            if p.name not in _ARRAYS and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        ]
        static = tuple(keep)
    doc = f"`{fn.__name__}` as an object: {', '.join(static) or 'nothing'} for the constructor, arrays for the call."
    body = {"function": staticmethod(fn), "static": static, "__doc__": doc, "__module__": fn.__module__}
    return type(name, (OpOperation,), body)


def __getattr__(name: str) -> type[OpOperation]:
    """The classes by their names: ``operations.Sum``."""
    op = OP_OF_CLASS.get(name)
    if op is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    fn = getattr(ops, op, None) or getattr(ops.image, op)
    return operation_class(name, fn)
