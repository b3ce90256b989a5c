"""What a layer expects of its inputs, and the check against what it got."""

from __future__ import annotations

from typing import Any

from pronghorn import tree
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import Dim
from pronghorn.symbolic.keras_tensor import standardize_shape
from pronghorn.utils.arguments import CheckedArguments


class InputSpec(CheckedArguments):
    """What a layer expects of one input; attributes that are None are not checked.

    Args:
        dtype: element type.
        shape: the whole shape, with None where any extent will do; its first entry is the batch.
        ndim: the number of axes.
        max_ndim: the largest number of axes.
        min_ndim: the smallest number of axes.
        axes: extents by axis, such as ``{-1: 3}``.
        allow_last_axis_squeeze: whether a last axis of extent one may be missing or too many.
        name: the key of the input where inputs are a dict.
        optional: whether None may be passed.

    Example:

    >>> InputSpec(ndim=4, axes={-1: 3})
    InputSpec(ndim=4, axes={-1: 3})
    """

    def __init__(
        self,
        dtype: Any = None,
        shape: Any = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: dict[int, int | None] | None = None,
        allow_last_axis_squeeze: bool = False,
        name: str | None = None,
        optional: bool = False,
    ) -> None:
        self.dtype = dtype if dtype in (None, "string") else dtypes.name_of(dtype)
        self.shape = None if shape is None else standardize_shape(shape)
        self.ndim = len(self.shape) if self.shape is not None else ndim
        self.max_ndim, self.min_ndim = max_ndim, min_ndim
        self.name, self.optional = name, optional
        self.allow_last_axis_squeeze = allow_last_axis_squeeze
        try:
            self.axes = {int(k): v for k, v in (axes or {}).items()}
        except (TypeError, ValueError, AttributeError):
            raise TypeError(f"InputSpec: `axes` must be a dict from axes to extents, got {axes!r}.") from None
        limit = self.ndim if self.ndim is not None else self.max_ndim
        if self.axes and limit is not None and max(self.axes) >= limit:
            raise ValueError(f"InputSpec: axis {max(self.axes)} is beyond the {limit} axes of the input.")

    @property
    def where(self) -> str:
        """Which of several inputs it is for, in an error."""
        return ""

    def shape_hint(self, got: tuple[int | None, ...]) -> str:
        """What is likely wrong with an input of another shape, for an error."""
        if len(self.shape) == len(got) + 1 and tuple(self.shape[1:]) == got:
            return " A batch axis in front is missing: pass x[None] for a single sample."
        return ""

    def get_config(self) -> dict[str, Any]:
        return {
            "dtype": self.dtype,
            "shape": self.shape,
            "ndim": self.ndim,
            "max_ndim": self.max_ndim,
            "min_ndim": self.min_ndim,
            "axes": self.axes,
            "optional": self.optional,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> InputSpec:
        return cls(**config)

    def __repr__(self) -> str:
        shown = ((k, getattr(self, k)) for k in ("dtype", "shape", "ndim", "max_ndim", "min_ndim", "axes"))
        return f"InputSpec({', '.join(f'{k}={v}' for k, v in shown if v and not (k == 'ndim' and self.shape))})"


def known_shape(x: Any) -> tuple[int | None, ...]:
    """The shape of an array with None for what is symbolic."""
    return tuple(None if isinstance(d, Dim) else d for d in x.shape)


def assert_input_compatibility(input_spec: Any, inputs: Any, layer: Any) -> None:
    """Raise an error that names the layer where ``inputs`` are not what ``input_spec`` expects."""
    if not input_spec:
        return
    specs = tree.flatten(input_spec)
    values = _by_name(specs, inputs) if isinstance(inputs, dict) else _leaves(inputs)
    if len(values) != len(specs):
        raise ValueError(
            f"{_who(layer)} expects {len(specs)} input(s){_keys(specs)}, but got {len(values)}: "
            f"{[_describe(v) for v in values]}."
        )
    for spec, value in zip(specs, values):
        if spec is None or (value is None and spec.optional):
            continue
        if value is None:
            raise ValueError(f"{_who(layer)}: None was passed for an input that is not optional.")
        _check(spec, value, layer)


def _keys(specs: list[Any]) -> str:
    names = [getattr(s, "name", None) for s in specs]
    return f", named input(s) with keys {names}" if names and all(names) else ""


def _leaves(inputs: Any) -> list[Any]:
    return tree.flatten(inputs)


def _by_name(specs: list[Any], inputs: dict[str, Any]) -> list[Any]:
    names = [getattr(s, "name", None) for s in specs]
    if any(n is None for n in names):
        return tree.flatten(inputs)
    missing = [n for n in names if n not in inputs]
    if missing:
        raise ValueError(
            f"The inputs lack {missing}; named input(s) with keys {names} are expected, and the keys given are "
            f"{sorted(inputs)}."
        )
    return [inputs[n] for n in names]


def _who(layer: Any) -> str:
    return f"Layer {layer.name!r} ({type(layer).__name__})"


def _describe(value: Any) -> str:
    return f"shape {known_shape(value)}" if hasattr(value, "shape") else repr(value)


def _check(spec: InputSpec, value: Any, layer: Any) -> None:
    if not hasattr(value, "shape"):
        raise ValueError(f"{_who(layer)} needs tensors as inputs, got {value!r} of type {type(value).__name__}.")
    shape = known_shape(value)
    ndim = len(shape)
    if spec.ndim is not None and not spec.allow_last_axis_squeeze and ndim != spec.ndim:
        raise ValueError(wrong_rank(layer, f"{spec.ndim}", shape, spec.ndim, value))
    if spec.max_ndim is not None and ndim > spec.max_ndim:
        raise ValueError(wrong_rank(layer, f"at most {spec.max_ndim}", shape, spec.max_ndim))
    if spec.min_ndim is not None and ndim < spec.min_ndim:
        raise ValueError(wrong_rank(layer, f"at least {spec.min_ndim}", shape, spec.min_ndim, value))
    if spec.dtype is not None and value.dtype != spec.dtype:
        raise ValueError(f"{_who(layer)} expected dtype={spec.dtype}, found dtype={value.dtype}.")
    for axis, extent in spec.axes.items():
        if extent is not None and (not -ndim <= axis < ndim or shape[axis] not in (extent, None)):
            raise ValueError(
                f"{_who(layer)}: an input of shape {shape} is incompatible with the layer. Its weights were made for "
                f"extent {extent} along axis {axis}. {_extent_hint(axis, extent, shape)}"
            )
    if spec.shape is not None:
        _check_shape(spec, shape, layer)


def _extent_hint(axis: int, extent: int, shape: tuple[int | None, ...]) -> str:
    if axis in (-1, len(shape) - 1) and len(shape) > 3 and shape[1] == extent:
        return "If the channels come second, pass np.moveaxis(x, 1, -1)."
    return "Pass such inputs, or use a new layer."


def _with_squeezed(shape: tuple[int | None, ...]) -> list[tuple[int | None, ...]]:
    return [shape, shape[:-1]] if shape and shape[-1] == 1 else [shape]


def _agree(expected: tuple[int | None, ...], got: tuple[int | None, ...]) -> bool:
    return len(expected) == len(got) and all(e is None or g is None or e == g for e, g in zip(expected, got))


def _check_shape(spec: InputSpec, shape: tuple[int | None, ...], layer: Any) -> None:
    pairs = [(spec.shape, shape)]
    if spec.allow_last_axis_squeeze:  # either may lack a last axis of extent 1; that of (1,) are the samples, though
        pairs = [(e, g) for e in _with_squeezed(spec.shape) for g in _with_squeezed(shape)]
    if not any(_agree(expected, got) for expected, got in pairs):
        raise ValueError(
            f"{_who(layer)} takes inputs of shape {spec.shape}, but got one of shape {shape}{spec.where}."
            f"{spec.shape_hint(shape)}"
        )


def wrong_rank(layer: Any, axes: str, shape: tuple[int | None, ...], number: int, value: Any = None) -> str:
    """What to say of an input whose rank does not fit: ``axes`` says which ranks do, such as "at least 3"."""
    message = f"{_who(layer)} takes inputs with {axes} axes, but got one with {len(shape)}, of shape {shape}."
    given = getattr(layer, "_input_shape_arg", None)
    if given is not None and len(shape) > number and len(given) == len(shape) - 1:
        return message + (
            f" The argument input_shape={given} describes one sample, without the batch axis: it should have "
            f"{number - 1} entries. Write input_shape={given[1:]}."
        )
    if len(shape) == number - 1:
        before = getattr(getattr(value, "_keras_history", None), "operation", None)
        if getattr(before, "return_sequences", None) is False:
            return message + (
                f" Layer {before.name!r} ({type(before).__name__}) gives only its last step: make it with "
                "return_sequences=True to have every step."
            )
        if shape[:1] == (None,):
            return message + " An axis is missing; if it is that of the channels, give x[..., None]."
        return message + " An axis is missing: a batch axis in front (x[None]), or one for the channels (x[..., None])."
    if len(shape) > number and number == 2:
        return message + " Put a Flatten() layer before it."
    return message
